#include "tests/unit/service/week.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <boost/json.hpp>

#include "core/engine/choose_layout.h"
#include "core/engine/watch_push.h"

namespace b2b::test {
namespace {

using namespace std::chrono_literals;

std::string clock_text(TimePoint time) { return format_iso8601(time).substr(11, 8); }

}  // namespace

TimePoint utc(std::string const& text) {
  auto const time = parse_iso8601(text.substr(0, 10) + "T" + text.substr(11) + "Z");
  REQUIRE(time);
  return *time;
}

Week::Week(WeekSetup const& setup) : setup_(setup), true_now_(setup.start) {
  machine.config.keep_snapshots = setup.keep_snapshots;
  machine.config.layout = setup.layout;
  service_.schedule = setup.schedule;
  service_.timezone = setup.zone;
  service_.watch.push = setup.watch;
  FaultPlan plan;
  plan.before = [this](std::uint64_t, std::string_view, std::string const&) -> Result<void> {
    std::scoped_lock lock(mutex_);
    if (!away_) return {};
    ++refused_calls;
    return make_error(Condition::unreachable, "the store is away");
  };
  store_ = std::make_unique<FaultStore>(setup.store != nullptr ? *setup.store : *machine.memory, std::move(plan));
  machine.clock.set_wall(setup.start - 1s);
  {
    auto context = machine.open(store_.get());
    keyring_ = context.keyring;
    auto const first = b2b::push(context, {});
    INFO((first ? std::string() : first.error().text()));
    REQUIRE(first);
    REQUIRE(first->snapshot);
    state_of[first->snapshot->text] = live();
  }
  machine.clock.set_wall(setup.start);
  start_daemon();
}

void Week::every(TimePoint first, std::chrono::nanoseconds period, TimePoint last, std::function<void()> const& what) {
  for (TimePoint when = first; when <= last; when += period) at(when, what);
}

// Script.

void Week::change(std::string const& name) {
  machine.write(name, "version " + std::to_string(++changes_) + "\n");
  auto const ns = machine.clock.now().time_since_epoch().count();
  timespec const time{ns / 1'000'000'000, ns % 1'000'000'000};
  timespec const times[2] = {time, time};
  REQUIRE(::utimensat(AT_FDCWD, machine.path(name).c_str(), times, 0) == 0);
  if (clockwork_) clockwork_->changed(name, machine.clock.now());
}

void Week::push(Trigger trigger) {
  auto const id = clockwork_->push_began(machine.clock.now());
  PushJob job;
  job.trigger = trigger;
  job.captured = [this, id, for_changes = trigger == Trigger::change](Result<PushReport> const& report) {
    std::scoped_lock lock(mutex_);
    auto const took = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(report ? report->seconds : 0));
    answers_.push_back({id, report.has_value(), for_changes, report ? report->bytes_captured : 0, took});
  };
  coordinator->push(std::move(job));
}

void Week::suspend(std::chrono::nanoseconds length, bool monotonic_counts_it) {
  true_now_ += length;
  if (monotonic_counts_it) {
    machine.clock.advance(length);
  } else {
    machine.clock.set_wall(machine.clock.now() + length);
  }
}

void Week::set_wall_off_by(std::chrono::nanoseconds difference) { machine.clock.set_wall(true_now_ + difference); }

void Week::stop_daemon() {
  if (clockwork_->pushes_changes() && !clockwork_->changes().empty()) push(Trigger::change);
  coordinator->stop({});
  coordinator.reset();
  take_news();
  answers_.clear();
  clockwork_.reset();
  look_again_.reset();
}

void Week::start_daemon() {
  auto made = service::Clockwork::create(service_, "0123456789abcdef");
  REQUIRE(made);
  clockwork_ = std::move(*made);
  clockwork_->restore(kept_);
  clockwork_->changed_unknown(machine.clock.now());  // as the watcher says once it watches everything
  CoordinatorOptions options;
  options.clock = &machine.clock;
  options.open = [this](std::stop_token) -> Result<EngineContext> {
    auto context = machine.open(store_.get());
    context.keyring = keyring_;
    context.packed = std::make_shared<PackedAccess>();
    return context;
  };
  options.event = [this](std::string_view name, boost::json::object const& data) {
    bool const is_capture = name == "captured";
    if (!is_capture && name != "uploaded") return;
    std::scoped_lock lock(mutex_);
    (is_capture ? news_captured_ : news_uploaded_)
        .push_back({{}, std::string(data.at("trigger").as_string()), std::string(data.at("snapshot").as_string())});
  };
  coordinator = std::make_unique<Coordinator>(std::move(options));
}

void Week::store_away(bool away) {
  std::scoped_lock lock(mutex_);
  away_ = away;
}

void Week::switch_layout(SnapshotLayout layout) {
  auto context = machine.open(store_.get());
  REQUIRE(keep_layout(context, layout));
}

// Time.

std::vector<Week::Captured> Week::take_news() {
  std::scoped_lock lock(mutex_);
  for (Entry& entry : news_captured_) {
    entry.when = true_now_;
    state_of[entry.snapshot] = live();
    captured.push_back(std::move(entry));
  }
  for (Entry& entry : news_uploaded_) {
    entry.when = true_now_;
    uploaded.push_back(std::move(entry));
  }
  news_captured_.clear();
  news_uploaded_.clear();
  return std::exchange(answers_, {});
}

void Week::follow_layout() {
  auto context = machine.open(store_.get());
  auto const layout = known_layout(context);
  REQUIRE(layout);
  clockwork_->push_changes(watch_push(setup_.watch, *layout).on);
}

void Week::act() {
  for (int round = 0; clockwork_; ++round) {
    REQUIRE(round < 10);                     // what was done must not be due again
    ++looks;
    follow_layout();
    auto const due = clockwork_->look(machine.clock.now());
    for (Trigger const trigger : due.triggers) push(trigger);
    kept_ = clockwork_->text();
    look_again_ = due.look_again;
    coordinator->tick();
    coordinator->wait_idle();
    std::size_t const arrived_before = uploaded.size();
    auto const answers = take_news();
    for (Captured const& answer : answers) {
      if (answer.ok) {
        clockwork_->push_done(answer.push);
        if (answer.for_changes) clockwork_->change_captured(answer.bytes, answer.took);
      } else {
        clockwork_->push_failed(answer.push);
      }
    }
    if (watch_latest && uploaded.size() > arrived_before && latest() != state_of.at(captured.back().snapshot)) ++latest_was_another;
    if (due.triggers.empty() && answers.empty()) return;
  }
}

void Week::run_due_script() {
  while (!script_.empty() && script_.begin()->first <= true_now_) {
    auto const what = std::move(script_.begin()->second);
    script_.erase(script_.begin());
    what();
  }
}

void Week::run_until(TimePoint end) {
  for (int standing = 0;;) {
    run_due_script();
    act();
    if (true_now_ >= end) return;
    TimePoint next = end;
    if (!script_.empty()) next = std::min(next, script_.begin()->first);
    if (look_again_) next = std::min(next, true_now_ + (*look_again_ - machine.clock.now()));
    if (auto const wake = coordinator ? coordinator->next_wake() : std::nullopt) next = std::min(next, true_now_ + *wake);
    if (next > true_now_) {
      machine.clock.advance(next - true_now_);
      true_now_ = next;
      standing = 0;
    } else {
      REQUIRE(++standing < 3);               // waking up again and again without anything to do
    }
  }
}

// Looking.

std::vector<std::string> Week::texts(std::vector<Entry> const& entries) {
  std::vector<std::string> out;
  for (Entry const& entry : entries)
    out.push_back(format_iso8601(entry.when).substr(5, 5) + " " + clock_text(entry.when) + " " + entry.trigger);
  return out;
}

std::vector<std::string> Week::of_days(std::vector<Entry> const& entries) const {
  std::vector<std::string> out;
  for (Entry const& entry : entries) {
    auto const day = std::chrono::floor<std::chrono::days>(entry.when - setup_.start).count() + 1;
    out.push_back("day " + std::to_string(day) + " " + clock_text(entry.when) + " " + entry.trigger);
  }
  return out;
}

std::map<std::string, std::string> Week::live() const {
  std::map<std::string, std::string> out;
  for (auto const& item : std::filesystem::recursive_directory_iterator(machine.config.state_dir)) {
    std::string const name = item.path().lexically_relative(machine.config.state_dir);
    if (!item.is_regular_file() || name.starts_with("b2backupd/")) continue;
    out[name] = read_file(item.path(), 1 << 20).value();
  }
  return out;
}

std::map<std::string, std::string> Week::latest() {
  auto context = machine.open(store_.get());
  context.keyring = keyring_;
  context.packed = std::make_shared<PackedAccess>();
  std::vector<std::string> notes;
  auto const id = resolve_snapshot(context, "latest", notes);
  INFO((id ? std::string() : id.error().text()));
  REQUIRE(id);
  return state_of.at(id->text);
}

std::vector<std::string> Week::listed() {
  auto context = machine.open(store_.get());
  auto const found = list_bucket(context, true);
  REQUIRE(found);
  std::vector<std::string> out;
  for (ListedSnapshot const& snapshot : found->snapshots) {
    CHECK(snapshot.has_manifest);
    CHECK(snapshot.problem.empty());
    out.push_back(snapshot.info.id.text);
  }
  return out;
}

void Week::check_that_all_restores() {
  CHECK(coordinator->status().queue.empty());
  CHECK_FALSE(coordinator->status().last_error);
  CHECK(latest() == live());
  for (std::string const& id : listed()) {
    INFO(id);
    REQUIRE(state_of.contains(id));
    CHECK(machine.contents(*parse_snapshot_id(id), store_.get()) == state_of.at(id));
  }
}

}  // namespace b2b::test
