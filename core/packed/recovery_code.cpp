#include "core/packed/recovery_code.h"

#include <optional>
#include <string>

#include "core/crypto/hash.h"

namespace b2b::packed {
namespace {

constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t data_symbols = 32;
constexpr std::size_t check_symbols = 4;
constexpr std::size_t code_symbols = data_symbols + check_symbols;
constexpr std::size_t group_symbols = 4;
constexpr std::size_t max_typed_bytes = 1000;

using Checks = std::array<unsigned, check_symbols>;

// In GF(32), modulo x^5 + x^2 + 1.
constexpr unsigned product(unsigned a, unsigned b) {
  unsigned out = 0;
  for (unsigned bit = 0; bit < 5; ++bit)
    if ((b >> bit & 1) != 0) out ^= a << bit;
  for (unsigned bit = 8; bit >= 5; --bit)
    if ((out >> bit & 1) != 0) out ^= 0b100101U << (bit - 5);
  return out;
}

// What `value` at `position` adds to the check symbols. No two positions add multiples of each other, and
// none adds to a single check symbol only: that is why one wrong symbol shows where it stands.
Checks share(unsigned value, unsigned position) {
  unsigned const once = product(value, position);
  unsigned const twice = product(once, position);
  return {value, once, twice, product(twice, position) ^ value};
}

std::optional<unsigned> value_of(char letter) {
  std::size_t const at = alphabet.find(folded_recovery_symbol(letter));
  if (at == std::string_view::npos) return std::nullopt;
  return static_cast<unsigned>(at);
}

// The check symbols that fit, over those that stand there: zero everywhere when the code is right.
Checks difference(std::string_view code) {
  Checks out{};
  for (std::size_t i = 0; i < data_symbols; ++i) {
    Checks const part = share(*value_of(code[i]), static_cast<unsigned>(i));
    for (std::size_t k = 0; k < check_symbols; ++k)
      out[k] ^= part[k];
  }
  for (std::size_t k = 0; k < check_symbols; ++k)
    out[k] ^= *value_of(code[data_symbols + k]);
  return out;
}

// Where the one wrong symbol stands; nullopt: several are wrong.
std::optional<std::size_t> wrong_symbol(Checks const& wrong) {
  for (unsigned position = 0; position < data_symbols; ++position)
    if (share(wrong[0], position) == wrong) return position;
  std::optional<std::size_t> only;
  for (std::size_t k = 0; k < check_symbols; ++k) {
    if (wrong[k] == 0) continue;
    if (only) return std::nullopt;
    only = data_symbols + k;
  }
  return only;
}

Error mistyped(std::string message) {
  return make_error(Condition::usage, std::move(message),
                    "A recovery code has nine groups of four letters and digits: compare it with the paper, "
                    "group by group");
}

}  // namespace

char folded_recovery_symbol(char typed) {
  if (typed >= 'a' && typed <= 'z') typed = static_cast<char>(typed - 'a' + 'A');
  if (typed == 'O') return '0';
  if (typed == 'I' || typed == 'L') return '1';
  return typed;
}

Secret recovery_code_from(std::array<std::uint8_t, 20> const& bits) {
  std::array<char, code_symbols> code{};
  Checks checks{};
  for (unsigned i = 0; i < data_symbols; ++i) {
    unsigned value = 0;
    for (unsigned bit = 5 * i; bit < 5 * i + 5; ++bit)
      value = value << 1 | (bits[bit / 8] >> (7 - bit % 8) & 1U);
    code[i] = alphabet[value];
    Checks const part = share(value, i);
    for (std::size_t k = 0; k < check_symbols; ++k)
      checks[k] ^= part[k];
  }
  for (std::size_t k = 0; k < check_symbols; ++k)
    code[data_symbols + k] = alphabet[checks[k]];
  Secret out(std::string_view(code.data(), code.size()));
  wipe(code.data(), code.size());
  return out;
}

Secret make_recovery_code() {
  std::array<std::uint8_t, 20> bits{};
  random_bytes(bits);
  Secret code = recovery_code_from(bits);
  wipe(bits.data(), bits.size());
  return code;
}

Secret show_recovery_code(Secret const& code) {
  std::string_view const symbols = code.reveal();
  B2B_ASSERT(symbols.size() == code_symbols);
  std::string shown;
  shown.reserve(code_symbols + code_symbols / group_symbols);
  for (std::size_t i = 0; i < code_symbols; ++i) {
    if (i != 0 && i % group_symbols == 0) shown += '-';
    shown += symbols[i];
  }
  Secret out(shown);
  wipe(shown.data(), shown.size());
  return out;
}

Result<Secret> parse_recovery_code(Secret const& typed) {
  std::array<char, code_symbols> code{};
  std::size_t count = 0;
  if (typed.reveal().size() > max_typed_bytes) return mistyped("that is too long for a recovery code");
  for (char const letter : typed.reveal()) {
    if (letter == '-' || letter == ' ' || letter == '\t' || letter == '\r' || letter == '\n') continue;
    auto const value = value_of(letter);
    if (!value)
      return mistyped("symbol " + std::to_string(count + 1) + " (in group " +
                      std::to_string(count / group_symbols + 1) + ") is none that recovery codes have");
    if (count < code_symbols) code[count] = alphabet[*value];
    ++count;
  }
  Secret out(std::string_view(code.data(), code.size()));
  wipe(code.data(), code.size());
  if (count != code_symbols)
    return mistyped("the recovery code has " + std::to_string(code_symbols) + " symbols, and these are " +
                    std::to_string(count));
  Checks const wrong = difference(out.reveal());
  if (wrong == Checks{}) return out;
  auto const at = wrong_symbol(wrong);
  if (!at) return mistyped("the recovery code is mistyped in more than one place");
  return mistyped("the recovery code is mistyped in group " + std::to_string(*at / group_symbols + 1));
}

}  // namespace b2b::packed
