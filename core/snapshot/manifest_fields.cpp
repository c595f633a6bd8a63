#include "core/snapshot/manifest_fields.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <boost/json/serialize.hpp>

#include "core/crypto/hash.h"
#include "core/snapshot/layout.h"
#include "core/util/encoding.h"

namespace b2b {

std::string_view trigger_name(Trigger trigger) {
  switch (trigger) {
    case Trigger::schedule:
      return "schedule";
    case Trigger::change:
      return "change";
    case Trigger::compaction:
      return "compaction";
    case Trigger::gateway_stop:
      return "gateway-stop";
    case Trigger::manual:
      return "manual";
  }
  return "manual";
}

std::optional<Trigger> parse_trigger(std::string_view name) {
  for (auto const trigger :
       {Trigger::schedule, Trigger::change, Trigger::compaction, Trigger::gateway_stop, Trigger::manual})
    if (trigger_name(trigger) == name) return trigger;
  return std::nullopt;
}

namespace manifest {
namespace {

namespace json = boost::json;

// Writes the members of one object.
class ObjectText {
 public:
  explicit ObjectText(std::string& out) : out_(out) { out_ += '{'; }
  void text(std::string_view member, std::string_view value) {
    if (is_valid_utf8(value)) {
      name(member);
      append_string(out_, value);
    } else {
      name(std::string(member) + "64");
      append_string(out_, to_base64(as_bytes(value)));
    }
  }
  void text_unless_empty(std::string_view member, std::string_view value) {
    if (!value.empty()) text(member, value);
  }
  template <class Number>
  void number(std::string_view member, Number value) {
    name(member);
    out_ += std::to_string(value);
  }
  void boolean(std::string_view member, bool value) {
    name(member);
    out_ += value ? "true" : "false";
  }
  void flag(std::string_view member, bool value) {
    if (value) boolean(member, true);
  }
  void raw(std::string_view member, std::string_view value) {
    name(member);
    out_ += value;
  }
  void close() { out_ += '}'; }

 private:
  void name(std::string_view member) {
    if (!first_) out_ += ',';
    first_ = false;
    append_string(out_, member);
    out_ += ':';
  }
  std::string& out_;
  bool first_ = true;
};

void write_xattrs(ObjectText& object, Entry const& entry) {
  std::string plain, encoded;
  ObjectText plain_names(plain), encoded_names(encoded);
  bool any_plain = false, any_encoded = false;
  for (auto const& [name, value] : entry.xattrs) {
    bool const utf8 = is_valid_utf8(name);
    std::string const value64 = to_base64(as_bytes(value));
    if (utf8)
      plain_names.text(name, value64);
    else
      encoded_names.text(to_base64(as_bytes(name)), value64);
    (utf8 ? any_plain : any_encoded) = true;
  }
  plain_names.close();
  encoded_names.close();
  if (any_plain) object.raw("xattrs", plain);
  if (any_encoded) object.raw("xattrs64", encoded);
}

void write_metadata(ObjectText& object, Entry const& entry) {
  object.number("mode", entry.mode & 07777U);
  object.number("uid", entry.uid);
  object.number("gid", entry.gid);
  object.text("mtime", std::to_string(entry.mtime_ns));
  write_xattrs(object, entry);
}

// Reads the members of one object; remembers the first problem.
class ObjectFields {
 public:
  ObjectFields(json::object const& object, std::string& problem) : object_(object), problem_(problem) {}

  bool has(std::string_view name) const { return object_.if_contains(name) != nullptr; }

  // `name`, or `name`64 decoded; "" when neither is there.
  std::string text(std::string_view name, bool required = false) {
    if (auto const* value = object_.if_contains(name)) {
      if (value->is_string()) return std::string(value->get_string());
      return fail(name, "is not a string");
    }
    std::string const name64 = std::string(name) + "64";
    if (auto const* value = object_.if_contains(name64)) {
      auto const bytes = value->is_string() ? from_base64(value->get_string()) : std::nullopt;
      if (!bytes) return fail(name64, "is not base64");
      return std::string(as_text(*bytes));
    }
    return required ? fail(name, "is missing") : std::string();
  }

  std::uint64_t number(std::string_view name, std::uint64_t max, bool required = false) {
    auto const* value = object_.if_contains(name);
    if (value == nullptr) {
      if (required) fail(name, "is missing");
      return 0;
    }
    std::uint64_t out = 0;
    if (value->is_uint64())
      out = value->get_uint64();
    else if (value->is_int64() && value->get_int64() >= 0)
      out = static_cast<std::uint64_t>(value->get_int64());
    else
      fail(name, "is not a whole number of 0 or more");
    if (out > max) fail(name, "is out of range");
    return out;
  }

  bool boolean(std::string_view name, bool required = false) {
    auto const* value = object_.if_contains(name);
    if (value == nullptr) {
      if (required) fail(name, "is missing");
      return false;
    }
    if (!value->is_bool()) {
      fail(name, "is not true or false");
      return false;
    }
    return value->get_bool();
  }

  std::int64_t nanoseconds(std::string_view name) {
    std::string const digits = text(name);
    std::int64_t out = 0;
    if (digits.empty() && !has(name)) return 0;
    auto const [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    if (code != std::errc() || end != digits.data() + digits.size())
      fail(name, "is not a number of nanoseconds");
    return out;
  }

  json::object const* object(std::string_view name) {
    auto const* value = object_.if_contains(name);
    if (value == nullptr) return nullptr;
    if (!value->is_object()) fail(name, "is not an object");
    return value->if_object();
  }

  std::string fail(std::string_view name, std::string_view what) {
    if (problem_.empty()) problem_ = "\"" + std::string(name) + "\" " + std::string(what);
    return {};
  }
  bool good() const { return problem_.empty(); }

 private:
  json::object const& object_;
  std::string& problem_;
};

void read_xattrs(ObjectFields& fields, std::string_view member, bool names_encoded, Entry& out) {
  json::object const* object = fields.object(member);
  if (object == nullptr) return;
  for (auto const& item : *object) {
    std::string name(item.key());
    if (names_encoded) {
      auto const decoded = from_base64(name);
      if (!decoded) {
        fields.fail(member, "has a name that is not base64");
        return;
      }
      name = as_text(*decoded);
    }
    auto const value = item.value().is_string() ? from_base64(item.value().get_string()) : std::nullopt;
    if (!value) {
      fields.fail(member, "has a value that is not base64");
      return;
    }
    out.xattrs[name] = as_text(*value);
  }
}

void read_metadata(ObjectFields& fields, Entry& out) {
  constexpr std::uint64_t max_id = std::numeric_limits<std::uint32_t>::max();
  out.has_metadata = fields.has("mode");
  out.mode = static_cast<std::uint32_t>(fields.number("mode", 07777));
  out.uid = static_cast<std::uint32_t>(fields.number("uid", max_id));
  out.gid = static_cast<std::uint32_t>(fields.number("gid", max_id));
  out.mtime_ns = fields.nanoseconds("mtime");
  read_xattrs(fields, "xattrs", false, out);
  read_xattrs(fields, "xattrs64", true, out);
}

constexpr std::size_t roots_max = 64;
constexpr std::uint64_t max_count = std::numeric_limits<std::int64_t>::max();

// An escaped name is made from the path, and nothing else may be stored under another name than its own.
bool name_fits_path(std::string_view name, std::string_view path, bool path_given) {
  if (layout::is_escaped(name)) return path_given && layout::escaped_name(path) == name;
  return !path_given || path == name;
}

}  // namespace

Error corrupt(SnapshotId const& id, std::string_view what) {
  return make_error(
      Condition::corrupt,
      "the manifest of snapshot " + printable(id.text) + " is damaged: " + printable(what),
      "Choose another snapshot (daemonctl snapshots lists them); daemonctl verify checks them all", id.text);
}

std::string key_check(Key const& digest_key) {
  auto const digest = hmac_sha256(digest_key.bytes(), "b2backupd key check v1");
  return to_hex(std::span(digest).first(8));
}

void append_string(std::string& out, std::string_view utf8) {
  static constexpr char hex[] = "0123456789abcdef";
  out += '"';
  for (char const c : utf8) {
    auto const byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      out += "\\u00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

namespace {

std::string roots_json(std::vector<SnapshotRoot> const& roots) {
  std::string out = "[";
  for (SnapshotRoot const& root : roots) {
    if (out.size() > 1) out += ',';
    ObjectText object(out);
    object.text("label", root.label);
    object.text("path", root.path);
    object.text_unless_empty("written", root.written);
    object.close();
  }
  return out + "]";
}

// A label that could lead a restore astray is refused with the whole manifest: it is ours, or nobody's.
bool read_roots(json::object const& header, std::vector<SnapshotRoot>& roots, std::string& problem) {
  auto const* const list = header.if_contains("roots");
  if (list == nullptr) return true;
  if (!list->is_array() || list->get_array().size() > roots_max) {
    problem = "its \"roots\" are no list of at most " + std::to_string(roots_max);
    return false;
  }
  for (json::value const& value : list->get_array()) {
    if (!value.is_object()) {
      problem = "one of its \"roots\" is no object";
      return false;
    }
    ObjectFields fields(value.get_object(), problem);
    SnapshotRoot root{fields.text("label", true), fields.text("path", true), fields.text("written")};
    if (!root.label.starts_with('@') || root.label.find('/') != std::string::npos || root.label.find('\0') != std::string::npos)
      fields.fail("label", "is no label of a root");
    if (!root.path.starts_with('/')) fields.fail("path", "is not absolute");
    if (!fields.good()) return false;
    roots.push_back(std::move(root));
  }
  return true;
}

}  // namespace

std::string header_json(SnapshotInfo const& info, Key const* digest_key) {
  std::string out;
  ObjectText object(out);
  object.text("id", info.id.text);
  object.boolean("complete", info.complete);
  object.text("trigger", info.trigger_text.empty() ? trigger_name(info.trigger) : info.trigger_text);
  object.boolean("encrypted", info.encrypted);
  object.text_unless_empty("keySalt", info.key_salt_hex);
  if (digest_key != nullptr) object.text("keyCheck", key_check(*digest_key));
  object.number("files", info.files);
  object.number("bytes", info.bytes);
  object.number("skippedTotal", info.skipped_total);
  object.text_unless_empty("host", info.host);
  object.text_unless_empty("instance", info.instance);
  object.text_unless_empty("stateDir", info.state_dir);
  if (!info.roots.empty()) object.raw("roots", roots_json(info.roots));
  object.text_unless_empty("program", info.program);
  object.text_unless_empty("openclaw", info.openclaw);
  if (!info.scope.is_null()) object.raw("scope", json::serialize(info.scope));
  object.close();
  return out;
}

std::string file_json(Entry const& entry, std::string_view stored_name) {
  std::string out;
  append_string(out, stored_name);
  out += ':';
  ObjectText object(out);
  object.text("hash", to_hex(entry.hash));
  object.number("size", entry.size);
  if (stored_name != entry.path) object.text("path", entry.path);
  if (entry.has_metadata) write_metadata(object, entry);
  object.text_unless_empty("link", entry.hard_link_of);
  object.flag("db", entry.database);
  object.flag("damaged", entry.damaged);
  object.flag("cut", entry.cut);
  object.close();
  return out;
}

std::string other_json(Entry const& entry) {
  std::string out;
  ObjectText object(out);
  object.text("path", entry.path);
  object.text("type", entry.type == EntryType::directory ? "dir" : "symlink");
  if (entry.type == EntryType::symlink) object.text("target", entry.target);
  if (entry.has_metadata) write_metadata(object, entry);
  object.close();
  return out;
}

std::string skipped_json(std::string_view path, std::string_view reason) {
  std::string out;
  ObjectText object(out);
  object.text("path", path);
  object.text("reason", reason);
  object.close();
  return out;
}

bool read_header(json::object const& object, Header& out, std::string& problem) {
  ObjectFields fields(object, problem);
  SnapshotInfo& info = out.info;
  info.ours = true;
  out.id_text = fields.text("id", true);
  info.complete = fields.boolean("complete", true);
  info.trigger_text = fields.text("trigger");
  info.trigger = parse_trigger(info.trigger_text).value_or(Trigger::manual);
  info.encrypted = fields.boolean("encrypted", true);
  info.key_salt_hex = fields.text("keySalt");
  out.key_check = fields.text("keyCheck");
  info.files = fields.number("files", max_count, true);
  info.bytes = fields.number("bytes", max_count, true);
  info.skipped_total = fields.number("skippedTotal", max_count);
  info.host = fields.text("host");
  info.instance = fields.text("instance");
  info.state_dir = fields.text("stateDir");
  info.program = fields.text("program");
  info.openclaw = fields.text("openclaw");
  if (auto const* scope = object.if_contains("scope")) info.scope = *scope;
  return fields.good() && read_roots(object, info.roots, problem);
}

bool read_file(json::object const& object, std::string_view name, bool ours, ManifestEntry& out,
               std::string& problem) {
  ObjectFields fields(object, problem);
  Entry& entry = out.entry;
  out.stored_name = name;
  entry.path = name;
  entry.size = fields.number("size", max_count, true);
  auto const hash = from_hex(fields.text("hash", true));
  if (!hash || hash->size() != entry.hash.size())
    fields.fail("hash", "is not 64 hex digits");
  else
    std::copy(hash->begin(), hash->end(), entry.hash.begin());
  entry.has_metadata = false;
  if (!ours) return fields.good();
  bool const path_given = fields.has("path") || fields.has("path64");
  if (path_given) entry.path = fields.text("path");
  if (!name_fits_path(name, entry.path, path_given))
    fields.fail("path", "and the name of the object do not belong together");
  read_metadata(fields, entry);
  entry.hard_link_of = fields.text("link");
  entry.database = fields.boolean("db");
  entry.damaged = fields.boolean("damaged");
  entry.cut = fields.boolean("cut");
  return fields.good();
}

bool read_other(json::object const& object, Entry& out, std::string& problem) {
  ObjectFields fields(object, problem);
  out.path = fields.text("path", true);
  std::string const type = fields.text("type", true);
  out.type = type == "dir" ? EntryType::directory : EntryType::symlink;
  if (type != "dir" && type != "symlink") fields.fail("type", "is neither dir nor symlink");
  if (type == "symlink") out.target = fields.text("target", true);
  read_metadata(fields, out);
  return fields.good();
}

bool read_skipped(json::object const& object, std::pair<std::string, std::string>& out,
                  std::string& problem) {
  ObjectFields fields(object, problem);
  out = {fields.text("path", true), fields.text("reason")};
  return fields.good();
}

}  // namespace manifest
}  // namespace b2b
