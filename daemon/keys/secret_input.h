// Where a passphrase or a recovery code comes from: a file, standard input, or somebody at the terminal.
// Never the command line.
#pragma once

#include <string>

#include "core/util/secret.h"
#include "daemon/control/console.h"
#include "daemon/setup/asker.h"

namespace b2b::daemonctl {

// The content of a file, or with "-" of standard input, without one line break at its end. Errors: usage (it
// is empty, or longer than 4,096 bytes), io.
Result<Secret> secret_from_file(std::string const& file);

// Is it to be asked for at the terminal? Otherwise it comes from `from_file` or, where nobody is there, from
// standard input. Error: usage (there is a terminal, and --json leaves nobody to answer).
Result<bool> is_asked_for(Console const& console, std::string const& from_file);

// Typed unseen. `twice`: until both are the same.
Result<Secret> ask_passphrase(Console& console, setup::Asker& asker, bool twice);

// Typed where it can be read, to be compared with the paper; again until it is a recovery code.
Result<Secret> ask_recovery_code(Console& console, setup::Asker& asker);

}  // namespace b2b::daemonctl
