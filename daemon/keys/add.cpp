// key add and open: a secret comes in.
#include <boost/json.hpp>

#include "core/engine/key_slots.h"
#include "core/engine/packed_keys.h"
#include "core/packed/recovery_code.h"
#include "core/util/encoding.h"
#include "daemon/keys/secret_input.h"
#include "daemon/keys/verbs.h"
#include "daemon/setup/passphrase.h"

namespace b2b::daemonctl {
namespace {

Result<Secret> passphrase_of(Session& session, std::string const& from_file, bool twice) {
  B2B_ASSIGN(bool const asked, is_asked_for(session.console, from_file));
  if (!asked) return secret_from_file(from_file.empty() ? "-" : from_file);
  auto const asker = setup::terminal_asker(true, session.stop);
  return ask_passphrase(session.console, *asker, twice);
}

Result<Secret> recovery_code_of(Session& session, std::string const& from_file) {
  B2B_ASSIGN(bool const asked, is_asked_for(session.console, from_file));
  if (asked) {
    auto const asker = setup::terminal_asker(true, session.stop);
    return ask_recovery_code(session.console, *asker);
  }
  B2B_ASSIGN(Secret const typed, secret_from_file(from_file.empty() ? "-" : from_file));
  return packed::parse_recovery_code(typed);
}

}  // namespace

int run_verb(Session& session, KeyAddArguments const& arguments) {
  Console& console = session.console;
  auto context = open_session_engine(session);
  if (!context) return console.fail(context.error());
  // Whether anything can be added is known before somebody types.
  auto const opened = open_repository_keys(*context);
  if (!opened) return console.fail(opened.error());
  auto const passphrase = passphrase_of(session, arguments.from_file, true);
  if (!passphrase) return console.fail(passphrase.error());
  if (passphrase->reveal().size() < setup::short_passphrase_characters)
    console.warn("that passphrase is short: whoever gets at the bucket can try millions of them");
  std::string const label = arguments.label.empty() ? context->instance.host : arguments.label;
  auto const slot = add_key_slot(*context, {packed::SlotKind::passphrase, *passphrase}, label);
  if (!slot) return console.fail(slot.error());
  console.line("The passphrase opens " + repository_words(*context) + " now: key slot " +
               short_slot_id(slot->id) + ".");
  console.line("  On a new machine: set encryptionKey to it, or daemonctl key open --passphrase");
  return console.succeed({{"slot", to_hex(slot->id)}}, 0);
}

int run_verb(Session& session, KeyOpenArguments const& arguments) {
  Console& console = session.console;
  auto context = open_session_engine(session);
  if (!context) return console.fail(context.error());
  // So that nobody types a code for the wrong bucket.
  auto const standing = key_store(*context).config(context->stop);
  if (!standing) return console.fail(standing.error());
  if (*standing) console.line("The key of " + repository_words(*context));
  packed::SlotSecret secret{arguments.passphrase ? packed::SlotKind::passphrase : packed::SlotKind::recovery,
                            {}};
  if (*standing) {
    auto given = arguments.passphrase ? passphrase_of(session, arguments.from_file, false)
                                      : recovery_code_of(session, arguments.from_file);
    if (!given) return console.fail(given.error());
    secret.secret = std::move(*given);
  }
  auto const slot = open_key_slot(*context, secret);
  if (!slot) return console.fail(slot.error());
  console.line("This machine has the key now: everything in " + repository_words(*context) +
               " can be read and restored.");
  console.line("  What is there:     daemonctl --direct snapshots");
  console.line("  Bring it all back: daemonctl --direct restore latest");
  return console.succeed({{"repository", repository_words(*context)}, {"slot", to_hex(slot->id)}}, 0);
}

}  // namespace b2b::daemonctl
