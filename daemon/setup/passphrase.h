// The passphrase that setup makes: random, made to be written on paper and typed again. Pure but for the
// random bytes, which come from the caller.
//
// Eight groups of five, "k7m2p-…": 200 bits. The alphabet is Crockford's base32 in lower case: no i, l, o or
// u, so that nothing on paper can be read as something else.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/util/secret.h"

namespace b2b::setup {

inline constexpr std::size_t passphrase_groups = 8;
inline constexpr std::size_t group_characters = 5;
inline constexpr std::size_t passphrase_bits = passphrase_groups * group_characters * 5;
using PassphraseEntropy = std::array<std::uint8_t, passphrase_bits / 8>;

Secret make_passphrase(PassphraseEntropy const& random);

// The text after its last hyphen.
std::string_view last_group(Secret const& passphrase);

// Was the last group (or the whole) typed? As forgiving as paper needs: capitals, blanks and hyphens do not
// count, o is 0, i and l are 1.
bool proves_kept(Secret const& passphrase, std::string_view typed);

// A passphrase of a person's own is hardly guessed when it is long; this is where we say something.
// Characters, not bits.
inline constexpr std::size_t short_passphrase_characters = 16;

}  // namespace b2b::setup
