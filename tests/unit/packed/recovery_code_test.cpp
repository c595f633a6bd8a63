#include "core/packed/recovery_code.h"

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::packed;

namespace {

constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
// Computed from docs/format.md with other code, for the bytes 1 to 20.
std::string const example = "041061050R3GG28A1C60T3GF208H44RM6AQ6";

std::array<std::uint8_t, 20> counted() {
  std::array<std::uint8_t, 20> out{};
  for (std::uint8_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::uint8_t>(i + 1);
  return out;
}

std::string problem_of(std::string_view typed) {
  auto const parsed = parse_recovery_code(Secret(typed));
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().condition == Condition::usage);
  return parsed.error().message;
}

}  // namespace

TEST_CASE("a code is the bits in Crockford's base32 and four check symbols", "[packed_recovery]") {
  CHECK(recovery_code_from(counted()).reveal() == example);
  std::array<std::uint8_t, 20> ones{};
  ones.fill(0xff);
  CHECK(recovery_code_from(ones).reveal() == std::string(32, 'Z') + "0000");
  CHECK(show_recovery_code(Secret(example)).reveal() == "0410-6105-0R3G-G28A-1C60-T3GF-208H-44RM-6AQ6");
  Secret const made = make_recovery_code();
  CHECK(made.reveal() != make_recovery_code().reveal());
  CHECK(parse_recovery_code(show_recovery_code(made)).value() == made);
}

TEST_CASE("a code may be typed in many ways", "[packed_recovery]") {
  for (std::string_view const typed :
       {"0410-6105-0R3G-G28A-1C60-T3GF-208H-44RM-6AQ6", "  o4io-6LO5-or3g-g28a-lc6o-t3gf-2o8h-44rm-6aq6\r\n",
        "04 10 61 05 0R 3G G2 8A 1C 60 T3 GF 20 8H 44 RM 6A Q6", "041061050R3GG28A1C60T3GF208H44RM6AQ6"})
    CHECK(parse_recovery_code(Secret(typed)).value().reveal() == example);
}

TEST_CASE("one wrong symbol is found, with its group", "[packed_recovery]") {
  for (std::size_t at = 0; at < example.size(); ++at)
    for (char const letter : alphabet) {
      if (letter == example[at]) continue;
      std::string typed = example;
      typed[at] = letter;
      REQUIRE(problem_of(typed) == "the recovery code is mistyped in group " + std::to_string(at / 4 + 1));
    }
}

TEST_CASE("two wrong symbols never pass, and neighbours that changed places are not blamed on one group",
          "[packed_recovery]") {
  for (std::size_t a = 0; a < example.size(); ++a)
    for (std::size_t b = a + 1; b < example.size(); ++b)
      for (std::size_t step = 1; step < alphabet.size(); step += 5) {
        std::string typed = example;
        typed[a] = alphabet[(alphabet.find(typed[a]) + step) % 32];
        typed[b] = alphabet[(alphabet.find(typed[b]) + 7) % 32];
        REQUIRE(problem_of(typed).find("mistyped") != std::string::npos);
      }
  for (std::size_t at = 1; at < 32; ++at) {
    std::string typed = example;
    std::swap(typed[at - 1], typed[at]);
    if (typed != example)
      REQUIRE(problem_of(typed) == "the recovery code is mistyped in more than one place");
  }
}

TEST_CASE("what is no code says why and repeats nothing of it", "[packed_recovery]") {
  CHECK(problem_of("") == "the recovery code has 36 symbols, and these are 0");
  CHECK(problem_of(example.substr(1)) == "the recovery code has 36 symbols, and these are 35");
  CHECK(problem_of(example + "0") == "the recovery code has 36 symbols, and these are 37");
  CHECK(problem_of("0410-6105-0U3G") == "symbol 10 (in group 3) is none that recovery codes have");
  CHECK(problem_of("0410_") == "symbol 5 (in group 2) is none that recovery codes have");
  CHECK(problem_of(std::string(1001, '0')) == "that is too long for a recovery code");
}
