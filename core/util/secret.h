// A string that is wiped from memory when it goes and that no stream or logger accepts.
#pragma once

#include <string>
#include <string_view>

namespace b2b {

// Overwrites memory in a way the optimiser keeps.
void wipe(void* data, std::size_t size);

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view value) : value_(value) {}
  Secret(Secret const&) = default;
  Secret(Secret&& other) noexcept : value_(other.value_) { other.clear(); }
  Secret& operator=(Secret const& other) {
    if (this != &other) {
      clear();
      value_ = other.value_;
    }
    return *this;
  }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      clear();
      value_ = other.value_;
      other.clear();
    }
    return *this;
  }
  ~Secret() { clear(); }

  bool empty() const { return value_.empty(); }
  std::string_view reveal() const { return value_; }  // the only way out: easy to search for
  void clear() {
    wipe(value_.data(), value_.size());
    value_.clear();
  }
  friend bool operator==(Secret const& a, Secret const& b) { return a.value_ == b.value_; }

 private:
  std::string value_;
};

}  // namespace b2b
