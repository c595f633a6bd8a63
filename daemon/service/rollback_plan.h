// A restore around a gateway, as a state machine: what was asked for, how far it is, and what is to be done next. Pure: no
// clock, no thread, no file. rollback.h carries the steps out and keeps the record, so that a daemon that was killed anywhere
// goes on where this one was (rollback_record.h).
//
//   queued → restoring → starting-gateway → checking → done
//   restoring → stopping-gateway → restoring, when everything is fetched and the gateway runs
//   starting-gateway → failed or cancelled, when nothing was restored
//   queued → expired or cancelled
//
// From the moment the gateway is told to stop, every way out leads through starting-gateway; a restore that never told it so
// ends where it is. OpenClaw's doctor comes last: it asks the gateway how it is, and waits a minute for one that is not there.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/gateway/operate.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "daemon/jobs/last_restore.h"

namespace b2b::service {

enum class RollbackState { queued, stopping_gateway, restoring, starting_gateway, checking, done, failed, cancelled, expired };
std::string_view state_name(RollbackState state);               // "stopping-gateway"
std::optional<RollbackState> rollback_state_from(std::string_view name);
constexpr bool has_ended(RollbackState state) { return state >= RollbackState::done; }

enum class RollbackMode { when_stopped, stop };
std::string_view mode_name(RollbackMode mode);                  // "when-stopped", "stop": the API's member `gateway`

struct RollbackRequest {
  std::string snapshot;              // an id; what "latest" was when it was asked for
  std::vector<std::string> paths;
  bool safety = true;
  bool with_secrets = false;
  RollbackMode mode = RollbackMode::when_stopped;
  friend bool operator==(RollbackRequest const&, RollbackRequest const&) = default;
};

struct RollbackRecord {
  RollbackRequest request;
  RollbackState state = RollbackState::queued;
  std::uint64_t job = 0;             // the number to cancel it by, of the daemon that has it now
  TimePoint asked;
  TimePoint not_before;              // the gateway is not told to stop before
  TimePoint expires;
  bool gateway_ran = false;          // it is to be started again
  bool cancel_wanted = false;        // somebody gave it up on the way
  bool restored = false;             // the swap is done
  unsigned tries = 0;                // how often a daemon went on with it
  std::string safety;                // the first safety snapshot; empty: none
  std::string problem;               // why it failed
  Condition condition = Condition::internal;
  RollbackState outcome = RollbackState::done;   // where starting-gateway leads to
  boost::json::object report;        // the answer of the restore; empty: there is none
};

class RollbackPlan {
 public:
  static constexpr unsigned tries_max = 3;

  explicit RollbackPlan(RollbackRecord record) : record_(std::move(record)) {}
  RollbackRecord const& record() const { return record_; }

  enum class Step { wait, restore, start_gateway, check, none };
  Step step() const;

  // Events. True: the record is another one now, and must be kept before the next step is begun. An event that does not
  // belong to the state changes nothing.

  // While it is queued. `can_stop`: it is known how this gateway is stopped and started. (Another program of OpenClaw's that has the
  // lock is not stopped: it ends by itself.)
  bool looked(GatewayState const& gateway, TimePoint now, bool can_stop);
  // The restore has fetched everything and needs the gateway stopped.
  bool stop_wanted(GatewayState const& gateway);
  bool stopped(Result<void> const& result);
  // `gateway`: what is there after the attempt; a restore that was refused because one was started meanwhile is queued again when
  // it waits for somebody else to end it.
  bool restored(Result<boost::json::object> const& answer, GatewayState const& gateway, TimePoint now);
  // Everything is written down and the swap about to begin: from here on a restart may find it done. `answer`: what it is then.
  bool committing(boost::json::object const& answer);
  // The swap is done; what follows (the gateway, doctor) is still to do, by the next daemon if need be.
  bool swapped(boost::json::object const& answer);
  // A gateway tried to start while it was kept from it.
  bool gateway_wanted();
  bool started(boost::json::object gateway);
  // What doctor said. `gateway`: when it was started once more after that.
  bool checked(boost::json::object doctor, std::optional<boost::json::object> gateway);
  // Does it stop? Queued: at once. Later: the step that is under way is to be interrupted, and the gateway started. False: too
  // late, or over.
  bool cancel();
  // Another daemon takes it up. `job`: its number there. What was given up is not begun again.
  bool resumed(std::uint64_t job);
  // It cannot be gone on with (the engine cannot be opened, the record cannot be kept).
  bool failed(Error const& error);

 private:
  void go(RollbackState state) { record_.state = state; }
  void end(RollbackState outcome, Error const* error);
  RollbackState after_start() const;
  RollbackRecord record_;
};

// What keeps one that is queued from stopping the gateway itself; both empty: nothing.
struct RollbackObstacle {
  std::string missing;   // why it cannot be done
  std::string command;   // another program of OpenClaw's is at work: "an agent in a terminal (…) works on this state"
};

// For a swap of databases that was interrupted and put in order while no restore around a gateway is known: what is left is to see to
// the gateway. nullopt: nothing is.
std::optional<RollbackRecord> record_of_interrupted(std::string const& snapshot, bool gateway_ran, bool undone, TimePoint now);

// What it is about to do, or what became of it, in a sentence or two for a person.
std::string rollback_text(RollbackRecord const& record, RollbackObstacle const& obstacle, TimePoint now);

// The member `restore` of the status.
boost::json::object rollback_answer(RollbackRecord const& record, RollbackObstacle const& obstacle, TimePoint now);

// What is told of one that has ended, but for its text.
jobs::RestoreEnd restore_end(RollbackRecord const& record);

// What a person should look at after such a restore.
std::vector<std::string> rollback_advice(RollbackRecord const& record);

}  // namespace b2b::service
