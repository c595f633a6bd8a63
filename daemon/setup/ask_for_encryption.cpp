// What the backups are encrypted with, and the proof that a new passphrase was put away.
#include "core/crypto/hash.h"
#include "core/util/encoding.h"
#include "daemon/setup/passphrase.h"
#include "daemon/setup/recovery_note.h"
#include "daemon/setup/setup.h"

namespace b2b::setup {
namespace {

bool is_directory(Config const& config) {
  return config.endpoint.starts_with("file://");
}

std::string_view way_of(Config const& config) {
  return !config.encrypt ? "none" : config.encryption_key.empty() ? "application-key" : "passphrase";
}

void show_note(Conversation& talk, Secret const& passphrase) {
  RecoveryFacts facts;
  facts.endpoint = talk.wanted.endpoint.empty() ? talk.found_endpoint : talk.wanted.endpoint;
  facts.bucket = talk.wanted.bucket;
  facts.prefix = talk.wanted.prefix;
  facts.region = talk.wanted.region;
  facts.key_id = talk.wanted.key_id.reveal();
  facts.state_dir = talk.state.path;
  facts.passphrase = passphrase;
  std::string note = recovery_note(facts);
  talk.console.result("");
  talk.console.result(note);
  wipe(note.data(), note.size());
}

// Makes one, shows it, and has its last group typed back.
Result<void> make_new(Conversation& talk) {
  if (talk.console.json() || !talk.stdout_is_terminal)
    return make_error(
        Condition::refused,
        "a new passphrase is shown on a terminal and nowhere else, and this output is none",
        "Give a passphrase of yours in the environment (B2_ENCRYPTION_KEY), or say --no-encrypt");
  PassphraseEntropy random{};
  random_bytes(random);
  Secret passphrase = make_passphrase(random);
  wipe(random.data(), random.size());
  show_note(talk, passphrase);
  if (talk.asker.is_there()) {
    std::string question =
        "When you have it on paper or printed, type the last group of the passphrase (after its last "
        "hyphen): ";
    for (;;) {
      B2B_ASSIGN(std::string const typed, talk.asker.line(question));
      if (proves_kept(passphrase, typed)) break;
      question = "That is not it. Look at your copy: the last five characters of the passphrase: ";
    }
    talk.console.line("  Right. Keep that note; clear this screen when others can see it.");
  }
  talk.wanted.encryption_key = std::move(passphrase);
  talk.wanted.encrypt = true;
  talk.new_passphrase = true;
  return {};
}

Result<void> ask_own(Conversation& talk) {
  for (;;) {
    // As it was typed: whatever is in an old passphrase belongs to it.
    B2B_ASSIGN(Secret const given, talk.asker.hidden("  The passphrase (nothing shows): "));
    if (given.empty()) {
      talk.console.line("  It is empty. Type the passphrase, or end setup with Ctrl-C.");
      continue;
    }
    B2B_ASSIGN(Secret const again, talk.asker.hidden("  Once more: "));
    if (!(again == given)) {
      talk.console.line("  The two are not the same.");
      continue;
    }
    if (given.reveal().size() < short_passphrase_characters)
      warn(talk,
           "that passphrase is short: whoever gets at the bucket can try millions of them. A new one from "
           "setup cannot be guessed");
    talk.wanted.encryption_key = given;
    talk.wanted.encrypt = true;
    return {};
  }
}

Result<void> ask_how(Conversation& talk) {
  bool const directory = is_directory(talk.wanted);
  talk.console.line("  Backups are encrypted on this machine before they are sent. With what?");
  talk.console.line("  1) a new passphrase, made for you now, which you write down (recommended)");
  talk.console.line("  2) a passphrase that you have already, from an earlier set-up or of your own");
  talk.console.line(directory
                        ? "  3) nothing: whoever can read the directory can read everything in the backups"
                        : "  3) the application key itself: when it is lost, and the B2 console shows it "
                          "once, the backups are lost");
  if (!directory)
    talk.console.line("  4) nothing: whoever can read the bucket can read everything in the backups");
  B2B_ASSIGN(std::size_t const chosen, choose(talk.asker, "Your choice", directory ? 3 : 4));
  if (chosen == 0) return make_new(talk);
  if (chosen == 1) return ask_own(talk);
  talk.wanted.encryption_key.clear();
  talk.wanted.encrypt = !directory && chosen == 2;
  return {};
}

Result<void> decide(Conversation& talk) {
  Config& wanted = talk.wanted;
  SetupArguments const& options = talk.options;
  if (options.no_encrypt) {
    wanted.encrypt = false;
    return {};
  }
  bool const has_passphrase = !wanted.encryption_key.empty() && (wanted.encrypt || options.encrypt);
  if (has_passphrase) {
    std::string const from = where_from(talk.loaded, "encryptionKey");
    talk.console.line("  There is a passphrase already" + (from.empty() ? "" : " (" + from + ")") + ".");
    B2B_ASSIGN(bool const keep, confirm(talk.asker, "Keep it?", true));
    wanted.encrypt = true;
    if (keep) return {};
    return options.encrypt ? make_new(talk) : ask_how(talk);
  }
  if (options.encrypt) return make_new(talk);
  if (talk.asker.is_there()) {
    if (!wanted.encrypt)
      talk.console.line("  So far the backups are not encrypted (" + where_from(talk.loaded, "encrypt") +
                        ").");
    return ask_how(talk);
  }
  if (wanted.encrypt && is_directory(wanted))
    return make_error(Condition::usage, "nothing says what the backups shall be encrypted with",
                      "Give a passphrase in the environment (B2_ENCRYPTION_KEY), or say --no-encrypt; "
                      "--encrypt makes a new one, on a terminal");
  return {};
}

}  // namespace

Result<void> ask_for_encryption(Conversation& talk) {
  talk.console.line("");
  talk.console.line("Encryption");
  B2B_TRY(decide(talk));
  std::string_view const way = way_of(talk.wanted);
  if (way == "none") talk.console.line("  The backups will not be encrypted.");
  if (way == "application-key")
    talk.console.line("  The application key encrypts the backups. Put a copy of it away safely.");
  talk.answer["encryption"] = std::string(way);
  talk.answer["newPassphrase"] = talk.new_passphrase;
  return {};
}

}  // namespace b2b::setup
