#include "daemon/service/checkup.h"

#include <boost/json.hpp>
#include <utility>

#include "core/util/log.h"
#include "core/util/encoding.h"
#include "daemon/jobs/last_check.h"
#include "daemon/jobs/members.h"

namespace b2b::service {
namespace {

namespace json = boost::json;

constexpr std::string_view times_key = "check-times";

std::string failure_key(CheckKind kind) { return "check-failure:" + std::string(check_kind_name(kind)); }

CheckTimes::End end_of(Result<json::object> const& answer) {
  if (answer) return CheckTimes::End::done;
  if (answer.error().condition == Condition::cancelled) return CheckTimes::End::stopped;
  return answer.error().condition == Condition::limit ? CheckTimes::End::capped : CheckTimes::End::failed;
}

std::string job_name(CheckKind kind) { return kind == CheckKind::content ? "check" : "look at the store"; }

}  // namespace

Checkup::Checkup(CheckupSurroundings surroundings, Config const& config)
    : around_(std::move(surroundings)), config_(config), times_(config.service.check, around_.instance.id, jobs::check_target(config)) {
  if (auto const removed = remove_abandoned_checks(around_.instance.data_dir); !removed) log_warning(removed.error().text());
  auto const kept = around_.index->value(times_key);
  if (!kept) {
    log_warning(kept.error().text());
    return;
  }
  kept_times_ = kept->value_or("");
  times_.restore(kept_times_);
}

void Checkup::configure(Config const& config) {
  config_ = config;
  times_.configure(config.service.check, jobs::check_target(config));
}

std::optional<TimePoint> Checkup::look(std::chrono::nanoseconds unchanged_for, bool busy) {
  auto const status = around_.coordinator().status();
  if (!status.last_good_time) return std::nullopt;  // nothing to check yet
  CheckTimes::Moment moment;
  moment.now = around_.clock->now();
  moment.monotonic = around_.clock->monotonic();
  moment.unchanged_for = unchanged_for;
  moment.resting = !busy && status.running.empty() && status.queue.empty();
  auto const due = times_.look(moment);
  if (due.begin) begin(*due.begin);
  keep_times();
  return due.look_again;
}

void Checkup::begin(CheckKind kind) {
  times_.began(kind, around_.clock->now());
  keep_times();  // before it runs: should it take the daemon down, the next one does not begin with it
  auto work = [kind, percent = config_.service.check.percent](EngineContext& context) -> Result<json::object> {
    std::string const target = jobs::check_target(context.config);   // a reload may have come before it runs
    B2B_ASSIGN(CheckReport const report, check_stored(context, kind, percent));
    B2B_ASSIGN(auto const before, jobs::last_check(*context.index, kind, target));
    json::object answer = jobs::check_answer(kind, report, context.clock->now(), before ? &*before : nullptr);
    B2B_TRY(jobs::keep_last_check(*context.index, kind, target, answer));
    return answer;
  };
  around_.coordinator().run(Lane::reading, job_name(kind), std::move(work), [this, kind, target = jobs::check_target(config_)](Result<json::object> const& answer) {
    around_.post([this, kind, target, answer] { ended(kind, target, answer); });
  });
}

void Checkup::ended(CheckKind kind, std::string const& target, Result<json::object> const& answer) {
  times_.ended(kind, around_.clock->now(), end_of(answer));
  keep_times();
  keep_failure(kind, target, answer);
  if (!answer) {
    // Cancelled: a person or the end of the daemon. Else it is tried again, and the status tells of it when that is in vain for long.
    if (answer.error().condition != Condition::cancelled)
      log_warning("the backups could not be checked, which is tried again: " + answer.error().text());
  } else {
    std::string const text = jobs::check_text(kind, *answer);
    around_.publish("check", {{"kind", check_kind_name(kind)},
                              {"outcome", answer->at("outcome")},
                              {"problemCount", answer->at("problemCount")},
                              {"text", text}});
    if (jobs::found_damage(*answer)) {
      log_error(text);
      around_.alarm(text);
    } else {
      log_info((kind == CheckKind::content ? "the backups were checked: " : "the store was looked at: ") + text);
    }
  }
  around_.ended();
}

void Checkup::keep_times() {
  std::string const text = times_.text();
  if (text == kept_times_) return;
  if (auto const kept = around_.index->set_value(times_key, text); !kept) return log_warning(kept.error().text());
  kept_times_ = text;
}

std::optional<json::object> Checkup::last(CheckKind kind) const {
  auto const found = jobs::last_check(*around_.index, kind, jobs::check_target(config_));
  return found ? *found : std::nullopt;
}

std::string Checkup::damage() const {
  std::string out;
  for (CheckKind const kind : {CheckKind::content, CheckKind::presence})
    if (auto const found = last(kind); found && jobs::found_damage(*found)) out += (out.empty() ? "" : "\n") + jobs::check_text(kind, *found);
  return out;
}

bool Checkup::found_damage() const { return !damage().empty(); }

void Checkup::keep_failure(CheckKind kind, std::string const& target, Result<json::object> const& answer) {
  if (!answer && answer.error().condition == Condition::cancelled) return;
  std::string const key = failure_key(kind);
  auto const kept = answer ? around_.index->clear_value(key)
                           : around_.index->set_value(key, json::serialize(json::object{{"target", target}, {"error", printable(answer.error().text())}}));
  if (!kept) log_warning(kept.error().text());
}

std::optional<json::object> Checkup::overdue() const {
  for (CheckKind const kind : {CheckKind::content, CheckKind::presence}) {
    auto const since = times_.overdue_since(kind, around_.clock->now());
    auto const text = around_.index->value(failure_key(kind));
    if (!since || !text || !*text) continue;
    boost::system::error_code failed;
    json::value const kept = json::parse(**text, failed);
    if (failed || !kept.is_object() || jobs::text_of(kept.get_object(), "target") != jobs::check_target(config_)) continue;
    return json::object{{"kind", check_kind_name(kind)}, {"since", format_iso8601(*since)}, {"error", jobs::text_of(kept.get_object(), "error")}};
  }
  return std::nullopt;
}

}  // namespace b2b::service
