// Recovery codes: 160 random bits that a person keeps on paper (docs/format.md). Pure, but for the random
// bits.
//
//   "7XQ4-…-9T3K", nine groups of four: eight of Crockford's base32 and one of check symbols, by which a
//   mistyped symbol is found.
#pragma once

#include <array>
#include <cstdint>

#include "core/util/error.h"
#include "core/util/secret.h"

namespace b2b::packed {

// 36 symbols, as they open a slot.
Secret recovery_code_from(std::array<std::uint8_t, 20> const& bits);
Secret make_recovery_code();

// As people read it: with hyphens. `code`: 36 symbols.
Secret show_recovery_code(Secret const& code);

// A symbol as it stands in a code: upper case, O as 0, I and L as 1. Anything else as it is.
char folded_recovery_symbol(char typed);

// What somebody typed: either case, spaces and hyphens anywhere, O for 0, I and L for 1. Gives the 36
// symbols. Error: usage, which says what is wrong (a letter that no code has, how many symbols are missing,
// the group that was mistyped) without repeating any of it.
Result<Secret> parse_recovery_code(Secret const& typed);

}  // namespace b2b::packed
