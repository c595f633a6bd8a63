#include "core/control/client.h"

#include <array>

#include <boost/json/parse.hpp>

#include "core/control/answer_reader.h"
#include "core/control/client_connection.h"
#include "core/control/http_error.h"

namespace b2b::control {
namespace {

std::string encode_call(Call const& call, std::string_view further_headers) {
  B2B_ASSERT(call.target.starts_with('/'));
  B2B_ASSERT(call.target.find_first_of(" \r\n") == std::string::npos);
  std::string out = call.method + " " + call.target +
                    " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: b2backupd/" + B2B_VERSION +
                    "\r\nConnection: close\r\n";
  out += further_headers;
  if (!call.body.empty() || call.method != "GET")
    out += "Content-Type: application/json\r\nContent-Length: " + std::to_string(call.body.size()) + "\r\n";
  return out + "\r\n" + call.body;
}

// Reads on; false at the end of the connection.
Result<bool> read_more(ClientConnection& connection, AnswerReader& reader, std::chrono::milliseconds timeout,
                       bool& complete) {
  std::array<char, 16 * 1024> buffer;
  B2B_ASSIGN(std::size_t const got, connection.receive(buffer, timeout));
  if (got == 0) {
    B2B_TRY(reader.end());
    return false;
  }
  B2B_ASSIGN(complete, reader.feed(std::string_view(buffer.data(), got)));
  return true;
}

Error stream_ended() {
  auto error = make_error(Condition::unreachable, "the daemon ended the stream of events",
                          "It may have been stopped or restarted");
  error.retryable = true;
  return error;
}

}  // namespace

Result<Answer> Client::call(Call const& call, std::stop_token const& stop) const {
  B2B_ASSIGN(auto const connection, ClientConnection::open(settings_, stop));
  B2B_TRY(connection->send(encode_call(call, {}), call.progress_timeout));
  AnswerReader reader(settings_.answer_max_bytes);
  for (bool complete = false; !complete;) {
    B2B_ASSIGN(bool const more, read_more(*connection, reader, call.progress_timeout, complete));
    if (reader.is_event_stream())
      return make_error(Condition::usage,
                        "there is a stream of events at " + call.target + ", not one answer",
                        "Use `daemonctl events`");
    if (!more) break;
  }
  Answer answer{reader.status(), reader.content_type(), reader.take_body()};
  if (answer.status >= 400) return error_from_answer(answer.status, answer.body);
  return answer;
}

Result<boost::json::object> Client::call_json(Call const& request, std::stop_token const& stop) const {
  B2B_ASSIGN(auto const answer, call(request, stop));
  boost::system::error_code problem;
  auto value = boost::json::parse(answer.body, problem);
  if (problem || !value.is_object())
    return make_error(Condition::transit, "the daemon's answer is not a JSON object",
                      "Make sure that daemonctl and the daemon are of the same version");
  return std::move(value.as_object());
}

Result<void> Client::events(std::string const& target, std::string const& last_event_id,
                            EventStreamParser::OnEvent const& on_event, std::stop_token const& stop) const {
  B2B_ASSERT(last_event_id.find_first_of("\r\n") == std::string::npos);
  B2B_ASSIGN(auto const connection, ClientConnection::open(settings_, stop));
  std::string headers = "Accept: text/event-stream\r\n";
  if (!last_event_id.empty()) headers += "Last-Event-ID: " + last_event_id + "\r\n";
  B2B_TRY(connection->send(encode_call({"GET", target, {}, {}}, headers), settings_.event_timeout));
  AnswerReader reader(settings_.answer_max_bytes);
  EventStreamParser parser(on_event);
  for (bool complete = false; !complete;) {
    B2B_ASSIGN(bool const more, read_more(*connection, reader, settings_.event_timeout, complete));
    if (reader.is_event_stream()) {
      B2B_ASSIGN(bool const go_on, parser.feed(reader.take_body()));
      if (!go_on) return {};
    }
    if (!more) break;
  }
  if (reader.is_event_stream()) return stream_ended();
  if (reader.status() >= 400) return error_from_answer(reader.status(), reader.take_body());
  return make_error(Condition::usage, "there is no stream of events at " + target);
}

}  // namespace b2b::control
