#include "core/util/secret.h"

#include <array>

#include "tests/support/catch.h"

using namespace b2b;

TEST_CASE("wiped memory holds zeros") {
  std::array<char, 8> memory{'s', 'e', 'c', 'r', 'e', 't', '!', '!'};
  wipe(memory.data(), memory.size());
  CHECK(memory == std::array<char, 8>{});
  wipe(nullptr, 0);
}

TEST_CASE("a moved-from secret is empty") {
  Secret a("swordfish");
  Secret b(std::move(a));
  CHECK(b.reveal() == "swordfish");
  Secret c("other");
  c = std::move(b);
  CHECK(c == Secret("swordfish"));
  Secret const d = c;
  CHECK(d == c);
  c.clear();
  CHECK(c.empty());
  CHECK_FALSE(d.empty());
}

TEST_CASE("a secret does not turn into text by itself") {
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Secret, std::string>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Secret, std::string_view>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<std::string, Secret>);
}
