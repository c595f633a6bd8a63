#include "core/engine/queue.h"

#include <dirent.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>

#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b {
namespace {

namespace json = boost::json;

constexpr std::int64_t record_version = 1;
constexpr std::uint64_t record_limit_bytes = 64 << 20;
constexpr std::string_view unfinished_suffix = ".tmp";
constexpr std::string_view removed_suffix = ".uploaded";
// "safety-<ts>/<id>" cannot be one folder's name; captures of this queue are regular snapshots, whose ids can.

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

Result<std::vector<std::string>> names_in(std::string const& folder) {
  std::vector<std::string> names;
  std::unique_ptr<DIR, CloseDirectory> const directory(::opendir(folder.c_str()));
  if (!directory && errno == ENOENT) return names;
  if (!directory) return errno_error(errno, "list the queue of captures", folder);
  for (;;) {
    errno = 0;
    dirent const* const entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  if (errno != 0) return errno_error(errno, "list the queue of captures", folder);
  std::sort(names.begin(), names.end());
  return names;
}

std::string_view reason_name(SkipReason reason) {
  switch (reason) {
    case SkipReason::by_rule: return "by-rule";
    case SkipReason::unreadable: return "unreadable";
    case SkipReason::vanished: return "vanished";
    case SkipReason::unstable: return "unstable";
    case SkipReason::no_space: return "no-space";
    case SkipReason::attributes: return "attributes";
    case SkipReason::damaged: return "damaged";
  }
  return "unreadable";
}

SkipReason reason_of(std::string_view name) {
  for (SkipReason const reason : {SkipReason::by_rule, SkipReason::vanished, SkipReason::unstable, SkipReason::no_space,
                                  SkipReason::attributes, SkipReason::damaged})
    if (reason_name(reason) == name) return reason;
  return SkipReason::unreadable;
}

// One capture that cannot be read must not keep the others back. A newer program's stays where that program finds it.
void set_aside(std::string const& folder, Error const& why) {
  if (why.condition == Condition::unsupported) return log_warning(why.text());
  std::string const aside = folder + ".damaged";
  if (std::rename(folder.c_str(), aside.c_str()) == 0) return log_error(why.text() + ". It is kept as " + aside);
  log_error(why.text());
}

Result<void> remove_folders(EngineContext const& context, std::string_view suffix) {
  std::string const root = queue_folder(context);
  B2B_ASSIGN(auto const names, names_in(root));
  for (std::string const& name : names)
    if (name.ends_with(suffix)) B2B_TRY(remove_tree(join_path(root, name)));
  return {};
}

}  // namespace

std::string queue_folder(EngineContext const& context) { return join_path(context.instance.data_dir, "queue"); }

std::string format_body_place(BodyPlace const& place) { return place.file + "@" + std::to_string(place.offset); }

std::optional<BodyPlace> parse_body_place(std::string_view text) {
  auto const at = text.rfind('@');
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  BodyPlace place{std::string(text.substr(0, at)), 0};
  std::string_view const number = text.substr(at + 1);
  auto const read = std::from_chars(number.data(), number.data() + number.size(), place.offset);
  bool const whole = !number.empty() && read.ec == std::errc() && read.ptr == number.data() + number.size();
  if (!whole || place.file.find('/') != std::string::npos || place.file == "." || place.file == "..") return std::nullopt;
  return place;
}

std::string format_capture_record(QueuedCapture const& capture) {
  json::array skipped;
  for (Skip const& skip : capture.skipped)
    skipped.push_back(json::object{{"path64", to_base64(as_bytes(skip.path))},
                                   {"reason", reason_name(skip.reason)},
                                   {"detail", printable(skip.detail)}});
  json::array warnings;
  for (std::string const& warning : capture.warnings) warnings.emplace_back(printable(warning));
  json::object out{{"version", record_version},
                   {"id", capture.id.text},
                   {"trigger", trigger_name(capture.trigger)},
                   {"target", capture.target},
                   {"startedNs", capture.started_ns},
                   {"checked", capture.checked},
                   {"vanishedAlarm", capture.vanished_alarm},
                   {"bytes", capture.bytes},
                   {"files", capture.files},
                   {"changed", capture.changed},
                   {"added", capture.added},
                   {"deleted", capture.deleted}};
  out["skipped"] = std::move(skipped);
  out["warnings"] = std::move(warnings);
  return json::serialize(out) + "\n";
}

Result<QueuedCapture> parse_capture_record(std::string_view text, std::string_view name) {
  auto const damaged = [&] {
    return make_error(Condition::corrupt, "the record of a waiting capture, " + std::string(name) + ", cannot be read",
                      "Its snapshot is not in the store yet. Move the folder away to go on without it", std::string(name));
  };
  boost::system::error_code code;
  json::value const parsed = json::parse(text, code);
  auto const* const object = code ? nullptr : parsed.if_object();
  if (object == nullptr) return damaged();
  bool fine = true;
  auto const number = [&](char const* key) -> std::int64_t {
    auto const* const value = object->if_contains(key);
    if (value != nullptr && value->is_int64() && value->get_int64() >= 0) return value->get_int64();
    fine = false;
    return 0;
  };
  auto const unsigned_number = [&](char const* key) { return static_cast<std::uint64_t>(number(key)); };
  auto const word = [&](json::object const& in, char const* key) -> std::string {
    auto const* const value = in.if_contains(key);
    if (value != nullptr && value->is_string()) return std::string(value->get_string());
    fine = false;
    return {};
  };
  auto const flag = [&](char const* key) {
    auto const* const value = object->if_contains(key);
    if (value != nullptr && value->is_bool()) return value->get_bool();
    fine = false;
    return false;
  };
  if (std::int64_t const version = number("version"); fine && version > record_version)
    return make_error(Condition::unsupported,
                      "the waiting capture " + std::string(name) + " was made by a newer version of this program",
                      "Run that version once more so that it uploads what waits, then this one", std::string(name));
  QueuedCapture out;
  auto const id = parse_snapshot_id(word(*object, "id"));
  auto const trigger = parse_trigger(word(*object, "trigger"));
  out.target = word(*object, "target");
  out.started_ns = number("startedNs");
  out.checked = flag("checked");
  out.vanished_alarm = flag("vanishedAlarm");
  out.bytes = unsigned_number("bytes");
  out.files = unsigned_number("files");
  out.changed = unsigned_number("changed");
  out.added = unsigned_number("added");
  out.deleted = unsigned_number("deleted");
  auto const* const skipped = object->if_contains("skipped");
  auto const* const warnings = object->if_contains("warnings");
  if (!fine || !id || !trigger || skipped == nullptr || !skipped->is_array() || warnings == nullptr || !warnings->is_array())
    return damaged();
  out.id = *id;
  out.trigger = *trigger;
  for (json::value const& item : skipped->get_array()) {
    if (!item.is_object()) return damaged();
    auto const path = from_base64(word(item.get_object(), "path64"));
    std::string const reason = word(item.get_object(), "reason");
    std::string detail = word(item.get_object(), "detail");
    if (!fine || !path) return damaged();
    out.skipped.push_back({std::string(as_text(*path)), reason_of(reason), std::move(detail)});
  }
  for (json::value const& item : warnings->get_array()) {
    if (!item.is_string()) return damaged();
    out.warnings.emplace_back(item.get_string());
  }
  return out;
}

Result<void> write_capture_record(QueuedCapture const& capture, std::string const& folder) {
  return atomic_write_file(join_path(folder, "capture.json"), format_capture_record(capture));
}

Result<std::vector<QueuedCapture>> list_queue(EngineContext const& context) {
  std::string const root = queue_folder(context);
  std::vector<QueuedCapture> out;
  B2B_ASSIGN(auto const names, names_in(root));
  for (std::string const& name : names) {
    if (!parse_snapshot_id(name)) continue;
    std::string const folder = join_path(root, name);
    auto const text = read_file(join_path(folder, "capture.json"), record_limit_bytes);
    if (!text && text.error().condition == Condition::not_found) continue;  // uploaded and taken out just now
    if (!text) return text.error();
    auto capture = parse_capture_record(*text, folder);
    if (!capture) {
      set_aside(folder, capture.error());
      continue;
    }
    capture->folder = folder;
    out.push_back(std::move(*capture));
  }
  std::sort(out.begin(), out.end(), [](QueuedCapture const& a, QueuedCapture const& b) { return id_before(a.id, b.id); });
  return out;
}

Result<void> clear_unfinished_captures(EngineContext const& context) { return remove_folders(context, unfinished_suffix); }

Result<void> remove_capture(EngineContext const& context, QueuedCapture const& capture) {
  std::string const aside = capture.folder + std::string(removed_suffix);
  if (std::rename(capture.folder.c_str(), aside.c_str()) != 0) return errno_error(errno, "take out of the queue", capture.folder);
  B2B_TRY(fsync_directory(queue_folder(context)));
  return remove_tree(aside);
}

Result<void> clear_removed_captures(EngineContext const& context) { return remove_folders(context, removed_suffix); }

}  // namespace b2b
