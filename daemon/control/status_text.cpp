#include "daemon/control/status_text.h"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "core/util/encoding.h"
#include "daemon/control/console.h"
#include "daemon/control/members.h"

namespace b2b::daemonctl {
namespace {

namespace json = boost::json;

constexpr std::size_t paths_shown = 3;
constexpr std::int64_t restore_shown_seconds = 86'400;

enum class Mood { good, careful, bad };

struct Verdict {
  Mood mood = Mood::good;
  std::string text;
  bool tells_error = false;  // the last error is part of it
};

std::string shown(json::object const& object, std::string_view name) { return printable(text_of(object, name)); }

std::int64_t whole_seconds(std::chrono::nanoseconds time) { return std::chrono::duration_cast<std::chrono::seconds>(time).count(); }

// How long ago that was; nullopt when it is no time.
std::optional<std::int64_t> age_of(json::object const& object, std::string_view name, TimePoint now) {
  auto const time = parse_iso8601(text_of(object, name));
  if (!time) return std::nullopt;
  return whole_seconds(now - *time);
}

std::string ago(json::object const& object, std::string_view name, TimePoint now) {
  auto const age = age_of(object, name, now);
  return age ? human_duration(*age) + " ago" : "at an unknown time";
}

std::string why_old(json::object const& status, bool& tells_error) {
  if (has_value(status, "lastError")) {
    tells_error = true;
    return shown(object_of(status, "lastError"), "error");
  }
  if (!flag_of(status, "storeReachable")) return "the store is not reachable";
  if (!list_of(status, "queue").empty()) return "newer ones wait for their upload";
  if (has_value(status, "staleAfterSeconds"))
    return "there should be one every " + human_duration(static_cast<std::int64_t>(real_of(status, "staleAfterSeconds")));
  return "no newer one was made";
}

Verdict verdict_of(json::object const& status, TimePoint now) {
  Verdict out;
  std::string const health = text_of(status, "health");
  json::object const& good = object_of(status, "lastGood");
  if (!has_value(status, "lastGood")) {
    out.mood = health == "failing" ? Mood::bad : Mood::careful;
    out.text = "Nothing was backed up yet";
    if (has_value(status, "lastError")) {
      out.text += ": " + why_old(status, out.tells_error);
    } else {
      out.text += ".";
    }
    return out;
  }
  auto const age = age_of(good, "time", now);
  std::int64_t const seconds = age.value_or(static_cast<std::int64_t>(real_of(good, "ageSeconds")));
  if (health == "stale" || health == "failing") {
    out.mood = Mood::bad;
    out.text = "The last good backup is " + human_duration(seconds) + " old: " + why_old(status, out.tells_error);
    return out;
  }
  out.mood = health == "ok" ? Mood::good : Mood::careful;
  out.text = "Backed up " + human_duration(seconds) + " ago.";
  return out;
}

std::string coloured(Mood mood, std::string const& text) {
  std::string_view const code = mood == Mood::good ? "\033[32m" : mood == Mood::careful ? "\033[33m" : "\033[31m";
  return std::string(code) + text + "\033[0m";
}

void add(std::string& out, std::string_view what, std::string const& text) {
  std::string name = std::string(what) + ":";
  name.resize(10, ' ');
  out += "  " + name + " " + text + "\n";
}

// "reason. advice"
std::string sentences(std::string first, std::string const& second) {
  if (second.empty()) return first;
  if (first.empty()) return second;
  if (first.back() != '.') first += ".";
  return first + " " + second;
}

void add_jobs(std::string& out, json::object const& status) {
  for (json::value const& item : list_of(status, "jobs")) {
    json::object const& job = as_object(item);
    std::string const how = progress_text(shown(job, "phase"), number_of(job, "filesDone"), number_of(job, "filesTotal"),
                                          number_of(job, "bytesDone"), number_of(job, "bytesTotal"), 0);
    add(out, "Now", shown(job, "what") + (how.empty() ? "" : ", " + how));
  }
}

void add_next_run(std::string& out, json::object const& status, TimePoint now) {
  json::object const& schedule = object_of(status, "schedule");
  if (!has_value(schedule, "next")) return add(out, "Next", "none is scheduled");
  auto const age = age_of(schedule, "next", now);
  if (!age) return;
  std::string const zone = shown(schedule, "timezone");
  add(out, "Next", (*age >= 0 ? "now" : "in " + human_duration(-*age)) + " (" + shown(schedule, "text") +
                       (zone.empty() ? "" : ", " + zone) + ")");
}

void add_queue(std::string& out, json::object const& status, TimePoint now) {
  json::array const& queue = list_of(status, "queue");
  if (queue.empty()) return;
  std::string text = std::to_string(queue.size()) + (queue.size() == 1 ? " capture, " : " captures, ") +
                     human_bytes(number_of(status, "queueBytes")) + ", the oldest from " + ago(as_object(queue.front()), "captured", now);
  if (has_value(status, "nextUploadSeconds"))
    text += "; next try in " + human_duration(static_cast<std::int64_t>(real_of(status, "nextUploadSeconds")));
  std::uint64_t const limit = number_of(status, "queueLimitBytes");
  if (limit > 0 && number_of(status, "queueBytes") >= limit / 10 * 9)
    text += "; there is room for " + human_bytes(limit) + " (limits.spool)";
  add(out, "Waiting", text);
}

void add_changes(std::string& out, json::object const& status, TimePoint now) {
  json::object const& changes = object_of(status, "changes");
  std::uint64_t const count = number_of(changes, "count");
  bool const more = flag_of(changes, "more");
  if (count == 0 && !more) return;
  std::string text = (more ? "at least " : "") + std::to_string(count) + (count == 1 ? " path" : " paths");
  if (count == 0) text = "maybe; not every change could be seen, so the next backup looks at every file";
  if (count > 0 && has_value(changes, "since")) text += ", the first " + ago(changes, "since", now);
  json::array const& paths = list_of(changes, "paths");
  std::string names;
  for (std::size_t i = 0; i < paths.size() && i < paths_shown; ++i) names += (i == 0 ? "" : ", ") + printable(as_text(paths[i]));
  if (count > paths_shown) names += ", …";
  if (!names.empty()) text += " (" + names + ")";
  add(out, "Changed", text);
}

// "on (the packed layout's default), at most every 5 minutes".
void add_push_on_change(std::string& out, json::object const& status) {
  json::object const& push = object_of(object_of(status, "watch"), "push");
  if (!has_value(push, "on")) return;  // an older daemon
  bool const on = flag_of(push, "on");
  std::string text = std::string(on ? "on" : "off") + " (" + shown(push, "why") + ")";
  std::uint64_t const interval = std::min<std::uint64_t>(number_of(push, "intervalSeconds"), 100ULL * 86'400);
  if (on && interval > 1) text += ", at most every " + human_duration(static_cast<std::int64_t>(interval));
  add(out, "On change", text);
}

// For a day. Longer only what may still hurt: a gateway that did not come up again.
void add_last_restore(std::string& out, json::object const& status, TimePoint now) {
  json::object const& last = object_of(status, "lastRestore");
  auto const age = age_of(last, "ended", now);
  if (age && *age <= restore_shown_seconds) {
    add(out, text_of(last, "state") == "done" ? "Restored" : "Restore", human_duration(*age) + " ago. " + shown(last, "text"));
    for (json::value const& line : list_of(last, "advice")) out += std::string(13, ' ') + "- " + printable(as_text(line)) + "\n";
    return;
  }
  json::object const& restore = object_of(status, "restore");
  json::object const& report = object_of(restore, "report");
  bool const gateway_down = has_value(report, "gateway") && !flag_of(object_of(report, "gateway"), "up");
  std::string const state = text_of(restore, "state");
  bool const untold = !has_value(status, "lastRestore") && (state == "failed" || state == "expired");  // an older daemon
  if (gateway_down || untold) add(out, "Restore", shown(restore, "text"));
}

// What is damaged, by either check; a check that fails again and again; else how long ago the last one of the content was.
void add_check(std::string& out, json::object const& status, TimePoint now) {
  json::object const& check = object_of(status, "lastCheck");
  json::object const& look = object_of(status, "lastLook");
  bool const damaged = text_of(check, "outcome") == "damaged";
  bool const gone = text_of(look, "outcome") == "damaged";
  if (damaged) add(out, "DAMAGED", "last check: " + ago(check, "time", now) + ", " + shown(check, "text"));
  if (gone) add(out, "DAMAGED", "last look: " + ago(look, "time", now) + ", " + shown(look, "text"));
  json::object const& overdue = object_of(status, "checkOverdue");
  if (auto const since = age_of(overdue, "since", now)) {
    bool const presence = text_of(overdue, "kind") == "presence";
    add(out, "Checked", (presence ? "whether all is there: not for " : "not for ") + human_duration(*since) + ": " + shown(overdue, "error"));
    if (!presence) return;
  }
  if (damaged || !has_value(status, "lastCheck")) return;
  add(out, "Checked", "last check: " + ago(check, "time", now) + ", fine (" + human_bytes(number_of(check, "bytesRead")) + " read, " +
                          counted(check, "filesRestored", "file", "files") + " restored to try)");
}

void add_bucket(std::string& out, json::object const& status) {
  json::object const& bucket = object_of(status, "bucket");
  if (!has_value(status, "bucket")) return;
  std::string others;
  for (json::value const& other : list_of(bucket, "otherInstances"))
    others += (others.empty() ? "" : ", ") + printable(as_text(other));
  if (!others.empty())
    add(out, "Shared", flag_of(bucket, "mayPrune")
                           ? others + " back up to the same prefix; this machine prunes there"
                           : others + " back up to the same prefix, so nothing is pruned. Give each machine a prefix of its own, or "
                                      "say which one prunes: daemonctl prune --take-over");
  if (flag_of(bucket, "maySwitch"))
    add(out, "Layout", "plugin. To upload only what changed from now on, and hide names and sizes: daemonctl copy latest --to-layout packed --switch");
  add(out, "Stored", count_of(bucket, "snapshots") + (number_of(bucket, "snapshots") == 1 ? " snapshot, " : " snapshots, ") + human_bytes(number_of(bucket, "bytes")));
}

}  // namespace

std::string human_duration(std::int64_t seconds) {
  struct Unit {
    std::int64_t seconds;
    std::string_view name;
  };
  static constexpr std::array<Unit, 4> units{{{86400, "days"}, {3600, "hours"}, {60, "minutes"}, {1, "seconds"}}};
  for (Unit const& unit : units)
    if (seconds >= 2 * unit.seconds) return std::to_string(seconds / unit.seconds) + " " + std::string(unit.name);
  return "a moment";
}

bool restore_is_active(json::object const& status) {
  std::string const state = text_of(object_of(status, "restore"), "state");
  return state == "queued" || state == "stopping-gateway" || state == "restoring" || state == "starting-gateway" ||
         state == "checking";
}

std::string status_text(json::object const& status, TimePoint now, bool colour) {
  Verdict const verdict = verdict_of(status, now);
  json::object const& restore = object_of(status, "restore");
  bool const active = restore_is_active(status);
  std::string out;
  if (active) {
    std::string const state = text_of(restore, "state");
    bool const too_late = state == "starting-gateway" || state == "checking";
    std::string const text =
        shown(restore, "text") + (too_late ? std::string() : " To give it up: daemonctl cancel " + count_of(restore, "job"));
    out = (colour ? coloured(Mood::careful, text) : text) + "\n";
  }
  out += (colour ? coloured(verdict.mood, verdict.text) : verdict.text) + "\n";
  if (!active) add_last_restore(out, status, now);
  add_check(out, status, now);
  add_jobs(out, status);
  add_next_run(out, status, now);
  add_queue(out, status, now);
  add_push_on_change(out, status);
  add_changes(out, status, now);
  json::object const& error = object_of(status, "lastError");
  if (auto const silent = parse_iso8601(text_of(status, "notAnsweringSince")))
    add(out, "Store", "not answering since " + human_time(*silent).substr(11, 5) + " UTC; what is captured meanwhile is uploaded when it is back");
  else if (!flag_of(status, "storeReachable"))
    add(out, "Store", "away" + (has_value(error, "time") ? " since " + ago(error, "time", now) : std::string()) +
                          "; what is captured meanwhile is uploaded when it is back");
  if (has_value(status, "lastError") && !verdict.tells_error)
    add(out, "Error", ago(error, "time", now) + ": " + shown(error, "error"));
  json::object const& watch = object_of(status, "watch");
  std::string const watching = text_of(watch, "state");
  if (watching == "degraded" || watching == "gone")
    add(out, "Watching", sentences(shown(watch, "reason"), shown(watch, "advice")));
  if (has_value(status, "deletesRefusedSince"))
    add(out, "Pruning", "none: the application key may not delete, or Object Lock holds what should go (known since " + shown(status, "deletesRefusedSince").substr(0, 10) +
                            "). Backups and restores go on, and the bucket grows");
  if (flag_of(status, "prunePaused"))
    add(out, "Pruning", "paused, since more than half of the files vanished. If that was meant: daemonctl prune --yes");
  if (has_value(status, "keyReminder")) add(out, "Key", shown(status, "keyReminder"));
  if (has_value(status, "recoveryCode") && !flag_of(status, "recoveryCode"))
    add(out, "Key", "no recovery code yet, for when this machine and the B2 key are lost: daemonctl key recovery");
  for (json::value const& warning : list_of(status, "warnings")) add(out, "Warning", printable(as_text(warning)));
  add_bucket(out, status);
  return out;
}

std::string event_text(std::string_view name, std::string_view data, TimePoint now) {
  std::string out = human_time(now).substr(11, 8) + "  " + printable(name);
  boost::system::error_code failed;
  json::value const value = json::parse(data, failed);
  if (failed || !value.is_object()) return data.empty() ? out : out + "  " + printable(data);
  bool first = true;
  for (auto const& member : value.get_object()) {
    std::string const key(member.key().data(), member.key().size());
    std::string const text = member.value().is_string() ? as_text(member.value()) : json::serialize(member.value());
    out += std::string(first ? "  " : ", ") + printable(key + " " + text);
    first = false;
  }
  return out;
}

}  // namespace b2b::daemonctl
