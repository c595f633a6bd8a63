// `daemonctl key …`: what opens the backups of the packed layout. These verbs are done in daemonctl's own
// process, with or without a daemon and
// --direct: a recovery code and a passphrase go over no socket and into no log, and slots need no lock
// (core/engine/key_slots.h).
#pragma once

#include "daemon/control/verbs.h"
#include "daemon/setup/asker.h"

namespace b2b::daemonctl {

int run_verb(Session& session, KeyListArguments const& arguments);
int run_verb(Session& session, KeyAddArguments const& arguments);
int run_verb(Session& session, KeyRemoveArguments const& arguments);
int run_verb(Session& session, KeyRewrapArguments const& arguments);
int run_verb(Session& session, KeyRecoveryArguments const& arguments);
int run_verb(Session& session, KeyOpenArguments const& arguments);

// The conversation of `key recovery`. `shown`: the code goes to a terminal. The code is in force only when
// this succeeds.
int make_recovery_code(Session& session, setup::Asker& asker, bool shown_on_terminal);

// Pure. Is `typed` the group number `number` (from 1) of the code, as shown? As forgiving as the code itself:
// capitals, blanks and hyphens do not count, O is 0, I and L are 1.
bool is_group(Secret const& code, std::size_t number, std::string_view typed);

}  // namespace b2b::daemonctl
