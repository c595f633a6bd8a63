// One function per verb. Each prints its own answer and returns the exit code.
#pragma once

#include <stop_token>

#include "core/config/config.h"
#include "core/engine/context.h"
#include "daemon/control/arguments.h"
#include "daemon/control/console.h"

namespace b2b::control {

struct Session {
  Arguments const& arguments;
  Console& console;
  LoadedConfig const& loaded;
  Clock& clock;
  std::stop_token stop;
};

int run_verb(Session& session, PushArguments const& arguments);
int run_verb(Session& session, SnapshotsArguments const& arguments);
int run_verb(Session& session, LsArguments const& arguments);
int run_verb(Session& session, CatArguments const& arguments);
int run_verb(Session& session, RestoreArguments const& arguments);
int run_verb(Session& session, DiffArguments const& arguments);
int run_verb(Session& session, VerifyArguments const& arguments);
int run_verb(Session& session, PruneArguments const& arguments);
int run_verb(Session& session, ConfigCheckArguments const& arguments);
int run_verb(Session& session, ConfigShowArguments const& arguments);
int run_verb(Session& session, AcknowledgeKeyArguments const& arguments);

// Exit code for "done, but not everything".
inline constexpr int exit_incomplete = 3;

// The engine for this session: opened from its configuration.
Result<EngineContext> open_session_engine(Session& session);

// "The only key …" while encryption rests on the application key alone and nobody acknowledged that; else empty.
Result<std::string> key_reminder(EngineContext& context);

}  // namespace b2b::control
