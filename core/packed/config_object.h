// The object "config" of a repository (docs/format.md): which repository it is and how its writers cut
// chunks. Pure.
#pragma once

#include <string>
#include <string_view>

#include "core/packed/format.h"
#include "core/util/error.h"

namespace b2b::packed {

struct RepositoryConfig {
  RepositoryId id{};
  ChunkSizes data = data_chunk_sizes;
  ChunkSizes list = list_chunk_sizes;
  friend bool operator==(RepositoryConfig const&, RepositoryConfig const&) = default;
};

// Empty when the sizes are fine, else what is wrong with them.
std::string chunk_sizes_problem(ChunkSizes const& sizes);

std::string format_config(RepositoryConfig const& config);

// Errors: unsupported (another format, or a newer version of ours), corrupt. Unknown members are ignored.
Result<RepositoryConfig> parse_config(std::string_view text);

}  // namespace b2b::packed
