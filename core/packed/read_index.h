// Index objects, listed and read. Internal to core/packed.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "core/packed/index_object.h"
#include "core/packed/repository.h"

namespace b2b::packed {

struct BadIndexObject {
  IndexId id{};
  std::string problem;
};

struct IndexNews {
  std::uint64_t read = 0;             // into the record
  std::vector<BadIndexObject> bad;    // of those that the last list named
  std::vector<IndexId> gone;          // the record knows them, and the last list does not
};

// Reads the index objects that the record does not know into it; one that looks damaged is read once more. One that is gone before it is read
// was put together with others: the next list has what took its place, and there are at most five. An error of which `is_bad` says so makes
// its object a bad one; others end it.
Result<IndexNews> read_index_news(Repository& repository, bool (*is_bad)(Condition), std::stop_token const& stop);

}  // namespace b2b::packed
