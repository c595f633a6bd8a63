#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>

#include "core/util/encoding.h"
#include "daemon/control/members.h"
#include "daemon/control/snapshot_path.h"
#include "daemon/control/verbs.h"

namespace b2b::daemonctl {
namespace {

namespace json = boost::json;

std::string describe(json::object const& snapshot) {
  if (flag_of(snapshot, "unfinished")) return "unfinished (an upload that is under way or was interrupted)";
  if (has_value(snapshot, "problem")) return "unreadable: " + text_of(snapshot, "problem");
  std::string out = counted(snapshot, "files", "file", "files") + ", " + human_bytes(number_of(snapshot, "bytes"));
  out += flag_of(snapshot, "ours") ? ", " + text_of(snapshot, "trigger") : ", by the OpenClaw plugin";
  if (text_of(snapshot, "kind") == "safety") out += ", safety";
  if (flag_of(snapshot, "pinned")) out += ", pinned";
  if (!flag_of(snapshot, "complete")) out += ", INCOMPLETE: " + counted(snapshot, "filesMissing", "file", "files") + " missing";
  return out;
}

std::string mode_text(json::object const& entry, std::string const& type) {
  char out[16];
  char const letter = type == "directory" ? 'd' : type == "symlink" ? 'l' : '-';
  if (!has_value(entry, "mode")) return std::string(1, letter) + "    ";
  std::snprintf(out, sizeof out, "%c%04o", letter, static_cast<unsigned>(number_of(entry, "mode")));
  return out;
}

// "2026-02-19 12:00:00"
std::string time_text(json::object const& entry) {
  std::string text = text_of(entry, "mtime").substr(0, 19);
  text.resize(19, ' ');
  if (text[10] == 'T') text[10] = ' ';
  return text;
}

std::string text_line(json::object const& entry) {
  std::string const type = text_of(entry, "type");
  char size[24];
  std::snprintf(size, sizeof size, "%12llu", static_cast<unsigned long long>(number_of(entry, "size")));
  std::string out = mode_text(entry, type) + " " + size + "  " + time_text(entry) + "  " + text_of(entry, "path");
  if (type == "directory") out += "/";
  if (type == "symlink") out += " -> " + text_of(entry, "target");
  if (flag_of(entry, "damaged")) out += "  (damaged when it was captured)";
  return out;
}

// One JSON object whose array is written as it comes, so that its length does not matter.
class JsonList {
 public:
  JsonList(bool wanted, std::string_view name) : wanted_(wanted), name_(name) {}
  void add(json::object const& item) {
    if (!wanted_) return;
    std::fputs(begun_ ? "," : ("{\"" + name_ + "\":[").c_str(), stdout);
    begun_ = true;
    std::fputs(json::serialize(item).c_str(), stdout);
  }
  // Closes the object with the members of `rest`.
  void finish(json::object const& rest) {
    if (!wanted_) return;
    if (!begun_) std::fputs(("{\"" + name_ + "\":[").c_str(), stdout);
    std::string tail = json::serialize(rest);
    tail.front() = ',';
    std::fputs(("]" + tail + "\n").c_str(), stdout);
    std::fflush(stdout);
  }
  bool begun() const { return begun_; }

 private:
  bool wanted_;
  std::string name_;
  bool begun_ = false;
};

// An error after the list began must not make a second object.
int fail_list(Console& console, JsonList& list, Error const& error) {
  if (!list.begun()) return console.fail(error);
  list.finish({{"ok", false}, {"code", condition_name(error.condition)}, {"error", error.text()}});
  return exit_code_of(error.condition);
}

// ls and diff: rows as they come, then the end.
int print_rows(Session& session, Job job, json::object const& parameters,
               std::function<std::string(json::object const&)> const& line, std::string_view if_empty) {
  Console& console = session.console;
  JsonList list(console.json(), row_list(job));
  bool any = false;
  auto rest = session.jobs->rows(job, parameters, [&](json::object&& row) -> Result<void> {
    any = true;
    list.add(row);
    if (!console.json()) console.result(line(row));
    return {};
  });
  if (!rest) return fail_list(console, list, rest.error());
  warn_all(console, list_of(*rest, "notes"));
  if (!any && !if_empty.empty()) console.line(if_empty);
  (*rest)["ok"] = true;
  list.finish(*rest);
  return 0;
}

// Sends what it gets to stdout.
class StdoutSink final : public ByteSink {
 public:
  Result<void> write(std::span<std::uint8_t const> bytes) override {
    if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size())
      return make_error(Condition::io, "cannot write to the output");
    return {};
  }
  Result<void> restart() override { return make_error(Condition::internal, "output cannot be taken back"); }
};

}  // namespace

int run_verb(Session& session, SnapshotsArguments const& arguments) {
  Console& console = session.console;
  json::object parameters;
  if (arguments.all) parameters["all"] = true;
  if (!arguments.at.empty()) parameters["at"] = arguments.at;
  auto answer = session.jobs->run(Job::snapshots, parameters);
  if (!answer) return console.fail(answer.error());
  json::array const& snapshots = list_of(*answer, "snapshots");
  bool const both_layouts = std::any_of(snapshots.begin(), snapshots.end(), [&](json::value const& item) {
    return text_of(as_object(item), "layout") != text_of(as_object(snapshots.front()), "layout");
  });
  for (json::value const& item : snapshots) {
    json::object const& snapshot = as_object(item);
    console.result(text_of(snapshot, "id") + "  " + describe(snapshot) + (both_layouts ? ", layout " + text_of(snapshot, "layout") : ""));
  }
  for (json::value const& folder : list_of(*answer, "foreign")) console.result(as_text(folder) + "  not a snapshot");
  if (!console.json()) warn_all(console, list_of(*answer, "warnings"));
  if (snapshots.empty())
    console.line("No snapshots in " + text_of(*answer, "store") + " under " + text_of(*answer, "prefix") + "/ yet.");
  return console.succeed(std::move(*answer), 0);
}

int run_verb(Session& session, LsArguments const& arguments) {
  json::object parameters{{"snapshot", arguments.snapshot}};
  std::string const path = path_in_snapshot(session.loaded.config, arguments.path);
  if (!path.empty()) parameters["path"] = path;
  if (!arguments.at.empty()) parameters["at"] = arguments.at;
  return print_rows(session, Job::ls, parameters, text_line, "");
}

int run_verb(Session& session, CatArguments const& arguments) {
  Console& console = session.console;
  json::object parameters{{"snapshot", arguments.snapshot}, {"path", path_in_snapshot(session.loaded.config, arguments.path)}};
  if (!arguments.at.empty()) parameters["at"] = arguments.at;
  if (console.json()) {
    auto answer = session.jobs->run(Job::cat, parameters);
    if (!answer) return console.fail(answer.error());
    return console.succeed(std::move(*answer), 0);
  }
  StdoutSink sink;
  auto const done = session.jobs->content(parameters, sink);
  if (!done) return console.fail(done.error());
  if (std::fflush(stdout) != 0) return console.fail(make_error(Condition::io, "cannot write to the output"));
  return 0;
}

int run_verb(Session& session, DiffArguments const& arguments) {
  json::object parameters{{"first", arguments.first}};
  if (!arguments.second.empty()) parameters["second"] = arguments.second;
  if (!arguments.at.empty()) parameters["at"] = arguments.at;
  auto const line = [](json::object const& row) { return text_of(row, "change") + "\t" + text_of(row, "path"); };
  return print_rows(session, Job::diff, parameters, line, "No differences.");
}

}  // namespace b2b::daemonctl
