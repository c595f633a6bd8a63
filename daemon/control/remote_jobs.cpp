#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "core/util/encoding.h"
#include "daemon/control/daemon.h"
#include "daemon/control/job_source.h"
#include "daemon/control/members.h"
#include "daemon/control/tell_waiting.h"
#include "daemon/control/verbs.h"

namespace b2b::daemonctl {
namespace {

namespace json = boost::json;
using control::Call;
using control::Client;

constexpr std::chrono::milliseconds status_period{500};
constexpr std::chrono::milliseconds moment{5'000};  // for what the daemon knows without asking anybody
constexpr std::chrono::milliseconds as_long_as_it_takes{0};

// A pin does not itself, but it waits for the upload that is under way.
bool takes_long(Job job) {
  return job == Job::push || job == Job::verify || job == Job::restore || job == Job::prune || job == Job::copy || job == Job::pin || job == Job::repair ||
         job == Job::forget;
}

// What the daemon calls it in its status.
std::string_view name_of(Job job, json::object const& parameters) {
  switch (job) {
    case Job::push: return flag_of(parameters, "dryRun") ? "push --dry-run" : "push (manual)";
    case Job::snapshots: return "snapshots";
    case Job::ls: return "ls";
    case Job::cat: return "cat";
    case Job::diff: return "diff";
    case Job::verify: return "verify";
    case Job::restore: return "restore";
    case Job::prune: return "prune";
    case Job::copy: return "copy";
    case Job::pin: return "pin";
    case Job::pinned: return "pinned";
    case Job::repair: return "repair";
    case Job::forget: return "forget";
  }
  return {};
}

void add_to_query(std::string& target, std::string_view name, std::string const& value) {
  if (value.empty()) return;
  target += (target.find('?') == std::string::npos ? "?" : "&") + std::string(name) + "=" + uri_encode(value, false);
}

Result<Call> call_for(Job job, json::object const& parameters) {
  Call call;
  call.progress_timeout = as_long_as_it_takes;
  if (job == Job::snapshots) {
    call.target = "/v1/snapshots";
    add_to_query(call.target, "all", flag_of(parameters, "all") ? "1" : "");
    add_to_query(call.target, "at", text_of(parameters, "at"));
    return call;
  }
  if (job == Job::pinned) {
    call.target = "/v1/pinned";
    return call;
  }
  if (job == Job::ls) {
    call.target = "/v1/snapshots/" + uri_encode(text_of(parameters, "snapshot"), false) + "/files";
    add_to_query(call.target, "path", text_of(parameters, "path"));
    add_to_query(call.target, "at", text_of(parameters, "at"));
    return call;
  }
  call.method = "POST";
  std::string_view const name = name_of(job, parameters);
  call.target = "/v1/" + std::string(name.substr(0, name.find(' ')));
  call.body = json::serialize(parameters);
  if (!is_valid_utf8(call.body))
    return make_error(Condition::usage, "a name in this command is not UTF-8, and the daemon takes no other",
                      "Do it without the daemon: daemonctl --direct");
  return call;
}

// The newest job of that name: the one that was asked for last.
json::object const* newest_job(json::object const& status, std::string_view name) {
  json::object const* found = nullptr;
  for (json::value const& item : list_of(status, "jobs")) {
    json::object const& job = as_object(item);
    if (text_of(job, "what") != name) continue;
    if (found == nullptr || number_of(job, "id") > number_of(*found, "id")) found = &job;
  }
  return found;
}

// A restore around the gateway that has not ended: its number, also while it waits and is no job yet. 0: there is none.
std::uint64_t waiting_restore(json::object const& status) {
  auto const* const restore = status.if_contains("restore");
  if (restore == nullptr || !restore->is_object()) return 0;
  std::string const state = text_of(restore->get_object(), "state");
  bool const ended = state == "done" || state == "failed" || state == "cancelled" || state == "expired";
  return ended ? 0 : number_of(restore->get_object(), "job");
}

Result<json::object> status_of(Client const& client) {
  Call call;
  call.target = "/v1/status";
  call.progress_timeout = moment;
  return client.call_json(call);
}

// While it lives: when the session is stopped, has the daemon cancel the job. The job then ends with an answer that says what
// was done; a daemon that does not take the cancellation is not waited for.
class CancelOnStop {
 public:
  CancelOnStop(Client const& client, std::string name, std::stop_token stop)
      : client_(client), name_(std::move(name)), thread_([this, stop = std::move(stop)](std::stop_token const& done) { run(stop, done); }) {}
  ~CancelOnStop() {
    thread_.request_stop();
    thread_.join();
  }
  std::stop_token give_up() const { return give_up_.get_token(); }

 private:
  void run(std::stop_token const& stop, std::stop_token const& done) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::stop_callback const stopped(stop, [&] {
      std::scoped_lock lock(mutex);
      wake.notify_all();
    });
    std::unique_lock lock(mutex);
    wake.wait(lock, done, [&] { return stop.stop_requested(); });
    lock.unlock();
    if (stop.stop_requested() && !done.stop_requested() && !cancel()) give_up_.request_stop();
  }

  bool cancel() {
    auto const status = status_of(client_);
    if (!status) return false;
    json::object const* job = newest_job(*status, name_);
    std::uint64_t number = job == nullptr ? 0 : number_of(*job, "id");
    if (job == nullptr && name_ == "restore") number = waiting_restore(*status);
    if (number == 0) return true;  // it has ended: its answer is on the way
    Call call;
    call.method = "POST";
    call.target = "/v1/cancel";
    call.progress_timeout = moment;
    call.body = json::serialize(json::object{{"job", number}});
    auto const cancelled = client_.call_json(call);
    return cancelled || cancelled.error().condition == Condition::not_found;
  }

  Client const& client_;
  std::string const name_;
  std::stop_source give_up_;
  std::jthread thread_;  // the last: it uses the others
};

class RemoteJobs final : public JobSource {
 public:
  explicit RemoteJobs(Session& session) : session_(session) {}

  Answer run(Job job, json::object const& parameters) override {
    B2B_ASSIGN(Client const client, find_daemon(session_.arguments, session_.loaded.config));
    B2B_ASSIGN(Call const call, call_for(job, parameters));
    std::optional<TellWaiting> tell;
    if (job == Job::restore && text_of(parameters, "gateway") == "stop" && !flag_of(parameters, "dryRun")) tell.emplace(client, session_.console);
    auto answer = takes_long(job) ? wait_for(client, call, std::string(name_of(job, parameters)))
                                  : client.call_json(call, session_.stop);
    if (answer) answer->stable_erase("ok");
    return answer;
  }

  Answer rows(Job job, json::object const& parameters, RowVisitor const& visit) override {
    B2B_ASSIGN(json::object answer, run(job, parameters));
    json::value rows = std::move(answer[row_list(job)]);
    answer.stable_erase(row_list(job));
    if (json::array* const list = rows.if_array()) {
      for (json::value& row : *list) {
        if (!row.is_object()) continue;
        B2B_TRY(visit(std::move(row.get_object())));
      }
    }
    return answer;
  }

  Result<void> content(json::object const& parameters, ByteSink& sink) override {
    B2B_ASSIGN(json::object const answer, run(Job::cat, parameters));
    auto const bytes = from_base64(text_of(answer, "contentBase64"));
    if (!bytes || bytes->size() != number_of(answer, "size"))
      return make_error(Condition::transit, "the daemon's answer does not hold the file", "Try again");
    return sink.write(*bytes);
  }

 private:
  Answer wait_for(Client const& client, Call const& call, std::string const& name) {
    CancelOnStop const interrupt(client, name, session_.stop);
    auto const look = [&]() -> std::optional<ProgressNow> {
      auto const status = status_of(client);
      if (!status) return std::nullopt;
      json::object const* job = newest_job(*status, name);
      if (job == nullptr) return std::nullopt;
      return ProgressNow{printable(text_of(*job, "phase")), number_of(*job, "filesDone"), number_of(*job, "filesTotal"),
                         number_of(*job, "bytesDone"), number_of(*job, "bytesTotal")};
    };
    bool const wanted = !session_.arguments.quiet && !session_.arguments.json;
    ProgressLine const progress(look, status_period, wanted, session_.clock);
    auto answer = client.call_json(call, interrupt.give_up());
    if (answer || !interrupt.give_up().stop_requested()) return answer;
    return make_error(Condition::cancelled, "stopped waiting; the daemon did not say that it has stopped the job",
                      "daemonctl status shows whether it still runs");
  }

  Session& session_;
};

}  // namespace

std::unique_ptr<JobSource> remote_jobs(Session& session) { return std::make_unique<RemoteJobs>(session); }

}  // namespace b2b::daemonctl
