// Deletes by version, up to 1,000 in one request.
#pragma once

#include <span>

#include "core/store/s3/client.h"

namespace b2b::s3 {

// As Store::remove_versions.
Result<void> remove_versions(Client& client, std::span<ObjectVersion const> versions,
                             std::stop_token const& stop);

// The body of a DeleteObjects request for those of `versions` that XML can carry; the others go to `left`.
// Pure.
std::string delete_request(std::span<ObjectVersion const> versions, std::vector<ObjectVersion>& left);

}  // namespace b2b::s3
