// key recovery: a code on paper that opens the backups when everything else is lost. It is shown on a
// terminal, once, and is in force only when somebody has proved to have it on paper; until then the older one
// is.
#include <array>
#include <string>

#include <boost/json.hpp>
#include <unistd.h>

#include "core/crypto/hash.h"
#include "core/engine/key_slots.h"
#include "core/engine/packed_keys.h"
#include "core/packed/recovery_code.h"
#include "daemon/keys/exchange.h"
#include "daemon/keys/verbs.h"

namespace b2b::daemonctl {
namespace {

constexpr std::size_t groups = 9;
constexpr std::size_t group_symbols = 4;

std::size_t some_group() {
  std::array<std::uint8_t, 1> random{};
  random_bytes(random);
  return random[0] % groups + 1;
}

void show(Console& console, Secret const& code, std::string const& repository) {
  Secret const shown = packed::show_recovery_code(code);
  console.result("");
  console.result("The recovery code of " + repository + ":");
  console.result("");
  std::string line = "    " + std::string(shown.reveal());
  console.result(line);
  wipe(line.data(), line.size());
  console.result("");
  console.result("Write it down or print it now: it is shown this once. Keep it away from this machine.");
  console.result("Whoever has it and can get at the bucket can read all the backups. That is you, when this");
  console.result("machine and the B2 key are lost, and anybody who finds the paper.");
  console.result("");
}

// What somebody has to do with the paper when it came to nothing.
Error not_in_force(Error error, bool there_is_an_older_one) {
  error.message += ". The code that was shown does NOT count: throw it away";
  if (!error.advice.empty()) error.advice += ". ";
  error.advice += there_is_an_older_one
                      ? "The older code is still good. For a new one: daemonctl key recovery"
                      : "Try again: daemonctl key recovery";
  return error;
}

Error not_on_a_terminal() {
  return make_error(Condition::refused,
                    "a recovery code is shown on a terminal and nowhere else, so that it gets into no file "
                    "and no log; this output is none. Nothing was changed",
                    "Run daemonctl key recovery by itself in a terminal, without --json (from another "
                    "machine: ssh -t HOST daemonctl key recovery)");
}

}  // namespace

bool is_group(Secret const& code, std::size_t number, std::string_view typed) {
  std::string_view const wanted = code.reveal().substr((number - 1) * group_symbols, group_symbols);
  std::size_t same = 0;
  for (char const c : typed) {
    if (c == ' ' || c == '-' || c == '\t' || c == '\r') continue;
    if (same == wanted.size() || packed::folded_recovery_symbol(c) != wanted[same]) return false;
    ++same;
  }
  return same == wanted.size();
}

int make_recovery_code(Session& session, setup::Asker& asker, bool shown_on_terminal) {
  Console& console = session.console;
  if (console.json() || !shown_on_terminal || !asker.is_there()) return console.fail(not_on_a_terminal());
  auto context = open_session_engine(session);
  if (!context) return console.fail(context.error());
  // What can go wrong goes wrong before anybody writes 36 symbols down.
  auto const opened = open_repository_keys(*context);
  if (!opened) return console.fail(opened.error());
  auto const listing = list_key_slots(*context);
  if (!listing) return console.fail(listing.error());
  bool const replaces = listing->has_recovery_code;

  Secret const code = packed::make_recovery_code();
  show(console, code, listing->repository);
  std::size_t const group = some_group();
  std::string question = "When you have it on paper, type group " + std::to_string(group) + " of the " +
                         std::to_string(groups) + " from there: ";
  for (;;) {
    auto typed = asker.line(question);
    if (!typed) return console.fail(not_in_force(typed.error(), replaces));
    bool const right = is_group(code, group, *typed);
    wipe(typed->data(), typed->size());
    if (right) break;
    question = "That is not group " + std::to_string(group) +
               ". Compare your paper with the code above, and type group " + std::to_string(group) +
               " of it: ";
  }
  auto const done = replace_recovery_code(*context, code);
  if (!done) return console.fail(not_in_force(done.error(), replaces));
  console.line(
      "The recovery code is in force." +
      std::string(done->removed.empty() ? "" : " The older one opens nothing any more: throw it away."));
  console.line("  On a new machine: daemonctl key open");
  console.line("  Clear this screen when others can see it.");
  return finish_exchange(console, *done, {});
}

int run_verb(Session& session, KeyRecoveryArguments const&) {
  auto const asker = setup::terminal_asker(session.console.can_ask(), session.stop);
  return make_recovery_code(session, *asker, ::isatty(STDOUT_FILENO) == 1);
}

}  // namespace b2b::daemonctl
