// The plugin's layout: which object holds which body. Pure.
//   {prefix}/{id}/{path}            bodies
//   {prefix}/{id}/manifest.json     written last
// Paths that the layout cannot hold as they are (their first component is "manifest.json" or "b2backupd-escaped" in any case, they are
// not UTF-8, or break B2's rules for keys) are stored under {prefix}/{id}/b2backupd-escaped/<SHA-256 of the path, hex>; the
// manifest names the path.
#pragma once

#include <string>
#include <string_view>

#include "core/snapshot/id.h"

namespace b2b::layout {

std::string snapshot_prefix(std::string_view prefix, SnapshotId const& id);   // "{prefix}/{id}/"
std::string manifest_key(std::string_view prefix, SnapshotId const& id);
// The name under which `path` stands in the manifest's "files" and in the store: itself, or escaped.
// `key_room` is how many bytes of the 1,024 the prefix and id take: snapshot_prefix().size().
std::string stored_name(std::string_view path, std::size_t key_room);
std::string escaped_name(std::string_view path);                              // the escaped form, whether it is needed or not
bool is_escaped(std::string_view stored_name);

}  // namespace b2b::layout
