// Entries: files, directories and symbolic links, as they stand in manifests and in the lists of the packed
// layout.
#include <algorithm>
#include <limits>

#include "core/snapshot/layout.h"
#include "core/snapshot/manifest_fields.h"
#include "core/snapshot/object_members.h"

namespace b2b::manifest {
namespace {

namespace json = boost::json;

constexpr std::uint64_t max_size = std::numeric_limits<std::int64_t>::max();

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

void write_marks(ObjectText& object, Entry const& file) {
  object.text_unless_empty("link", file.hard_link_of);
  object.flag("db", file.database);
  object.flag("damaged", file.damaged);
  object.flag("cut", file.cut);
}

void write_other(ObjectText& object, Entry const& entry) {
  object.text("path", entry.path);
  object.text("type", entry.type == EntryType::directory ? "dir" : "symlink");
  if (entry.type == EntryType::symlink) object.text("target", entry.target);
  if (entry.has_metadata) write_metadata(object, entry);
}

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

void read_marks(ObjectFields& fields, Entry& file) {
  file.hard_link_of = fields.text("link");
  file.database = fields.boolean("db");
  file.damaged = fields.boolean("damaged");
  file.cut = fields.boolean("cut");
}

void read_body(ObjectFields& fields, Entry& file) {
  file.size = fields.number("size", max_size, true);
  auto const hash = from_hex(fields.text("hash", true));
  if (!hash || hash->size() != file.hash.size())
    fields.fail("hash", "is not 64 hex digits");
  else
    std::copy(hash->begin(), hash->end(), file.hash.begin());
}

// An escaped name is made from the path, and nothing else may be stored under another name than its own.
bool name_fits_path(std::string_view name, std::string_view path, bool path_given) {
  if (layout::is_escaped(name)) return path_given && layout::escaped_name(path) == name;
  return !path_given || path == name;
}

}  // namespace

std::string file_json(Entry const& entry, std::string_view stored_name) {
  std::string out;
  append_string(out, stored_name);
  out += ':';
  ObjectText object(out);
  object.text("hash", to_hex(entry.hash));
  object.number("size", entry.size);
  if (stored_name != entry.path) object.text("path", entry.path);
  if (entry.has_metadata) write_metadata(object, entry);
  write_marks(object, entry);
  object.close();
  return out;
}

std::string other_json(Entry const& entry) {
  std::string out;
  ObjectText object(out);
  write_other(object, entry);
  object.close();
  return out;
}

std::string list_entry_json(Entry const& entry, std::uint64_t chunks) {
  std::string out;
  ObjectText object(out);
  if (entry.type != EntryType::file) {
    write_other(object, entry);
  } else {
    object.text("path", entry.path);
    object.text("type", "file");
    object.number("size", entry.size);
    object.text("hash", to_hex(entry.hash));
    if (entry.has_metadata) write_metadata(object, entry);
    write_marks(object, entry);
    if (chunks != 0) object.number("chunks", chunks);
  }
  object.close();
  return out;
}

bool read_file(json::object const& object, std::string_view name, bool ours, ManifestEntry& out,
               std::string& problem) {
  ObjectFields fields(object, problem);
  Entry& entry = out.entry;
  out.stored_name = name;
  entry.path = name;
  read_body(fields, entry);
  entry.has_metadata = false;
  if (!ours) return fields.good();
  bool const path_given = fields.has("path") || fields.has("path64");
  if (path_given) entry.path = fields.text("path");
  if (!name_fits_path(name, entry.path, path_given))
    fields.fail("path", "and the name of the object do not belong together");
  read_metadata(fields, entry);
  read_marks(fields, entry);
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

bool read_list_entry(json::object const& object, Entry& out, std::uint64_t& chunks, std::string& problem) {
  ObjectFields fields(object, problem);
  chunks = fields.number("chunks", max_size);
  if (fields.text("type", true) != "file") {
    if (chunks != 0) fields.fail("chunks", "stands in what is no file");
    return fields.good() && read_other(object, out, problem);
  }
  out.type = EntryType::file;
  out.path = fields.text("path", true);
  read_body(fields, out);
  read_metadata(fields, out);
  read_marks(fields, out);
  return fields.good();
}

}  // namespace b2b::manifest
