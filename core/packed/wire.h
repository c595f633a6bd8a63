// Little-endian integers and byte strings, written to and read from memory. Internal to core/packed.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace b2b::packed {

template <class Integer>
void append_integer(std::string& out, Integer value) {
  for (std::size_t i = 0; i < sizeof(Integer); ++i) out.push_back(static_cast<char>(static_cast<std::uint8_t>(value >> (8 * i))));
}

inline void append_bytes(std::string& out, std::span<std::uint8_t const> bytes) {
  out.append(reinterpret_cast<char const*>(bytes.data()), bytes.size());
}

// Reads from the front; once something was missing everything more is zero and ok() is false.
class WireReader {
 public:
  explicit WireReader(std::span<std::uint8_t const> bytes) : rest_(bytes) {}

  template <class Integer>
  Integer integer() {
    Integer value = 0;
    auto const bytes = take(sizeof(Integer));
    for (std::size_t i = 0; i < bytes.size(); ++i) value = static_cast<Integer>(value | static_cast<Integer>(Integer{bytes[i]} << (8 * i)));
    return value;
  }

  template <std::size_t size>
  std::array<std::uint8_t, size> bytes() {
    std::array<std::uint8_t, size> out{};
    auto const taken = take(size);
    std::copy(taken.begin(), taken.end(), out.begin());
    return out;
  }

  std::span<std::uint8_t const> take(std::size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    auto const out = rest_.first(size);
    rest_ = rest_.subspan(size);
    return out;
  }

  bool ok() const { return ok_; }
  std::span<std::uint8_t const> rest() const { return rest_; }

 private:
  std::span<std::uint8_t const> rest_;
  bool ok_ = true;
};

}  // namespace b2b::packed
