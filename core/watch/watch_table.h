// Which directory each watch stands for: paths relative to the root ("" is the root) and watch numbers, both ways. Pure.
// About 150 bytes and the path for each directory.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace b2b {

class WatchTable {
 public:
  // The directory at `path` now has this watch. A number that stood for another path moves here (the directory was
  // renamed, and its old name's event is still to come). Returns the number that `path` had before and lost, or -1.
  int put(std::string const& path, int watch);

  std::string const* path_of(int watch) const;  // nullptr: no such watch
  bool contains(std::string_view path) const { return by_path_.find(path) != by_path_.end(); }

  bool erase(int watch);  // false: no such watch
  // Forgets `path` and all below it; their numbers.
  std::vector<int> erase_tree(std::string_view path);
  void clear();

  std::size_t size() const { return by_path_.size(); }

 private:
  using Paths = std::map<std::string, int, std::less<>>;
  Paths by_path_;
  std::unordered_map<int, Paths::iterator> by_watch_;
};

}  // namespace b2b
