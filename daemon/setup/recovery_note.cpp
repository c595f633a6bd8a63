#include "daemon/setup/recovery_note.h"

#include <algorithm>

#include "core/util/encoding.h"

namespace b2b::setup {
namespace {

bool needs_no_quotes(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_./:=@%+,").find(c) != std::string_view::npos;
}

}  // namespace

std::string shell_word(std::string_view text) {
  if (!text.empty() && std::all_of(text.begin(), text.end(), needs_no_quotes)) return std::string(text);
  std::string out = "'";
  for (char const c : text)
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string recovery_note(RecoveryFacts const& facts) {
  bool const directory = facts.endpoint.starts_with("file://");
  std::string note =
      "------------------------------ RECOVERY NOTE ------------------------------\n"
      "Print this or write it down, and keep it away from this machine.\n"
      "Without the passphrase the backup cannot be read. Nobody can help with that.\n"
      "\n";
  auto const field = [&note](std::string name, std::string const& value) {
    name.resize(12, ' ');
    note += "  " + name + value + "\n";
  };
  field("passphrase", std::string(facts.passphrase.reveal()));
  note += "\n";
  field("endpoint", printable(facts.endpoint));
  field("bucket", printable(facts.bucket));
  field("prefix", printable(facts.prefix));
  if (!directory) field("key id", printable(facts.key_id));
  field("backs up", printable(facts.state_dir));
  note += "\nOn a new machine, with b2backupd installed and OpenClaw stopped:\n\n";
  if (!directory) {
    note += "  export B2_APPLICATION_KEY_ID=" + shell_word(facts.key_id) + "\n";
    note += "  read -rs B2_APPLICATION_KEY; export B2_APPLICATION_KEY   # then type the key\n";
  }
  note += "  read -rs B2_ENCRYPTION_KEY; export B2_ENCRYPTION_KEY     # then type the passphrase\n";
  note += "  export B2_ENDPOINT=" + shell_word(facts.endpoint) + "\n";
  note += "  export B2_BUCKET_NAME=" + shell_word(facts.bucket) + "\n";
  note += "  export B2_PREFIX=" + shell_word(facts.prefix) + "\n";
  if (!facts.region.empty()) note += "  export B2_REGION=" + shell_word(facts.region) + "\n";
  note += "  daemonctl --direct snapshots                            # what is there\n";
  note += "  daemonctl --direct restore latest --target ~/restored   # into a folder, to look at\n";
  note += "  daemonctl --direct restore latest                       # in place: all of it is back\n";
  note += "\n";
  if (!directory)
    note +=
        "The application key itself is not on this note. If it is lost, make a new one\n"
        "in the B2 console: any key that may read this bucket will do.\n";
  note += "---------------------------------------------------------------------------\n";
  return note;
}

}  // namespace b2b::setup
