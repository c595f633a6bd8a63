// The contract of core/store/store.h as tests, for every store.
//
// Call run_conformance() inside a TEST_CASE. Its parts are Catch2 sections; each asks for a store of its own,
// which must be empty (a fresh bucket, folder or prefix of a fake server). Assertions name the section that
// failed.
#pragma once

#include <functional>
#include <memory>

#include "core/store/store.h"
#include "core/util/clock.h"

namespace b2b::test {

struct ConformanceOptions {
  bool keys_nest = true;              // 'a' and 'a/b' can both be objects
  std::size_t listed_objects = 2500;  // more than two pages of S3's 1,000
  std::size_t threads = 8;
  std::uint64_t large_body_bytes = (1 << 20) + 1;
  Clock* clock = nullptr;  // what the store's clock must agree with, to a minute; null: the system's
  // Versioned stores that can: hides the newest version of a key behind a marker, as a plain S3 DELETE does.
  std::function<void(Store&, std::string const& key)> hide;
};

void run_conformance(std::function<std::unique_ptr<Store>()> const& make_empty_store,
                     ConformanceOptions const& options);

}  // namespace b2b::test
