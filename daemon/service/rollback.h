// Restores around a gateway: keeps the one there may be, waits for its gateway to stop or stops it, restores, starts the gateway
// again, and tells. The order of things is rollback_plan.h's; here is what each step does and where it is written down.
//
// Belongs to the loop's thread. A step runs as a job of the coordinator's reading lane, always under the same number, so that
// captures and uploads go on and progress and cancelling are those of any job. Nothing has a timer but a restore that is queued:
// it looks for the gateway every two seconds.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/control/responder.h"
#include "core/engine/coordinator.h"
#include "core/engine/lock.h"
#include "core/engine/restore.h"
#include "core/engine/snapshot_use.h"
#include "daemon/jobs/last_restore.h"
#include "daemon/jobs/parameters.h"
#include "daemon/service/rollback_plan.h"

namespace b2b::service {

struct RollbackSurroundings {
  boost::asio::io_context* loop = nullptr;
  Clock* clock = nullptr;
  std::function<Coordinator&()> coordinator;
  std::function<Config const&()> config;
  std::string home;
  EnvironmentMap environment;
  std::string data_dir;
  std::function<void(std::string_view event, boost::json::object data)> publish;
};

class Rollback {
 public:
  explicit Rollback(RollbackSurroundings surroundings);
  ~Rollback();

  // Before the coordinator runs: reads what an earlier daemon left. An error is one to warn of.
  Result<void> load();
  // What an earlier process left of a swap is finished or undone: the steps that are left are gone on with where they need no
  // engine, so that a gateway is not down for as long as the store is away or refuses us. A gateway that was kept from starting by
  // a swap that nobody knows of any more is started.
  void settled(RecoveredRestores const& found);
  // The engine is open, too: goes on with what load() found.
  void recovered();
  // It cannot be opened. After some tries, or at once where trying again does not help, the restore is given up and the gateway
  // started.
  void engine_failed(Error const& error);

  // `parameters.gateway` is not refuse. Answers when it is queued or when it has ended, as `parameters.wait` says.
  void ask(jobs::RestoreParameters const& parameters, control::Responder responder);
  // nullopt: that is no job of ours. refused: it is too late, the gateway is being started.
  std::optional<Result<void>> cancel(JobId job);
  void look();                               // the gateway may have stopped
  bool active() const;                       // a restore is under way, and does not only wait
  boost::json::value status() const;         // null, or the one there is or was
  std::optional<jobs::RestoreEnd> ended() const;   // what became of it, when it has ended
  // What would be done about the gateway, for a person: asked before anything is done.
  std::string preview(jobs::RestoreParameters const& parameters) const;
  // The daemon ends: what is under way stays for the next one. Whoever waits is told so.
  void stop();

 private:
  struct Prepared {
    std::string snapshot;
    std::string safety;
  };
  Result<Prepared> prepare(EngineContext& context, jobs::RestoreParameters const& parameters) const;
  void prepared(jobs::RestoreParameters const& parameters, JobId job, Result<Prepared> const& result, control::Responder responder);
  void take_up();                            // what another daemon left
  bool needs_engine() const;                 // the record's step
  void advance();                            // whatever the record's step is
  void run_steps();
  void steps_ended(Result<boost::json::object> const& result);
  // Until nothing is left to do, or something that needs an engine and there is none.
  Result<boost::json::object> work(EngineContext& context, std::shared_ptr<GatewayOperator> const& gateway, bool engine);
  Result<void> stop_gateway(EngineContext& context, GatewayOperator& gateway);   // in the middle of the restore
  void restore_step(EngineContext& context, GatewayOperator& gateway);
  void start_step(EngineContext& context, GatewayOperator& gateway);
  void check_step(EngineContext& context, GatewayOperator& gateway);
  Result<boost::json::object> restore_now(EngineContext& context, RollbackRecord const& record, GatewayOperator& gateway);
  // Changes the plan and writes its record; false: nothing changed.
  bool change(std::function<bool(RollbackPlan&)> const& event);
  RollbackRecord record() const;
  Result<void> hold_snapshot(std::string const& snapshot);   // from pruning, until it has ended
  Result<void> hold_place();                 // no other restore in place, while it is queued
  void announce();                           // what changed: log, events, and the answers when it has ended
  std::shared_ptr<GatewayOperator> make_operator() const;
  GatewayState probe() const;
  RollbackObstacle obstacle() const;         // none for one that has ended

  RollbackSurroundings around_;
  boost::asio::steady_timer timer_;
  mutable std::mutex mutex_;                 // plan_: steps change it on a lane's thread
  std::optional<RollbackPlan> plan_;
  std::string problem_at_load_;
  std::optional<RestoreLock> place_;         // held while it is queued; the restore takes it itself
  std::optional<SnapshotUse> snapshot_;
  std::vector<control::Responder> waiting_;
  std::stop_source ending_;                  // the daemon ends
  JobId preparing_ = 0;
  bool running_ = false;                     // a job carries steps out
  bool settled_ = false;                     // no swap is half done
  bool taken_up_ = false;                    // what load() found
  unsigned engine_failures_ = 0;
  std::optional<RollbackState> told_;
};

}  // namespace b2b::service
