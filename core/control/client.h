// The control API's client: blocking calls, one connection each. May be used from several threads at once.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include <boost/json/object.hpp>

#include "core/control/event_stream.h"
#include "core/util/error.h"

namespace b2b::control {

struct ClientSettings {
  std::string socket_path;  // as in SocketPlace::path; the endpoint file beside it is followed
  std::optional<unsigned> also_trusted_user;  // whose daemon it may be, besides ours and root's: for root
  std::chrono::milliseconds connect_timeout{2'000};
  std::chrono::milliseconds event_timeout{90'000};  // an event stream says something every 30 s
  std::size_t answer_max_bytes = 32 * 1024 * 1024;
};

struct Call {
  std::string method = "GET";
  std::string target;                                  // "/v1/status", encoded
  std::string body;                                    // JSON, or empty
  std::chrono::milliseconds progress_timeout{30'000};  // without a byte either way; zero: as long as it takes
};

struct Answer {
  int status = 0;  // below 400
  std::string content_type;
  std::string body;
};

class Client {
 public:
  explicit Client(ClientSettings settings) : settings_(std::move(settings)) {}

  // Sends the call and waits for its answer. Errors: Condition::unreachable when no daemon runs there, or it
  // stops answering; Condition::permission when the socket belongs to somebody else (nothing is sent then);
  // Condition::cancelled when a stop was requested; else what the daemon said, as an Error with its
  // condition.
  Result<Answer> call(Call const& call, std::stop_token const& stop = {}) const;
  // The same for an answer that is a JSON object.
  Result<boost::json::object> call_json(Call const& call, std::stop_token const& stop = {}) const;

  // Listens to `target` ("/v1/events") and calls `on_event` for each event until it returns false (then the
  // result is a value) or the stream ends (Condition::unreachable, retryable: connect again with the id of
  // the last event).
  Result<void> events(std::string const& target, std::string const& last_event_id,
                      EventStreamParser::OnEvent const& on_event, std::stop_token const& stop = {}) const;

 private:
  ClientSettings settings_;
};

}  // namespace b2b::control
