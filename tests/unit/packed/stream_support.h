// Bytes that are the same on every machine and in every run.
#pragma once

#include <cstdint>
#include <vector>

namespace b2b::test {

// xorshift64*; never seeded with 0.
class Bytes64 {
 public:
  explicit Bytes64(std::uint64_t seed) : state_(seed | 1) {}
  std::uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1DULL;
  }
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  std::vector<std::uint8_t> bytes(std::size_t count) {
    std::vector<std::uint8_t> out(count);
    for (auto& byte : out)
      byte = static_cast<std::uint8_t>(next() >> 56);
    return out;
  }

 private:
  std::uint64_t state_;
};

}  // namespace b2b::test
