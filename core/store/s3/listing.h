// Lists of any length, a page of at most 1,000 names in memory at a time.
#pragma once

#include <functional>

#include "core/store/s3/client.h"

namespace b2b::s3 {

Result<void> list_objects(Client& client, ListOptions const& options,
                          std::function<bool(ListEntry const&)> const& visit, std::stop_token const& stop);

Result<void> list_versions(Client& client, std::string const& prefix,
                           std::function<bool(ObjectVersion const&)> const& visit,
                           std::stop_token const& stop);

// Multipart uploads that were begun and neither completed nor aborted.
Result<void> list_uploads(Client& client, std::string const& prefix,
                          std::function<bool(Upload const&)> const& visit, std::stop_token const& stop);

}  // namespace b2b::s3
