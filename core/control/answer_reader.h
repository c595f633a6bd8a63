// The client's side of HTTP: bytes of an answer in, status and body out. No socket.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/util/error.h"

namespace b2b::control {

class AnswerReader {
 public:
  explicit AnswerReader(std::size_t body_max_bytes);
  ~AnswerReader();
  AnswerReader(AnswerReader const&) = delete;
  AnswerReader& operator=(AnswerReader const&) = delete;

  // True once the answer is whole; bytes behind it are not looked at. The body of an event stream is never
  // whole. Condition::transit for what is no HTTP, Condition::limit for more than the bounds.
  Result<bool> feed(std::string_view bytes);
  // The connection has ended. Condition::unreachable when that was in the middle.
  Result<void> end();

  bool head_done() const;
  int status() const;  // after head_done(), as the next two
  std::string content_type() const;
  bool is_event_stream() const;

  std::string take_body();  // what has come since the last call

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace b2b::control
