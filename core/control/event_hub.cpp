#include "core/control/event_hub.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <mutex>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "core/control/event_stream.h"
#include "core/util/error.h"
#include "core/util/log.h"

namespace b2b::control {

using Wire = std::shared_ptr<std::string const>;  // one encoded event, shared by all queues

struct EventHub::Subscription::Queue {
  std::deque<Wire> events;                // guarded by State::mutex, as all here
  std::size_t max = EventHub::queue_max;  // more by what a new subscriber gets from the history
  std::function<void()> wake;
  bool lost = false;
};

struct EventHub::State {
  mutable std::mutex mutex;
  std::string run;
  std::uint64_t last = 0;    // number of the last event
  std::deque<Wire> history;  // the last ones; the newest is `last`
  std::vector<std::shared_ptr<Subscription::Queue>> queues;

  // Puts what came after `id` into the queue.
  void replay(std::string_view id, std::deque<Wire>& queue) const;
};

namespace {

Wire gap_event(std::string_view missed) {
  return std::make_shared<std::string const>(
      encode_event({"", "gap", "{\"missed\":" + std::string(missed) + "}"}));
}

}  // namespace

void EventHub::State::replay(std::string_view id, std::deque<Wire>& queue) const {
  std::uint64_t seen = 0;
  bool known = id.size() > run.size() + 1 && id.starts_with(run) && id[run.size()] == '-';
  if (known) {
    char const* const end = id.data() + id.size();
    auto const parsed = std::from_chars(id.data() + run.size() + 1, end, seen);
    known = parsed.ec == std::errc{} && parsed.ptr == end && seen <= last;
  }
  std::uint64_t const oldest = last - history.size();  // the number before the first one in the history
  if (!known) {
    queue.push_back(gap_event("null"));
    seen = oldest;
  } else if (seen < oldest) {
    queue.push_back(gap_event(std::to_string(oldest - seen)));
    seen = oldest;
  }
  queue.insert(queue.end(), history.end() - static_cast<std::ptrdiff_t>(last - seen), history.end());
}

EventHub::EventHub(std::string run) : state_(std::make_shared<State>()) {
  B2B_ASSERT(!run.empty() && std::ranges::all_of(run, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  }));
  state_->run = std::move(run);
}

EventHub::~EventHub() = default;

void EventHub::publish(std::string_view name, boost::json::object const& data) {
  B2B_ASSERT(!name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == name.npos);
  std::string text = boost::json::serialize(data);
  if (text.size() > data_max_bytes) {
    log_warning("an event \"" + std::string(name) + "\" of " + std::to_string(text.size()) +
                " bytes is too long to be sent; its data is left out");
    text = "{\"tooLong\":true,\"bytes\":" + std::to_string(text.size()) + "}";
  }
  std::scoped_lock lock(state_->mutex);
  auto const wire = std::make_shared<std::string const>(
      encode_event({state_->run + "-" + std::to_string(++state_->last), std::string(name), std::move(text)}));
  state_->history.push_back(wire);
  if (state_->history.size() > history_max) state_->history.pop_front();
  for (auto const& queue : state_->queues) {
    if (queue->lost) continue;
    bool const was_empty = queue->events.empty();
    if (queue->events.size() >= queue->max) {
      queue->events.clear();
      queue->lost = true;
    } else {
      queue->events.push_back(wire);
    }
    if (was_empty || queue->lost) queue->wake();
  }
}

std::unique_ptr<EventHub::Subscription> EventHub::subscribe(std::optional<std::string> const& last_event_id,
                                                            std::function<void()> wake) {
  auto queue = std::make_shared<Subscription::Queue>();
  queue->wake = std::move(wake);
  std::scoped_lock lock(state_->mutex);
  if (last_event_id) state_->replay(*last_event_id, queue->events);
  queue->max += queue->events.size();
  state_->queues.push_back(queue);
  return std::unique_ptr<Subscription>(new Subscription(state_, std::move(queue)));
}

std::size_t EventHub::subscribers() const {
  std::scoped_lock lock(state_->mutex);
  return state_->queues.size();
}

EventHub::Subscription::Subscription(std::shared_ptr<State> state, std::shared_ptr<Queue> queue)
    : state_(std::move(state)), queue_(std::move(queue)) {}

EventHub::Subscription::~Subscription() {
  std::scoped_lock lock(state_->mutex);
  std::erase(state_->queues, queue_);
}

std::string EventHub::Subscription::take(std::size_t max_bytes) {
  std::string out;
  std::scoped_lock lock(state_->mutex);
  while (!queue_->events.empty() &&
         (out.empty() || out.size() + queue_->events.front()->size() <= max_bytes)) {
    out += *queue_->events.front();
    queue_->events.pop_front();
  }
  return out;
}

bool EventHub::Subscription::lost() const {
  std::scoped_lock lock(state_->mutex);
  return queue_->lost;
}

}  // namespace b2b::control
