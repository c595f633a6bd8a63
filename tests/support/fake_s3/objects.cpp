#include "tests/support/fake_s3/objects.h"

#include <array>
#include <cstdio>

namespace b2b::test {

std::string FakeObjects::next_id(std::string const& what) {
  std::scoped_lock lock(id_mutex_);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "4_z%024llx_%s", static_cast<unsigned long long>(++last_id_),
                what.c_str());
  return text.data();
}

}  // namespace b2b::test
