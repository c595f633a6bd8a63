// What a delete without a version leaves on a store that keeps versions: the object is there still, and no ordinary list shows it.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/store/store.h"

namespace b2b {

struct HiddenObjects {
  std::uint64_t count = 0;     // keys with a hide marker as their newest version, and something beneath it
  std::uint64_t in_bout = 0;   // of those, what was hidden from `first` to `last`
  // When it was done, by the store's clock. Who prunes with such deletes leaves some all the time: only the last bout of what counts is told, back to
  // a pause of an hour before it.
  TimePoint first{};
  TimePoint last{};

  // The last moment at which nothing of that had been done. For make_at_time_store().
  TimePoint before() const;
};
TimePoint moment_before(TimePoint hidden);

struct HiddenQuestion {
  std::vector<std::string> prefixes;
  // Keys are written once here, so a newer version of another size was put there in the same bad faith: it counts for the bout's beginning.
  bool written_once = false;
  // Does this hidden key count? Those that do not are only asked when a bout began. Empty: all do.
  std::function<bool(std::string const& key)> counts;
};

// Lists all versions: one request for a thousand. Nothing on a store without versions. Memory: 16 bytes for each hidden key.
Result<HiddenObjects> find_hidden(Store& store, HiddenQuestion const& question, std::stop_token const& stop);

// Since when this key is hidden; nullopt: it is not. One request.
Result<std::optional<TimePoint>> hidden_since(Store& store, std::string const& key, std::stop_token const& stop);

}  // namespace b2b
