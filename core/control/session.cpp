#include "core/control/session.h"

#include <algorithm>
#include <atomic>
#include <exception>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <poll.h>

#include "core/control/event_stream.h"
#include "core/util/log.h"

namespace b2b::control {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t piece_bytes = 64 * 1024;
constexpr std::size_t linger_max_bytes = 4 * 1024 * 1024;

std::uint64_t next_rank() {
  static std::atomic<std::uint64_t> rank{0};  // of all servers; only the order counts
  return ++rank;
}

Response too_slow() {
  return Response::failed(
      408, make_error(Condition::usage, "the request did not arrive in time", "Send it in one go"));
}

Response cut_short() {
  return Response::failed(400, make_error(Condition::usage, "the request ends in the middle",
                                          "Send as many bytes as its Content-Length says"));
}

}  // namespace

// What a responder holds: finds the way back to the session, if that is still there.
class Session::PendingAnswer final : public AnswerTarget {
 public:
  PendingAnswer(std::shared_ptr<Gate> gate, std::weak_ptr<Session> session, std::uint64_t serial)
      : gate_(std::move(gate)), session_(std::move(session)), serial_(serial) {}

  void answer(Response response) override {
    if (gone_.load()) return;
    gate_->post([session = session_, serial = serial_, response = std::move(response)] {
      if (auto const there = session.lock()) there->on_answer(serial, response);
    });
  }
  bool gone() const override { return gone_.load(); }
  void set_gone() { gone_.store(true); }

 private:
  std::shared_ptr<Gate> const gate_;
  std::weak_ptr<Session> const session_;
  std::uint64_t const serial_;
  std::atomic<bool> gone_{false};
};

Session::Session(std::shared_ptr<ServerCore> core, ServerCore::Socket socket)
    : core_(std::move(core)),
      socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      reader_(core_->limits()),
      rank_(next_rank()) {}

Session::~Session() = default;

void Session::start() {
  advance();
}

void Session::refuse(Response const& response) {
  keep_alive_ = false;
  linger_after_ = true;
  answer(response);
}

void Session::finish() {
  switch (state_) {
    case State::reading:
      return close();
    case State::handling:
    case State::writing:
      keep_alive_ = false;
      return;
    case State::streaming:
      farewell_ = "the daemon is stopping";
      return pump();
    case State::lingering:
    case State::closed:
      return;
  }
}

void Session::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  if (pending_) pending_->set_gone();
  pending_.reset();
  events_.reset();
  no_deadline();
  error_code ignored;
  socket_.close(ignored);
  core_->closed(shared_from_this());
}

// Those that got their last answer first, then idle ones, then the others by age.
std::uint64_t Session::quiet_rank() const {
  if (state_ == State::lingering) return rank_;
  bool const between_requests = !fresh_ && reader_.state() == RequestReader::State::idle;
  return rank_ + (std::uint64_t{between_requests ? 1U : 2U} << 62);
}

void Session::give_way() {
  if (state_ == State::reading && !fresh_ && reader_.state() == RequestReader::State::partial)
    say(encode(too_slow(), false, true));
  close();
}

// Goes on with what was read: until more must be read, or a request is on its way.
void Session::advance() {
  if (state_ != State::reading) return;
  switch (reader_.state()) {
    case RequestReader::State::failed:
      keep_alive_ = false;
      linger_after_ = true;
      return answer(reader_.problem());
    case RequestReader::State::ready:
      return handle(reader_.take());
    case RequestReader::State::idle:
      if (!std::exchange(waiting_, true))
        set_deadline(fresh_ ? core_->limits().request_timeout : core_->limits().idle_timeout);
      break;
    case RequestReader::State::partial:
      if (!std::exchange(in_request_, true) && !fresh_) set_deadline(core_->limits().request_timeout);
      if (reader_.take_wants_continue()) say("HTTP/1.1 100 Continue\r\n\r\n");
      break;
  }
  read_more();
}

void Session::read_more() {
  socket_.async_read_some(asio::buffer(input_),
                          [self = shared_from_this()](error_code error, std::size_t bytes) {
                            self->on_read(bytes, static_cast<bool>(error));
                          });
}

void Session::on_read(std::size_t bytes, bool end) {
  if (state_ == State::lingering) {
    lingered_ += bytes;
    if (end || lingered_ > linger_max_bytes) return close();
    return read_more();
  }
  if (state_ != State::reading) return;
  if (end) {
    // A client that has closed only its own half still reads.
    if (reader_.state() == RequestReader::State::partial) say(encode(cut_short(), false, true));
    return close();
  }
  reader_.feed(std::string_view(input_.data(), bytes));
  advance();
  fresh_ = false;
}

void Session::handle(RequestReader::Taken taken) {
  fresh_ = false;
  waiting_ = false;
  in_request_ = false;
  no_deadline();
  state_ = State::handling;
  keep_alive_ = taken.keep_alive && !core_->stopping();
  head_only_ = taken.request.method == "HEAD";
  linger_after_ = false;
  rank_ = next_rank();
  auto const decision = core_->router().route(taken.request);
  if (auto const* response = std::get_if<Response>(&decision)) return answer(*response);
  if (auto* const* hub = std::get_if<EventHub*>(&decision))
    return begin_stream(**hub, taken.request.last_event_id);
  watch_for_hangup();
  pending_ = std::make_shared<PendingAnswer>(core_->gate(), weak_from_this(), ++request_serial_);
  try {
    (*std::get<Handler const*>(decision))(taken.request, Responder(pending_));
  } catch (std::exception const& exception) {
    // Its responder has answered by now, if only by being destroyed.
    log_error("a handler of the control API failed at " + taken.request.method + " " + taken.request.path +
              ": " + exception.what());
  }
}

void Session::on_answer(std::uint64_t serial, Response const& response) {
  if (state_ != State::handling || serial != request_serial_) return;
  pending_.reset();
  if (response.body.size() > core_->limits().answer_max_bytes)
    return answer(Response::failed(
        make_error(Condition::limit, "the answer is too long to be sent at once", "Ask for less")));
  answer(response);
}

void Session::answer(Response const& response) {
  state_ = State::writing;
  if (core_->stopping()) keep_alive_ = false;
  output_ = encode(response, keep_alive_, !head_only_);
  written_ = 0;
  write_piece();
}

void Session::write_piece() {
  writing_ = true;
  set_deadline(core_->limits().write_timeout);
  auto const piece =
      asio::buffer(output_.data() + written_, std::min(piece_bytes, output_.size() - written_));
  asio::async_write(socket_, piece, [self = shared_from_this()](error_code error, std::size_t bytes) {
    self->written_ += bytes;
    self->on_written(static_cast<bool>(error));
  });
}

void Session::on_written(bool failed) {
  writing_ = false;
  if (state_ != State::writing && state_ != State::streaming) return;
  if (failed) return close();
  if (written_ < output_.size()) return write_piece();
  output_ = {};
  written_ = 0;
  if (state_ == State::streaming) return pump();
  if (linger_after_) return linger();
  if (!keep_alive_) return close();
  state_ = State::reading;
  advance();
}

// The client may still be sending what nobody will read. Closing now would make the kernel drop the answer
// before it is read, so: no more from us, and theirs is thrown away for a moment.
void Session::linger() {
  state_ = State::lingering;
  error_code ignored;
  socket_.shutdown(ServerCore::Socket::shutdown_send, ignored);
  set_deadline(core_->limits().linger_timeout);
  read_more();
}

// While a request is handled nothing is read, so this is how a client's going is noticed. One that has closed
// only its own half, as `nc -N` does, has not gone.
void Session::watch_for_hangup() {
  if (std::exchange(watching_, true)) return;
  socket_.async_wait(ServerCore::Socket::wait_error, [self = shared_from_this()](error_code error) {
    self->watching_ = false;
    if (error || (self->state_ != State::handling && self->state_ != State::streaming)) return;
    pollfd entry{self->socket_.native_handle(), 0, 0};
    if (::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLHUP | POLLERR)) != 0) self->close();
  });
}

void Session::set_deadline(std::chrono::milliseconds from_now) {
  timer_.expires_after(from_now);
  timer_.async_wait([self = shared_from_this(), serial = ++deadline_serial_](error_code cancelled) {
    if (!cancelled && serial == self->deadline_serial_) self->on_deadline();
  });
}

void Session::no_deadline() {
  ++deadline_serial_;
  timer_.cancel();
}

void Session::on_deadline() {
  if (state_ == State::streaming && !writing_) {
    output_ = encode_comment("still here");
    return write_piece();
  }
  if (state_ == State::reading && reader_.state() == RequestReader::State::partial)
    say(encode(too_slow(), false, true));
  close();
}

void Session::say(std::string_view text) {
  error_code ignored;
  socket_.send(asio::buffer(text), 0, ignored);
}

}  // namespace b2b::control
