// The part of a session that streams events.
#include "core/control/event_stream.h"
#include "core/control/session.h"

namespace b2b::control {
namespace {

constexpr std::size_t batch_bytes = 64 * 1024;

}  // namespace

void Session::begin_stream(EventHub& hub, std::string const& last_event_id) {
  keep_alive_ = false;
  if (core_->stopping() || !core_->may_stream())
    return answer(Response::failed(
        503, make_error(Condition::busy, "the daemon has as many listeners to its events as it takes",
                        "End one of them and try again")));
  std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n";
  head += "Connection: close\r\n\r\n";
  if (head_only_) {
    state_ = State::writing;
    output_ = std::move(head);
    return write_piece();
  }
  state_ = State::streaming;
  output_ = std::move(head) + encode_comment("events of b2backupd");
  events_ = hub.subscribe(last_event_id.empty() ? std::nullopt : std::optional<std::string>(last_event_id),
                          [gate = core_->gate(), session = weak_from_this()] {
                            gate->post([session] {
                              if (auto const there = session.lock()) there->pump();
                            });
                          });
  watch_for_hangup();
  pump();
}

// Writes what there is, or waits for more.
void Session::pump() {
  if (state_ != State::streaming || writing_) return;
  if (last_words_) return close();
  if (events_->lost()) farewell_ = "this listener is too slow; connect again with Last-Event-ID";
  if (farewell_.empty()) {
    output_ += events_->take(batch_bytes);
  } else {
    output_ += encode_comment(farewell_);
    last_words_ = true;
  }
  if (output_.empty()) return set_deadline(core_->limits().keep_alive);
  written_ = 0;
  write_piece();
}

}  // namespace b2b::control
