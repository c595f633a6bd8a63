// The objects of the fake S3 server: versioned buckets and multipart uploads, in memory. Thread-safe; bodies
// are shared and immutable, so that answering from one needs no lock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/util/clock.h"

namespace b2b::test {

using Piece = std::shared_ptr<std::string const>;

struct StoredVersion {
  std::string id;
  bool hide_marker = false;
  std::vector<Piece> pieces;  // one, or the parts of a multipart upload
  std::uint64_t size = 0;
  std::string etag;  // without quotes
  TimePoint modified{};
};

struct StoredPart {
  Piece body;
  std::string md5_hex;
};

struct StoredUpload {
  std::string key;
  TimePoint initiated{};
  std::map<unsigned, StoredPart> parts;
};

struct FakeBucket {
  std::map<std::string, std::vector<StoredVersion>> objects;  // newest version first, never empty
  std::map<std::string, StoredUpload> uploads;                // by id
};

class FakeObjects {
 public:
  // Runs `use` on the bucket under the lock; nullopt when there is none of that name.
  template <class Use>
  auto with(std::string const& name, Use use) -> std::optional<decltype(use(std::declval<FakeBucket&>()))> {
    std::scoped_lock lock(mutex_);
    auto const at = buckets_.find(name);
    if (at == buckets_.end()) return std::nullopt;
    return use(at->second);
  }
  bool exists(std::string const& name) {
    std::scoped_lock lock(mutex_);
    return buckets_.contains(name);
  }
  void create(std::string const& name) {
    std::scoped_lock lock(mutex_);
    buckets_.try_emplace(name);
  }
  // "4_z00000000000000000000001_…": like B2's, one after the other.
  std::string next_id(std::string const& what);

 private:
  std::mutex mutex_;
  std::map<std::string, FakeBucket> buckets_;
  std::mutex id_mutex_;
  std::uint64_t last_id_ = 0;
};

}  // namespace b2b::test
