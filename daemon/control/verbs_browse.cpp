#include <boost/json.hpp>
#include <cstdio>

#include "core/engine/browse.h"
#include "daemon/control/verbs.h"

namespace b2b::control {
namespace {

namespace json = boost::json;

json::object to_json(ListedSnapshot const& snapshot) {
  SnapshotInfo const& info = snapshot.info;
  json::object out;
  out["id"] = info.id.text;
  out["kind"] = kind_name(info.id.kind);
  out["layout"] = "plugin";
  out["time"] = info.timestamp.empty() ? format_iso8601(info.id.time) : info.timestamp;
  out["trigger"] = info.trigger_text;
  out["files"] = info.files;
  out["bytes"] = info.bytes;
  out["complete"] = snapshot.has_manifest && snapshot.problem.empty() && info.complete;
  if (!snapshot.has_manifest) out["unfinished"] = true;
  if (!snapshot.problem.empty()) out["problem"] = printable(snapshot.problem);
  out["host"] = info.host;
  out["writtenBy"] = info.ours ? info.program : "OpenClaw B2 plugin";
  return out;
}

std::string describe(ListedSnapshot const& snapshot) {
  SnapshotInfo const& info = snapshot.info;
  if (!snapshot.has_manifest) return "unfinished (an upload that is under way or was interrupted)";
  if (!snapshot.problem.empty()) return "unreadable: " + printable(snapshot.problem);
  std::string out = std::to_string(info.files) + " files, " + human_bytes(info.bytes);
  out += info.ours ? ", " + info.trigger_text : ", by the OpenClaw plugin";
  if (info.id.kind == SnapshotKind::safety) out += ", safety";
  if (!info.complete) out += ", INCOMPLETE: " + std::to_string(info.skipped_total) + " files missing";
  return out;
}

std::string mode_text(Entry const& entry) {
  char out[16];
  char const type = entry.type == EntryType::directory ? 'd' : entry.type == EntryType::symlink ? 'l' : '-';
  if (!entry.has_metadata) return std::string(1, type) + "    ";
  std::snprintf(out, sizeof out, "%c%04o", type, entry.mode);
  return out;
}

json::object to_json(CatalogEntry const& row) {
  Entry const& entry = row.entry;
  json::object out;
  out["path"] = printable(entry.path);
  if (!is_valid_utf8(entry.path)) out["path64"] = to_base64(as_bytes(entry.path));
  out["type"] = entry.type == EntryType::file ? "file" : entry.type == EntryType::directory ? "directory" : "symlink";
  if (entry.type == EntryType::file) {
    out["size"] = entry.size;
    out["hash"] = to_hex(entry.hash);
  }
  if (entry.type == EntryType::symlink) out["target"] = printable(entry.target);
  if (entry.has_metadata) {
    out["mode"] = entry.mode;
    out["mtime"] = format_iso8601(TimePoint(std::chrono::nanoseconds(entry.mtime_ns)));
  }
  if (entry.database) out["database"] = true;
  if (entry.damaged) out["damaged"] = true;
  return out;
}

std::string text_line(CatalogEntry const& row) {
  Entry const& entry = row.entry;
  char size[24];
  std::snprintf(size, sizeof size, "%12llu", static_cast<unsigned long long>(entry.size));
  std::string out = mode_text(entry) + " " + size + "  ";
  out += entry.has_metadata ? human_time(TimePoint(std::chrono::nanoseconds(entry.mtime_ns))).substr(0, 19)
                            : std::string(19, ' ');
  out += "  " + printable(entry.path);
  if (entry.type == EntryType::directory) out += "/";
  if (entry.type == EntryType::symlink) out += " -> " + printable(entry.target);
  if (entry.damaged) out += "  (damaged when it was captured)";
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

char const* change_word(Change change) {
  switch (change) {
    case Change::added: return "added";
    case Change::deleted: return "deleted";
    case Change::content: return "changed";
    case Change::metadata: return "metadata";
  }
  return "changed";
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
  auto context = open_session_engine(session);
  if (!context) return console.fail(context.error());
  auto listing = list_bucket(*context, arguments.all);
  if (!listing) return console.fail(listing.error());
  json::array snapshots;
  std::size_t shown = 0;
  for (ListedSnapshot const& snapshot : listing->snapshots) {
    if (!snapshot.has_manifest && !arguments.all) continue;
    ++shown;
    if (console.json()) {
      snapshots.push_back(to_json(snapshot));
    } else {
      console.result(snapshot.info.id.text + "  " + describe(snapshot));
    }
  }
  json::object answer{{"snapshots", std::move(snapshots)}};
  if (arguments.all) {
    json::array foreign;
    for (std::string const& folder : listing->foreign) {
      foreign.emplace_back(printable(folder));
      console.result(printable(folder) + "  not a snapshot");
    }
    answer["foreign"] = std::move(foreign);
  }
  if (shown == 0) console.line("No snapshots in " + context->store->traits().name + " under " + context->config.prefix + "/ yet.");
  return console.succeed(std::move(answer), 0);
}

int run_verb(Session& session, LsArguments const& arguments) {
  Console& console = session.console;
  auto context = open_session_engine(session);
  if (!context) return console.fail(context.error());
  std::vector<std::string> notes;
  JsonList list(console.json(), "entries");
  std::uint64_t count = 0;
  auto id = list_entries(*context, arguments.snapshot, arguments.path,
                         [&](CatalogEntry const& row) -> Result<void> {
                           ++count;
                           if (console.json()) {
                             list.add(to_json(row));
                           } else {
                             console.result(text_line(row));
                           }
                           return {};
                         },
                         notes);
  for (std::string const& note : notes) console.warn(printable(note));
  if (!id) return fail_list(console, list, id.error());
  if (count == 0 && !arguments.path.empty())
    return console.fail(make_error(Condition::not_found, "snapshot " + id->text + " holds nothing under " + printable(arguments.path),
                                   "daemonctl --direct ls " + id->text + " shows all it holds"));
  list.finish({{"snapshot", id->text}, {"ok", true}});
  return 0;
}

int run_verb(Session& session, CatArguments const& arguments) {
  Console& console = session.console;
  auto context = open_session_engine(session);
  if (!context) return console.fail(context.error());
  if (console.json()) {
    constexpr std::uint64_t json_limit = 16 << 20;
    StringSink sink(json_limit);
    if (auto done = cat_file(*context, arguments.snapshot, arguments.path, sink); !done) return console.fail(done.error());
    return console.succeed({{"path", printable(arguments.path)},
                            {"size", sink.text().size()},
                            {"contentBase64", to_base64(as_bytes(sink.text()))}},
                           0);
  }
  StdoutSink sink;
  auto done = cat_file(*context, arguments.snapshot, arguments.path, sink);
  if (!done) return console.fail(done.error());
  if (std::fflush(stdout) != 0) return console.fail(make_error(Condition::io, "cannot write to the output"));
  return 0;
}

int run_verb(Session& session, DiffArguments const& arguments) {
  Console& console = session.console;
  auto context = open_session_engine(session);
  if (!context) return console.fail(context.error());
  std::vector<std::string> notes;
  JsonList list(console.json(), "changes");
  std::uint64_t count = 0;
  auto done = diff_snapshots(*context, arguments.first, arguments.second,
                             [&](Difference const& difference) -> Result<void> {
                               ++count;
                               Entry const& entry =
                                   difference.change == Change::deleted ? difference.before.entry : difference.after.entry;
                               if (console.json()) {
                                 list.add({{"path", printable(entry.path)}, {"change", change_word(difference.change)}});
                               } else {
                                 console.result(std::string(change_word(difference.change)) + "\t" + printable(entry.path));
                               }
                               return {};
                             },
                             notes);
  for (std::string const& note : notes) console.warn(printable(note));
  if (!done) return fail_list(console, list, done.error());
  if (count == 0) console.line("No differences.");
  list.finish({{"ok", true}});
  return 0;
}

}  // namespace b2b::control
