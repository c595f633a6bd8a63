// Index objects, listed and read. Internal to core/packed.
#pragma once

#include <stop_token>
#include <vector>

#include "core/packed/index_object.h"
#include "core/packed/repository.h"

namespace b2b::packed {

Result<std::vector<IndexId>> list_index_objects(Repository const& repository, std::stop_token const& stop);  // in order of ids

// Read once more when it looks damaged. not_found, corrupt (its name is not its SHA-256, too), the store's.
Result<IndexPayload> read_index_object(Repository const& repository, IndexId const& id, std::stop_token const& stop);

}  // namespace b2b::packed
