// Finds changed directories by comparing a tree with what it was at the last round.
//
// Kept between rounds: 16 bytes for each directory, a hash of its path and one of what is in it (name, kind, mode, owner,
// inode; size, mtime and ctime of files). So 100,000 directories take 1.6 MB, and twice that during a round, however many
// files they hold. Past max_directories, the rest shares one hash, and a change there is reported as one of the root. A write
// that keeps size, mtime and ctime is not seen. A change of the same file twice between rounds is one change, and what was
// undone before the next round is none: a directory that moved away and back, even if a scan met it elsewhere meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace b2b {

class PollScan {
 public:
  static constexpr std::size_t max_directories = 262'144;

  PollScan(std::string root, std::function<bool(std::string_view path)> skip, std::size_t max = max_directories);

  // Begins a round over these trees, none of which is in another. `silent`: whatever is there is the new state, nothing
  // is reported. Else a directory that the last round did not meet counts as changed.
  void begin(std::vector<std::string> tops, bool silent);
  // Looks at up to `count` directories; true when the round is complete.
  bool step(std::size_t count, std::function<void(std::string const& path)> const& changed);

  std::size_t directories() const { return seen_; }       // met in the round
  bool root_missing() const { return root_missing_; }     // a top "" was no directory

 private:
  struct Known {
    std::uint64_t path, content;
    bool operator<(Known const& other) const { return path < other.path; }
  };
  void look_at(std::string const& path, std::function<void(std::string const& path)> const& changed);

  std::string const root_;
  std::function<bool(std::string_view)> const skip_;
  std::size_t const max_;
  bool silent_ = false, root_missing_ = false;
  std::size_t seen_ = 0;
  std::vector<std::string> pending_;
  std::vector<Known> before_, now_;  // before_ is sorted
  std::uint64_t rest_before_ = 0, rest_now_ = 0;
};

}  // namespace b2b
