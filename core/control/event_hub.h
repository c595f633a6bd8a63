// What happens in the daemon, told to whoever listens (GET /v1/events). Thread-safe; publishing never waits.
//
// Each subscriber has a queue of 256 events. One that falls further behind loses its subscription and is told
// so: it may come back with the id of the last event it saw, and gets what it missed as long as the last 256
// events hold it. A gap is reported by an event named "gap", with the number of events that are lost for
// good, or null when it is unknown (the id comes from an earlier run of the daemon).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

namespace b2b::control {

class EventHub {
 public:
  static constexpr std::size_t queue_max = 256;
  static constexpr std::size_t history_max = 256;
  static constexpr std::size_t data_max_bytes = 16 * 1024;

  struct State;
  class Subscription;

  // `run` tells the events of this run of the daemon from those of another; letters and digits, for example
  // the time of its start. Ids are "<run>-<number>", counted from 1.
  explicit EventHub(std::string run);
  ~EventHub();
  EventHub(EventHub const&) = delete;
  EventHub& operator=(EventHub const&) = delete;

  // `name`: lower-case letters, digits and hyphens. Data longer than 16 KB is replaced by
  // {"tooLong":true,"bytes":N}.
  void publish(std::string_view name, boost::json::object const& data);

  // Events from now on; with `last_event_id` those after it first. `wake` is called when the queue was empty
  // and is not any more, or when the subscriber is lost; by the publishing thread, so it must be quick and
  // must not call the hub.
  std::unique_ptr<Subscription> subscribe(std::optional<std::string> const& last_event_id,
                                          std::function<void()> wake);
  std::size_t subscribers() const;

 private:
  std::shared_ptr<State> state_;
};

// One listener; ends when it is destroyed. Outlives its hub, if need be. take() and lost() are for one
// thread.
class EventHub::Subscription {
 public:
  ~Subscription();
  // The next events in wire format, up to about `max_bytes` and at least one if there is any; empty: wait for
  // `wake`.
  std::string take(std::size_t max_bytes);
  bool lost() const;  // it was too slow; nothing comes any more

 private:
  friend class EventHub;
  struct Queue;
  Subscription(std::shared_ptr<State> state, std::shared_ptr<Queue> queue);
  std::shared_ptr<State> state_;
  std::shared_ptr<Queue> queue_;
};

}  // namespace b2b::control
