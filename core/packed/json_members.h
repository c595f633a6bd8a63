// Reads the members of a small JSON object that comes from a bucket. Pure. Internal to core/packed.
//
// A member that is missing, of another type or out of range gives a value that means nothing and leaves a
// problem in words; the first one is kept. Members that nobody asks for are ignored.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "core/packed/format.h"
#include "core/util/error.h"

namespace b2b::packed {

// The text as an object; the problem in words otherwise ("it is not valid JSON"). At most 8 levels deep.
Result<boost::json::object> parse_small_json(std::string_view text, std::size_t max_bytes);

class JsonMembers {
 public:
  explicit JsonMembers(boost::json::object const& object) : object_(object) {}
  std::string text(std::string_view name);
  std::uint64_t number(std::string_view name, std::uint64_t least, std::uint64_t most);
  boost::json::object const& object(std::string_view name);
  template <std::size_t Size>
  std::array<std::uint8_t, Size> hex(std::string_view name) {
    auto const found = id_from_hex<std::array<std::uint8_t, Size>>(text(name));
    if (!found) fail_hex(name, Size);
    return found.value_or(std::array<std::uint8_t, Size>{});
  }
  void fail(std::string problem);
  std::string const& problem() const { return problem_; }  // empty: none so far

 private:
  void fail_hex(std::string_view name, std::size_t bytes);

  boost::json::object const& object_;
  std::string problem_;
};

// Every object of ours begins with a version, and one above ours is for a newer program: that is told before
// anything else of it is looked at. `what` for the message: "the repository's configuration".
Result<void> check_version(boost::json::object const& object, std::string_view what);

}  // namespace b2b::packed
