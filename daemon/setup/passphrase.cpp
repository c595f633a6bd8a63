#include "daemon/setup/passphrase.h"

namespace b2b::setup {
namespace {

constexpr std::string_view alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
static_assert(alphabet.size() == 32);
static_assert(passphrase_bits % 8 == 0 && passphrase_bits >= 160);

std::string folded(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == ' ' || c == '-' || c == '\t' || c == '\r' || c == '\n') continue;
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    if (c == 'o') c = '0';
    if (c == 'i' || c == 'l') c = '1';
    out.push_back(c);
  }
  return out;
}

}  // namespace

Secret make_passphrase(PassphraseEntropy const& random) {
  std::array<char, passphrase_groups*(group_characters + 1) - 1> text{};
  std::size_t at = 0;
  std::uint32_t bits = 0;
  unsigned held = 0;
  std::size_t next = 0;
  for (std::size_t group = 0; group < passphrase_groups; ++group) {
    if (group > 0) text[at++] = '-';
    for (std::size_t i = 0; i < group_characters; ++i) {
      if (held < 5) {
        bits = bits << 8 | random[next++];
        held += 8;
      }
      held -= 5;
      text[at++] = alphabet[bits >> held & 31u];
    }
  }
  Secret out(std::string_view(text.data(), text.size()));
  wipe(text.data(), text.size());
  return out;
}

std::string_view last_group(Secret const& passphrase) {
  std::string_view const text = passphrase.reveal();
  std::size_t const hyphen = text.rfind('-');
  return hyphen == std::string_view::npos ? text : text.substr(hyphen + 1);
}

bool proves_kept(Secret const& passphrase, std::string_view typed) {
  std::string given = folded(typed);
  std::string group = folded(last_group(passphrase));
  std::string whole = folded(passphrase.reveal());
  bool const same = !given.empty() && (given == group || given == whole);
  for (std::string* const text : {&given, &group, &whole})
    wipe(text->data(), text->size());
  return same;
}

}  // namespace b2b::setup
