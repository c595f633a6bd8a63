#include "daemon/service/checkup.h"

#include <boost/json.hpp>
#include <utility>

#include "core/util/log.h"
#include "daemon/jobs/last_check.h"

namespace b2b::service {
namespace {

namespace json = boost::json;

constexpr std::string_view times_key = "check-times";

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
  auto work = [kind, percent = config_.service.check.percent, target = jobs::check_target(config_)](EngineContext& context) -> Result<json::object> {
    B2B_ASSIGN(CheckReport const report, check_stored(context, kind, percent));
    B2B_ASSIGN(auto const before, jobs::last_check(*context.index, kind, target));
    json::object answer = jobs::check_answer(kind, report, context.clock->now(), before ? &*before : nullptr);
    B2B_TRY(jobs::keep_last_check(*context.index, kind, target, answer));
    return answer;
  };
  around_.coordinator().run(Lane::reading, job_name(kind), std::move(work), [this, kind](Result<json::object> const& answer) {
    around_.post([this, kind, answer] { ended(kind, answer); });
  });
}

void Checkup::ended(CheckKind kind, Result<json::object> const& answer) {
  times_.ended(kind, around_.clock->now(), answer.has_value());
  keep_times();
  if (!answer) {
    // Cancelled: a person or the end of the daemon. Away: the next try is in an hour, and pushes tell of it.
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

bool Checkup::found_damage() const {
  for (CheckKind const kind : {CheckKind::content, CheckKind::presence})
    if (auto const found = last(kind); found && jobs::found_damage(*found)) return true;
  return false;
}

}  // namespace b2b::service
