// The verbs that only the daemon can answer: status, events, metrics, notify.
#include <unistd.h>

#include <boost/json.hpp>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "core/util/encoding.h"
#include "daemon/control/daemon.h"
#include "daemon/control/members.h"
#include "daemon/control/status_text.h"
#include "daemon/control/verbs.h"
#include "daemon/jobs/answers.h"

namespace b2b::daemonctl {
namespace {

namespace json = boost::json;
using control::Call;
using control::Client;

constexpr int reconnections_max = 10;  // one a second

bool on_terminal() { return ::isatty(STDOUT_FILENO) == 1; }

bool wants_colour() {
  char const* const no = std::getenv("NO_COLOR");
  return on_terminal() && (no == nullptr || *no == '\0');
}

Call get(std::string target) {
  Call call;
  call.target = std::move(target);
  return call;
}

// Waits for a time, for poke(), or for the stop.
class Pause {
 public:
  void poke() {
    std::scoped_lock lock(mutex_);
    poked_ = true;
    wake_.notify_all();
  }
  // nullopt: without an end of its own.
  void wait(std::optional<std::chrono::milliseconds> longest, std::stop_token const& stop) {
    std::unique_lock lock(mutex_);
    auto const poked = [this] { return poked_; };
    if (longest) {
      wake_.wait_for(lock, stop, *longest, poked);
    } else {
      wake_.wait(lock, stop, poked);
    }
    poked_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  bool poked_ = false;
};

// Calls `on_event` for each event until the stop; connects again when the daemon restarts.
Result<void> listen(Client const& client, control::EventStreamParser::OnEvent const& on_event, std::stop_token const& stop) {
  std::string last_id;
  Pause pause;
  for (int failures = 0;;) {
    auto const done = client.events("/v1/events", last_id,
                                    [&](control::Event const& event) {
                                      failures = 0;
                                      if (!event.id.empty()) last_id = event.id;
                                      return on_event(event);
                                    },
                                    stop);
    if (done || !done.error().retryable || stop.stop_requested() || ++failures > reconnections_max) return done;
    pause.wait(std::chrono::seconds(1), stop);
  }
}

int show_status(Session& session, json::object status, bool clear) {
  Console& console = session.console;
  std::string text = console.json() ? std::string() : status_text(status, session.clock.now(), wants_colour());
  if (!text.empty() && text.back() == '\n') text.pop_back();
  status.stable_erase("ok");
  console.result((clear ? "\033[H\033[2J" : "") + text);
  return console.succeed(std::move(status), 0);
}

// Redraws at each event, on a terminal also every second. There it goes on when the daemon is away: somebody may be watching
// a restart.
int watch_status(Session& session, Client const& client) {
  bool const redraw = on_terminal() && !session.console.json();
  auto const period = redraw ? std::optional<std::chrono::milliseconds>(1'000) : std::nullopt;
  Pause changed;
  std::stop_source ended;
  std::stop_callback const with_session(session.stop, [&] { ended.request_stop(); });
  std::mutex mutex;
  std::optional<Error> lost;
  std::jthread const listener([&] {
    auto const told = listen(client, [&](control::Event const&) {
      changed.poke();
      return true;
    }, ended.get_token());
    std::scoped_lock lock(mutex);
    if (!told) lost = told.error();
    changed.poke();
  });
  auto const stop_listening = [&](int exit_code) {
    ended.request_stop();
    return exit_code;
  };
  for (;;) {
    auto status = client.call_json(get("/v1/status"), session.stop);
    if (session.stop.stop_requested()) return stop_listening(exit_code_of(Condition::cancelled));
    if (status) {
      show_status(session, std::move(*status), redraw);
    } else if (redraw) {
      session.console.result("\033[H\033[2J" + printable(status.error().text()));
    } else {
      return stop_listening(session.console.fail(status.error()));
    }
    changed.wait(period, session.stop);
    if (session.stop.stop_requested()) return stop_listening(exit_code_of(Condition::cancelled));
    std::scoped_lock lock(mutex);
    if (lost && !redraw) return stop_listening(session.console.fail(*lost));
  }
}

}  // namespace

int run_verb(Session& session, StatusArguments const& arguments) {
  Console& console = session.console;
  auto const client = find_daemon(session.arguments, session.loaded.config);
  if (!client) return console.fail(client.error());
  if (arguments.watch) return watch_status(session, *client);
  auto status = client->call_json(get("/v1/status"), session.stop);
  if (!status) return console.fail(status.error());
  return show_status(session, std::move(*status), false);
}

int run_verb(Session& session, EventsArguments const&) {
  Console& console = session.console;
  auto const client = find_daemon(session.arguments, session.loaded.config);
  if (!client) return console.fail(client.error());
  auto const print = [&](control::Event const& event) {
    if (!console.json()) {
      console.result(event_text(event.name, event.data, session.clock.now()));
      return true;
    }
    boost::system::error_code failed;
    json::value data = json::parse(event.data, failed);
    if (failed) data = printable(event.data);
    console.succeed({{"id", printable(event.id)}, {"event", printable(event.name)}, {"data", std::move(data)}}, 0);
    return true;
  };
  auto const done = listen(*client, print, session.stop);
  if (session.stop.stop_requested()) return exit_code_of(Condition::cancelled);
  return done ? 0 : console.fail(done.error());
}

int run_verb(Session& session, MetricsArguments const&) {
  Console& console = session.console;
  auto const client = find_daemon(session.arguments, session.loaded.config);
  if (!client) return console.fail(client.error());
  auto answer = client->call(get("/metrics"), session.stop);
  if (!answer) return console.fail(answer.error());
  if (!answer->body.empty() && answer->body.back() == '\n') answer->body.pop_back();
  console.result(answer->body);
  return console.succeed({{"metrics", answer->body}}, 0);
}

int run_verb(Session& session, NotifyArguments const& arguments) {
  Console& console = session.console;
  json::object body{{"event", arguments.event}};
  if (!arguments.data.empty()) {
    boost::system::error_code failed;
    json::value data = json::parse(arguments.data, failed);
    if (failed || !data.is_object())
      return console.fail(make_error(Condition::usage, "what goes with the event must be a JSON object, not " + printable(arguments.data),
                                     "For example: daemonctl notify gateway_stop '{\"reason\":\"shutdown\"}'"));
    body["data"] = std::move(data);
  }
  auto const client = find_daemon(session.arguments, session.loaded.config);
  if (!client) return console.fail(client.error());
  Call call;
  call.method = "POST";
  call.target = "/v1/notify";
  call.body = json::serialize(body);
  if (!is_valid_utf8(call.body)) return console.fail(make_error(Condition::usage, "the event is not UTF-8"));
  call.progress_timeout = std::chrono::milliseconds(0);  // the daemon keeps its own deadline
  auto answer = client->call_json(call, session.stop);
  if (!answer) return console.fail(answer.error());
  answer->stable_erase("ok");
  bool const was_captured = flag_of(*answer, "captured");
  bool const missed = answer->contains("captured") && !was_captured;
  if (missed) {
    if (!console.json()) console.warn("not captured: " + printable(text_of(*answer, "reason")));
  } else if (was_captured) {
    console.line(flag_of(*answer, "unchanged") ? std::string("Captured: nothing had changed.")
                                               : "Captured: snapshot " + printable(text_of(*answer, "snapshot")));
  } else {
    console.line("The daemon knows.");
  }
  return console.succeed(std::move(*answer), missed ? jobs::exit_incomplete : 0);
}

int run_verb(Session& session, CancelArguments const& arguments) {
  Console& console = session.console;
  auto const client = find_daemon(session.arguments, session.loaded.config);
  if (!client) return console.fail(client.error());
  std::uint64_t job = 0;
  if (!arguments.job.empty()) {
    auto const read = std::from_chars(arguments.job.data(), arguments.job.data() + arguments.job.size(), job);
    if (read.ec != std::errc() || read.ptr != arguments.job.data() + arguments.job.size())
      return console.fail(make_error(Condition::usage, printable(arguments.job) + " is no number of a job", "daemonctl --json status has them, under jobs"));
  } else {
    auto const status = client->call_json(get("/v1/status"), session.stop);
    if (!status) return console.fail(status.error());
    job = number_of(object_of(*status, "restore"), "job");
    if (!restore_is_active(*status))
      return console.fail(make_error(Condition::not_found, "no restore waits for the gateway", "daemonctl cancel JOB ends another job"));
  }
  Call call;
  call.method = "POST";
  call.target = "/v1/cancel";
  call.body = json::serialize(json::object{{"job", job}});
  auto answer = client->call_json(call, session.stop);
  if (!answer) return console.fail(answer.error());
  answer->stable_erase("ok");
  console.line("Job " + std::to_string(job) + " was told to stop.");
  return console.succeed(std::move(*answer), 0);
}

}  // namespace b2b::daemonctl
