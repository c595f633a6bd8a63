// One function per verb. Each gets its answer from the session's job source, prints it and returns the exit code.
#pragma once

#include <stop_token>

#include "core/config/config.h"
#include "core/engine/context.h"
#include "daemon/control/arguments.h"
#include "daemon/control/console.h"
#include "daemon/control/job_source.h"

namespace b2b::daemonctl {

struct Session {
  Arguments const& arguments;
  Console& console;
  LoadedConfig const& loaded;
  Clock& clock;
  std::stop_token stop;
  std::unique_ptr<JobSource> jobs;
};

int run_verb(Session& session, PushArguments const& arguments);
int run_verb(Session& session, SnapshotsArguments const& arguments);
int run_verb(Session& session, LsArguments const& arguments);
int run_verb(Session& session, CatArguments const& arguments);
int run_verb(Session& session, RestoreArguments const& arguments);
int run_verb(Session& session, DiffArguments const& arguments);
int run_verb(Session& session, VerifyArguments const& arguments);
int run_verb(Session& session, RepairArguments const& arguments);
int run_verb(Session& session, PruneArguments const& arguments);
int run_verb(Session& session, CopyArguments const& arguments);
int run_verb(Session& session, PinArguments const& arguments);
int run_verb(Session& session, ForgetArguments const& arguments);
int run_verb(Session& session, ConfigCheckArguments const& arguments);
int run_verb(Session& session, ConfigShowArguments const& arguments);
int run_verb(Session& session, AcknowledgeKeyArguments const& arguments);
// Of the daemon only.
int run_verb(Session& session, StatusArguments const& arguments);
int run_verb(Session& session, EventsArguments const& arguments);
int run_verb(Session& session, MetricsArguments const& arguments);
int run_verb(Session& session, NotifyArguments const& arguments);
int run_verb(Session& session, CancelArguments const& arguments);

// The engine for this session: opened from its configuration.
Result<EngineContext> open_session_engine(Session& session);

// Warnings that an answer carries.
void warn_all(Console& console, boost::json::array const& texts);
// "3 files could not be backed up:" and the first names with what is said of each under `reason`; nothing when there is none.
void warn_of_each(Console& console, boost::json::array const& items, std::string_view what, std::string_view reason);

}  // namespace b2b::daemonctl
