// What changed since the last snapshot, in bounded memory. Pure: times come in. Not thread-safe.
//
// Up to max_paths distinct paths (and max_path_bytes of them) are kept; beyond that, changes only count, and what is kept
// is an example of what changed, not all of it (complete() is false).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "core/util/clock.h"

namespace b2b {

class ChangeSet {
 public:
  static constexpr std::size_t max_paths = 4096;
  static constexpr std::size_t max_path_bytes = 1 << 20;  // paths may have 4 KB each

  void add(std::string_view path, TimePoint at);
  void add_unknown(TimePoint at);       // changes were missed: anything may have changed
  void add_all(ChangeSet const& other);  // for changes that were taken, and whose push then failed

  bool empty() const { return !first_change_; }
  bool complete() const { return !unknown_ && not_kept_ == 0; }  // paths() names all
  std::set<std::string, std::less<>> const& paths() const { return paths_; }
  std::uint64_t not_kept() const { return not_kept_; }  // reports beyond those; the same path may be counted twice
  bool unknown() const { return unknown_; }
  std::optional<TimePoint> first_change() const { return first_change_; }  // the earliest and the latest time added
  std::optional<TimePoint> last_change() const { return last_change_; }

  // For a person: "nothing", "3 files", "4096 files and more", "an unknown number of files".
  std::string count_text() const;

  void clock_is(TimePoint now);  // times after it, from before the clock was set back, become it
  ChangeSet take();  // returns all and is empty then
  void clear();

 private:
  void note(TimePoint at);

  std::set<std::string, std::less<>> paths_;
  std::size_t path_bytes_ = 0;
  std::uint64_t not_kept_ = 0;
  bool unknown_ = false;
  std::optional<TimePoint> first_change_, last_change_;
};

}  // namespace b2b
