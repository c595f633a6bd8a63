#include "daemon/setup/typed.h"

#include <algorithm>
#include <array>

#include "core/config/schema.h"
#include "core/util/encoding.h"

namespace b2b::setup {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// What may stand around a value that was copied from a page, a file or a chat: ASCII white space, quotes,
// commas and semicolons; no-break and zero-width spaces, the byte order mark, typographic quotes.
constexpr std::array<std::string_view, 22> around = {
    " ",      "\t",     "\r",     "\n",     "\"",     "'",      "`",      ",",
    ";",      "\u00a0", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u2018",
    "\u2019", "\u201c", "\u201d", "\u201e", "\u00ab", "\u00bb"};

std::string_view stripped(std::string_view text) {
  for (bool again = true; again;) {
    again = false;
    for (std::string_view const one : around) {
      while (text.starts_with(one)) {
        text.remove_prefix(one.size());
        again = true;
      }
      while (text.ends_with(one)) {
        text.remove_suffix(one.size());
        again = true;
      }
    }
  }
  return text;
}

// "keyID: 004…" as the console shows it, "applicationKey=…" as a file has it. Only known labels: a value may
// have any of these characters.
std::string_view without_label(std::string_view text) {
  std::size_t const end = text.find_first_of(":=");
  if (end == std::string_view::npos) return text;
  std::string label;
  for (char const c : text.substr(0, end))
    if (is_letter(c))
      label.push_back(static_cast<char>(c | 0x20));
    else if (c != '_' && c != ' ' && c != '"' && c != '\'' && !is_digit(c))
      return text;
  for (std::string_view const known :
       {"keyid", "applicationkeyid", "bapplicationkeyid", "applicationkey", "bapplicationkey", "key",
        "bucket", "bucketname", "bbucketname", "passphrase", "encryptionkey", "bencryptionkey"})
    if (label == known) return text.substr(end + 1);
  return text;
}

std::string_view clean(std::string_view text) {
  for (;;) {
    std::string_view const less = stripped(without_label(stripped(text)));
    if (less.size() == text.size()) return text;
    text = less;
  }
}

bool has_odd_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return c <= ' ' || static_cast<unsigned char>(c) >= 0x7f; });
}

}  // namespace

std::string clean_value(std::string_view text) {
  return std::string(clean(text));
}

Secret clean_secret(std::string_view text) {
  return Secret(clean(text));
}

std::string clean_bucket(std::string_view text) {
  std::string_view name = clean(text);
  for (std::string_view const scheme : {"b2://", "s3://"})
    if (name.starts_with(scheme)) name.remove_prefix(scheme.size());
  while (name.ends_with('/'))
    name.remove_suffix(1);
  return std::string(name);
}

bool looks_like_key_id(std::string_view text) {
  return text.size() == 25 && std::all_of(text.begin(), text.end(), is_hex);
}

bool looks_like_master_key_id(std::string_view text) {
  return text.size() == 12 && std::all_of(text.begin(), text.end(), is_hex);
}

bool looks_like_application_key(std::string_view text) {
  return text.size() == 31 && text[0] == 'K' && is_digit(text[1]) && is_digit(text[2]) && is_digit(text[3]);
}

std::optional<std::string> key_id_problem(std::string_view key_id, bool at_b2) {
  if (key_id.empty()) return "The key id is empty. In the B2 console it is the keyID of an application key.";
  if (at_b2 && looks_like_application_key(key_id))
    return "That is the application key itself (it begins with K and is shown once). The keyID is the other "
           "one: 25 digits and "
           "letters from a to f.";
  if (has_odd_characters(key_id))
    return "The key id has blanks or special characters in it. Copy the keyID alone.";
  if (at_b2 && looks_like_master_key_id(key_id))
    return "That is the id of the account's master key (12 characters). B2 does not take it for what a "
           "backup does: make an "
           "application key of its own.";
  return std::nullopt;
}

std::optional<std::string> application_key_problem(std::string_view key, std::string_view key_id,
                                                   bool at_b2) {
  if (key.empty())
    return "The application key is empty. It begins with K, and the B2 console shows it once, when it is "
           "made.";
  if (key == key_id)
    return "That is the key id again. The application key is the other one: it begins with K, and the B2 "
           "console shows it once.";
  if (at_b2 && (looks_like_key_id(key) || looks_like_master_key_id(key)))
    return "That is a keyID, not the application key. The application key begins with K and has 31 "
           "characters.";
  if (has_odd_characters(key))
    return "The application key has blanks or special characters in it. Copy the key alone.";
  return std::nullopt;
}

std::optional<std::string> bucket_problem(std::string_view bucket) {
  if (bucket.empty())
    return "The bucket's name is empty. The B2 console lists your buckets on its page Buckets.";
  auto const checked = check_text(*find_key("bucket"), bucket);
  if (checked) return std::nullopt;
  return "\"" + printable(bucket) + "\" is no bucket name: those have 3 to 63 letters, digits and hyphens.";
}

std::string shown_key_id(std::string_view key_id) {
  return looks_like_application_key(key_id) ? "(hidden: it looks like an application key)"
                                            : printable(key_id);
}

}  // namespace b2b::setup
