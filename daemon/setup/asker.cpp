#include "daemon/setup/asker.h"

#include "daemon/setup/typed.h"

namespace b2b::setup {

Result<bool> confirm(Asker& asker, std::string_view question, bool otherwise) {
  if (!asker.is_there()) return otherwise;
  std::string text = std::string(question) + (otherwise ? " [Y/n] " : " [y/N] ");
  for (;;) {
    B2B_ASSIGN(std::string const typed, asker.line(text));
    std::string const answer = clean_value(typed);
    if (answer.empty()) return otherwise;
    if (answer == "y" || answer == "Y" || answer == "yes" || answer == "Yes" || answer == "YES") return true;
    if (answer == "n" || answer == "N" || answer == "no" || answer == "No" || answer == "NO") return false;
    text = std::string("Please type y or n") + (otherwise ? " [Y/n] " : " [y/N] ");
  }
}

Result<std::size_t> choose(Asker& asker, std::string_view question, std::size_t count) {
  if (!asker.is_there() || count < 2) return std::size_t{0};
  std::string text = std::string(question) + " [1] ";
  for (;;) {
    B2B_ASSIGN(std::string const typed, asker.line(text));
    std::string const answer = clean_value(typed);
    if (answer.empty()) return std::size_t{0};
    for (std::size_t i = 0; i < count; ++i)
      if (answer == std::to_string(i + 1)) return i;
    text = "Please type a number from 1 to " + std::to_string(count) + " [1] ";
  }
}

}  // namespace b2b::setup
