// What a delete without a version leaves on a store that keeps versions: the object is there still, and no ordinary list shows it.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/store/store.h"

namespace b2b {

struct HiddenObjects {
  std::uint64_t count = 0;     // keys with a hide marker as their newest version, and something beneath it
  // When it was done, by the store's clock. Who prunes with such deletes leaves some all the time: only the last bout counts, back to a pause
  // of an hour before it.
  TimePoint first{};
  TimePoint last{};

  // The last moment at which nothing of that had been done. For make_at_time_store().
  TimePoint before() const;
};

struct HiddenQuestion {
  std::vector<std::string> prefixes;
  // Keys are written once here, so a newer version of another size was put there in the same bad faith: it counts for the bout's beginning.
  bool written_once = false;
  std::function<void(std::string const& key)> visit;   // each hidden key; may be empty
};

// Lists all versions: one request for a thousand. Nothing on a store without versions. Memory: 8 bytes for each hidden key.
Result<HiddenObjects> find_hidden(Store& store, HiddenQuestion const& question, std::stop_token const& stop);

// Is this key hidden? One request.
Result<bool> is_hidden(Store& store, std::string const& key, std::stop_token const& stop);

}  // namespace b2b
