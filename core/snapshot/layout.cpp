#include "core/snapshot/layout.h"

#include "core/crypto/hash.h"
#include "core/store/store.h"
#include "core/util/encoding.h"

namespace b2b::layout {
namespace {

constexpr std::string_view manifest_name = "manifest.json";
constexpr std::string_view escaped_folder = "b2backupd-escaped";
constexpr std::size_t max_key_bytes = 1024;

bool same_ignoring_case(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

// A whole first component, not only the very key: in a directory store "manifest.json/x" would make a
// directory where the manifest must stand. Case is ignored because that directory may lie on a file system
// that ignores it.
bool is_reserved(std::string_view path) {
  std::string_view const first = path.substr(0, path.find('/'));
  return same_ignoring_case(first, manifest_name) || same_ignoring_case(first, escaped_folder);
}

}  // namespace

std::string snapshot_prefix(std::string_view prefix, SnapshotId const& id) {
  std::string out(prefix);
  if (!out.empty()) out += '/';
  return out + id.text + '/';
}

std::string manifest_key(std::string_view prefix, SnapshotId const& id) {
  return snapshot_prefix(prefix, id) + std::string(manifest_name);
}

std::string stored_name(std::string_view path, std::size_t key_room) {
  bool const fits = path.size() + key_room <= max_key_bytes;
  if (fits && !is_reserved(path) && is_valid_key(path)) return std::string(path);
  return escaped_name(path);
}

std::string escaped_name(std::string_view path) {
  return std::string(escaped_folder) + '/' + to_hex(sha256(path));
}

bool is_escaped(std::string_view stored_name) {
  return stored_name.starts_with(escaped_folder) &&
         stored_name.substr(escaped_folder.size()).starts_with('/');
}

}  // namespace b2b::layout
