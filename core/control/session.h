// One connection: reads requests, has them handled one after another, writes the answers. Includes Asio: for
// the server's own files. All on the server's thread.
//
//   reading → handling → writing → reading …    requests, one at a time; pipelined ones wait in the reader or
//   the kernel reading → streaming                         the event stream, to the end of the connection
//   writing → lingering → closed                after an answer that ends the connection before its request
//   was read
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "core/control/event_hub.h"
#include "core/control/request_reader.h"
#include "core/control/server_core.h"

namespace b2b::control {

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<ServerCore> core, ServerCore::Socket socket);
  ~Session();

  void start();
  void refuse(Response const& response);  // instead of start(): says so and ends
  void finish();                          // the server stops: ends as soon as the answer under way is out
  void close();                           // at once; may be called again

  bool is_stream() const { return state_ == State::streaming; }
  // Nobody waits for anything but the client: for its next request, or for it to go after its last answer.
  bool gives_way() const { return state_ == State::reading || state_ == State::lingering; }
  std::uint64_t quiet_rank() const;  // the lower, the longer without a sign of life
  void give_way();

 private:
  enum class State { reading, handling, writing, streaming, lingering, closed };
  class PendingAnswer;

  void advance();
  void read_more();
  void on_read(std::size_t bytes, bool end);
  void handle(RequestReader::Taken taken);
  void on_answer(std::uint64_t serial, Response const& response);
  void answer(Response const& response);
  void begin_stream(EventHub& hub, std::string const& last_event_id);
  void pump();
  void write_piece();
  void on_written(bool failed);
  void linger();
  void watch_for_hangup();
  void on_deadline();
  void set_deadline(std::chrono::milliseconds from_now);
  void no_deadline();
  void say(std::string_view text);  // now or never

  std::shared_ptr<ServerCore> const core_;
  ServerCore::Socket socket_;
  boost::asio::steady_timer timer_;
  std::uint64_t deadline_serial_ = 0;  // of the deadline that holds
  State state_ = State::reading;
  RequestReader reader_;
  std::array<char, 8 * 1024> input_{};
  bool fresh_ = true;        // no byte of the first request has come
  bool waiting_ = false;     // the deadline for a request to begin runs
  bool in_request_ = false;  // the deadline for it to be whole runs
  std::uint64_t rank_ = 0;

  std::uint64_t request_serial_ = 0;
  bool head_only_ = false;
  bool keep_alive_ = false;
  std::shared_ptr<PendingAnswer> pending_;
  bool watching_ = false;

  std::string output_;
  std::size_t written_ = 0;
  bool writing_ = false;
  bool linger_after_ = false;
  std::size_t lingered_ = 0;

  std::unique_ptr<EventHub::Subscription> events_;
  std::string farewell_;     // why the stream ends, once it does
  bool last_words_ = false;  // it is being written
};

}  // namespace b2b::control
