// The members of a manifest, one by one: from our structures to JSON text and back. Internal to core/snapshot, and to
// the lists of core/packed, which have the same entries.
//
// A text that is not valid UTF-8 cannot stand in JSON: such a value is written in base64 under the member's
// name with "64" behind it ("path64"). This holds for every text member.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "core/snapshot/manifest.h"

namespace b2b::manifest {

inline constexpr std::int64_t format_version = 1;
inline constexpr std::size_t max_string_bytes = 1 << 20;  // one JSON string or key, as it is read
inline constexpr std::size_t max_item_bytes = 4 << 20;    // header or entry, as it is held in memory
inline constexpr std::size_t max_written_entry = 1
                                                 << 20;  // an entry as we write it; well inside what we read
inline constexpr std::size_t max_skipped_recorded = 1000;

// The damage as an error: "the manifest of snapshot ID is damaged: WHAT".
Error corrupt(SnapshotId const& id, std::string_view what);

// "hmac-sha256:" and "sha256:" tails, from `,"digest"` to the end of the file.
inline constexpr std::string_view digest_member = ",\"digest\":\"";
inline constexpr std::string_view keyed_name = "hmac-sha256:";
inline constexpr std::string_view unkeyed_name = "sha256:";
inline constexpr std::string_view digest_end = "\"}\n";

// Tells whether a passphrase is the one a manifest was signed with, without reading the whole manifest.
std::string key_check(Key const& digest_key);

void append_string(std::string& out, std::string_view utf8);
std::string header_json(SnapshotInfo const& info, Key const* digest_key);  // {…}
std::string file_json(Entry const& entry, std::string_view stored_name);   // "name":{…}
std::string other_json(Entry const& entry);                                // {…}
std::string skipped_json(std::string_view path, std::string_view reason);  // {…}

// A line of the packed layout's list, without the line feed; `chunks` is left out when it is 0.
std::string list_entry_json(Entry const& entry, std::uint64_t chunks);

// Readers: false, and `problem` in words, when a member is missing, of the wrong type or out of range.
// Members they do not know are ignored.
struct Header {
  SnapshotInfo info;  // without id (only its text), timestamp, skipped
  std::string id_text;
  std::string key_check;
};
bool read_header(boost::json::object const& object, Header& out, std::string& problem);
// `ours`: the snapshot has our header; else only hash and size are looked at.
bool read_file(boost::json::object const& object, std::string_view name, bool ours, ManifestEntry& out,
               std::string& problem);
bool read_other(boost::json::object const& object, Entry& out, std::string& problem);
// `chunks`: 0 when the member is missing, and for all but files.
bool read_list_entry(boost::json::object const& object, Entry& out, std::uint64_t& chunks, std::string& problem);
bool read_skipped(boost::json::object const& object, std::pair<std::string, std::string>& out,
                  std::string& problem);

}  // namespace b2b::manifest
