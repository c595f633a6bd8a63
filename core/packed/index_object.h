// The payload of an index object: which packs there are and what lies in them (docs/format.md, "An index object"). Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/packed/pack.h"

namespace b2b::packed {

struct IndexPayload {
  std::vector<IndexId> replaces;
  std::vector<PackRecord> packs;
};

// How many bytes a pack takes in a payload: a writer begins another object before max_payload_bytes.
std::size_t index_bytes(PackRecord const& pack);
std::string format_index(std::span<IndexId const> replaces, std::span<PackRecord const> packs);
Result<IndexPayload> parse_index(std::string_view payload);  // corrupt

}  // namespace b2b::packed
