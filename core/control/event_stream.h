// Server-sent events as text (the HTML standard's event stream): written by the server, read by the client.
// Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/util/error.h"

namespace b2b::control {

struct Event {
  std::string id;    // may be empty
  std::string name;  // "message" when the stream does not say
  std::string data;
};

// id, name and data must be free of line ends, except that data may have "\n".
std::string encode_event(Event const& event);
std::string encode_comment(std::string_view text);  // one line

// Bytes in, events out, whatever the pieces the bytes come in. Line ends are "\n", "\r\n" or "\r".
class EventStreamParser {
 public:
  using OnEvent = std::function<bool(Event const& event)>;  // false: no more, please
  using OnComment = std::function<void(std::string_view text)>;

  explicit EventStreamParser(OnEvent on_event, OnComment on_comment = {})
      : on_event_(std::move(on_event)), on_comment_(std::move(on_comment)) {}

  // False once on_event said so. Condition::limit when a line or an event is longer than 1 MiB.
  Result<bool> feed(std::string_view bytes);

  std::string const& last_event_id() const { return last_id_; }

 private:
  bool take_line(std::string_view line);
  bool dispatch();

  OnEvent on_event_;
  OnComment on_comment_;
  std::string line_;
  bool after_cr_ = false;
  Event event_;
  bool has_data_ = false;
  std::string last_id_;
};

}  // namespace b2b::control
