#include "core/watch/watch_table.h"

namespace b2b {

int WatchTable::put(std::string const& path, int watch) {
  if (auto const known = by_watch_.find(watch); known != by_watch_.end()) {
    if (known->second->first == path) return -1;
    by_path_.erase(known->second);
    by_watch_.erase(known);
  }
  int lost = -1;
  auto const [place, is_new] = by_path_.emplace(path, watch);
  if (!is_new) {
    lost = place->second;
    by_watch_.erase(lost);
    place->second = watch;
  }
  by_watch_.emplace(watch, place);
  return lost;
}

std::string const* WatchTable::path_of(int watch) const {
  auto const found = by_watch_.find(watch);
  return found == by_watch_.end() ? nullptr : &found->second->first;
}

bool WatchTable::erase(int watch) {
  auto const found = by_watch_.find(watch);
  if (found == by_watch_.end()) return false;
  by_path_.erase(found->second);
  by_watch_.erase(found);
  return true;
}

std::vector<int> WatchTable::erase_tree(std::string_view path) {
  std::vector<int> out;
  auto const drop = [&](Paths::iterator place) {
    out.push_back(place->second);
    by_watch_.erase(place->second);
    return by_path_.erase(place);
  };
  if (path.empty()) {
    for (auto place = by_path_.begin(); place != by_path_.end();)
      place = drop(place);
    return out;
  }
  if (auto const self = by_path_.find(path); self != by_path_.end()) drop(self);
  // "a.txt" sorts between "a" and "a/b", so what is below is a range of its own.
  std::string const below = std::string(path) + "/";
  for (auto place = by_path_.lower_bound(below); place != by_path_.end() && place->first.starts_with(below);)
    place = drop(place);
  return out;
}

void WatchTable::clear() {
  by_path_.clear();
  by_watch_.clear();
}

}  // namespace b2b
