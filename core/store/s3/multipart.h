// Large objects in parts: upload with resumption, server-side copy, and clearing away what was left.
//
// An upload reads its source once, a part at a time into memory; the buffers of all uploads together are
// bounded. Parts that an interrupted upload of the same key left at the store are used again when their MD5
// and size agree.
#pragma once

#include <cstdint>

#include "core/store/s3/client.h"
#include "core/util/worker_pool.h"

namespace b2b::s3 {

constexpr std::uint64_t max_parts = 10'000;

// Size of each part but the last: `wanted`, or more (whole MiB) where that would need over 10,000 of them.
// Pure.
std::uint64_t part_size(std::uint64_t object_bytes, std::uint64_t wanted);

// `buffers` bounds the memory of parts.
Result<ObjectInfo> put_in_parts(Client& client, ByteBudget& buffers, std::string const& key,
                                ByteSource const& body, std::stop_token const& stop);

// For sources above what one copy request takes. `source` is what head_object said.
Result<void> copy_in_parts(Client& client, ObjectInfo const& source, std::string const& to,
                           std::stop_token const& stop);

// As Store::remove_unfinished; `now` is the store's clock.
Result<std::uint64_t> abort_unfinished(Client& client, std::string const& prefix, TimePoint now,
                                       std::uint64_t older_than_seconds, std::stop_token const& stop);

// The body of a CompleteMultipartUpload request. Pure.
std::string complete_request(std::vector<Part> const& parts);

}  // namespace b2b::s3
