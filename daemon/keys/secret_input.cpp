#include "daemon/keys/secret_input.h"

#include <array>

#include <unistd.h>

#include "core/packed/recovery_code.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b::daemonctl {
namespace {

Error too_long(std::string const& where) {
  return make_error(Condition::usage, where + " holds more than " + std::to_string(setup::line_bytes_max) +
                                          " bytes: that is no passphrase and no recovery code");
}

Result<std::string> standard_input() {
  std::string out;
  out.reserve(2 * setup::line_bytes_max);  // so that no copy of a secret is left behind
  while (out.size() <= setup::line_bytes_max) {
    std::array<std::uint8_t, 1024> buffer{};
    auto const got = read_some(STDIN_FILENO, buffer, "standard input");
    if (!got) return got.error();
    out += as_text(std::span(buffer).first(*got));
    wipe(buffer.data(), buffer.size());
    if (*got < buffer.size()) return out;
  }
  wipe(out.data(), out.size());
  return too_long("standard input");
}

}  // namespace

Result<Secret> secret_from_file(std::string const& file) {
  bool const is_input = file == "-";
  std::string const where = is_input ? "standard input" : printable(file);
  auto text = is_input ? standard_input() : read_file(file, setup::line_bytes_max + 2);
  if (!text) return text.error().condition == Condition::limit ? too_long(where) : text.error();
  std::string_view content(*text);
  if (content.ends_with('\n')) content.remove_suffix(1);
  if (content.ends_with('\r')) content.remove_suffix(1);
  Secret out(content);
  bool const fits = content.size() <= setup::line_bytes_max;
  wipe(text->data(), text->size());
  if (!fits) return too_long(where);
  if (out.empty())
    return make_error(
        Condition::usage, where + " is empty, and an empty secret opens nothing",
        is_input ? "Type it at a terminal, give it with --from-file FILE, or pipe it into this command"
                 : "Check the name of the file");
  return out;
}

Result<bool> is_asked_for(Console const& console, std::string const& from_file) {
  if (!from_file.empty()) return false;
  if (console.can_ask()) return true;
  if (::isatty(STDIN_FILENO) != 1) return false;
  return make_error(Condition::usage, "nothing is asked here, so it has to come from somewhere",
                    "Give it with --from-file FILE, or pipe it into this command");
}

namespace {

Result<Secret> hidden(setup::Asker& asker, std::string_view question) {
  auto typed = asker.hidden(question);
  if (typed || typed.error().condition != Condition::unsupported) return typed;
  Error error = typed.error();
  error.advice = "Give it in a file: --from-file FILE";
  return error;
}

}  // namespace

Result<Secret> ask_passphrase(Console& console, setup::Asker& asker, bool twice) {
  for (;;) {
    B2B_ASSIGN(Secret const given, hidden(asker, "The passphrase (nothing shows): "));
    if (given.empty()) {
      console.warn("it is empty. Type the passphrase, or give up with Ctrl-C");
      continue;
    }
    if (!twice) return given;
    B2B_ASSIGN(Secret const again, hidden(asker, "Once more: "));
    if (again == given) return given;
    console.warn("the two are not the same");
  }
}

Result<Secret> ask_recovery_code(Console& console, setup::Asker& asker) {
  for (;;) {
    B2B_ASSIGN(std::string typed,
               asker.line("The recovery code, nine groups of four (hyphens and capitals do not matter): "));
    auto code = packed::parse_recovery_code(Secret(typed));
    wipe(typed.data(), typed.size());
    if (code) return code;
    console.warn(error_lines(code.error()));
  }
}

}  // namespace b2b::daemonctl
