// The daemon's own checks of what is stored: begins them when check_times.h says so, one at a time, in the coordinator's reading lane; keeps what they
// found, and tells. Belongs to the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/json/object.hpp>

#include "core/config/config.h"
#include "core/engine/coordinator.h"
#include "daemon/service/check_times.h"

namespace b2b::service {

struct CheckupSurroundings {
  Clock* clock = nullptr;
  std::shared_ptr<Index> index;
  Instance instance;
  std::function<Coordinator&()> coordinator;
  std::function<void(std::function<void()>)> post;     // to the loop; may be called from any thread
  std::function<void(std::string_view event, boost::json::object data)> publish;
  std::function<void(std::string const& text)> alarm;  // what is stored is damaged or gone
  std::function<void()> ended;                         // look() has something to say again
};

class Checkup {
 public:
  // Removes what a killed check left behind.
  Checkup(CheckupSurroundings surroundings, Config const& config);
  void configure(Config const& config);

  // Begins what is due. `busy`: something is under way that the coordinator does not know of. When to look again; nullopt: only an event can
  // bring a check.
  std::optional<TimePoint> look(std::chrono::nanoseconds unchanged_for, bool busy);

  // As kept, for the status: nullopt, none yet.
  std::optional<boost::json::object> last(CheckKind kind) const;
  bool found_damage() const;                           // by the last one of a kind
  std::string damage() const;                          // in words: what was found, of each kind; empty: nothing
  // A kind that has not come to its end for more than two periods, and why the last try did not: {kind, since, error}. nullopt: none.
  std::optional<boost::json::object> overdue() const;

 private:
  void begin(CheckKind kind);
  void ended(CheckKind kind, std::string const& target, Result<boost::json::object> const& answer);
  void keep_failure(CheckKind kind, std::string const& target, Result<boost::json::object> const& answer);
  void keep_times();

  CheckupSurroundings around_;
  Config config_;
  CheckTimes times_;
  std::string kept_times_;
};

}  // namespace b2b::service
