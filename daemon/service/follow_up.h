// What follows a job for the world outside: commands, the health check, the metrics file. On a thread of its own, one after
// the other, so that a slow command holds nothing up. Repetitions of the same failure are told rarely (rate_limit.h).
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "core/config/config.h"
#include "core/engine/index.h"
#include "core/util/clock.h"

namespace b2b::service {

class FollowUp {
 public:
  FollowUp(Config const& config, std::shared_ptr<Index> index, Clock& clock);
  ~FollowUp();                                    // ends a command that still runs
  void configure(Config const& config);

  void started();                                 // a push began
  // `damage`: what stands of it, or empty. The monitor, which knows one state only, hears of that instead of the success.
  void succeeded(std::string snapshot, std::string report, std::string damage = {});
  void failed(std::string error, std::string code);
  void stale(std::string what);
  void damaged(std::string what);                 // what is stored is damaged or gone: onFailure, as "damage"
  void metrics(std::string text);                 // into metricsTextfile, when there is one

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace b2b::service
