// What somebody may have meant who wrote a word that does not exist. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace b2b {

// Insertions, deletions, replacements and swaps of neighbours that turn a into b. Both are short: the time goes with the product
// of their lengths.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The one of `words` that `written` is most likely to stand for: it begins with `written`, or about a third of the letters are
// wrong at most. Case does not matter. Empty: none is.
std::string nearest_word(std::string_view written, std::span<std::string const> words);

}  // namespace b2b
