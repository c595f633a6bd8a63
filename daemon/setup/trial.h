// The proof: a backup is made, restored into a private directory, and each restored file's SHA-256 is
// compared with the one that was taken when it was captured. The directory goes again, whatever happens.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include <boost/json/object.hpp>

#include "core/config/config.h"
#include "core/util/error.h"

namespace b2b::setup {

// Where large things may lie for a while: $TMPDIR, else /var/tmp, else /tmp; the first that is there.
std::string scratch_parent(ConfigSources const& sources);
std::string host_name();

// Pure. Which files of a snapshot are restored for the test. All of them while they are few; of a large state
// a sample: openclaw.json, every database, and some others.
class Sample {
 public:
  static constexpr std::uint64_t all_bytes_max =
      1ull << 30;  // more than this, or than there is room for, is sampled
  static constexpr std::uint64_t other_bytes_max = 64ull << 20;
  static constexpr std::size_t others_max = 100;
  static constexpr std::size_t named_max = 900;  // a job takes 1,000 patterns

  // Each file once, as the rows of `ls` have them.
  void add(std::string const& path, std::uint64_t bytes, bool database);
  // `room`: free bytes where it is restored to.
  void decide(std::uint64_t room);

  bool is_sample() const { return sampled_; }
  bool fits() const { return needed_bytes() <= room_; }
  std::uint64_t needed_bytes() const;  // with what is left alone
  std::uint64_t files() const { return files_; }
  std::uint64_t bytes() const { return bytes_; }
  std::vector<std::string> const& patterns() const {
    return patterns_;
  }                                            // for the restore; empty: everything
  bool covers(std::string const& path) const;  // is it compared? After decide()

 private:
  std::uint64_t files_ = 0, bytes_ = 0, sampled_bytes_ = 0, other_bytes_ = 0, room_ = 0;
  std::size_t others_ = 0;
  bool sampled_ = false;
  std::vector<std::string> patterns_;
  std::unordered_set<std::string> chosen_;
};

// The pattern that matches this path and no other.
std::string pattern_of(std::string_view path);

}  // namespace b2b::setup
