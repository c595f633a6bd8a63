#include "core/control/answer_reader.h"

#include <limits>
#include <optional>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "core/control/beast_chunks.h"

namespace b2b::control {
namespace {

namespace http = boost::beast::http;

constexpr std::uint32_t head_max_bytes = 64 * 1024;

Error error_of(boost::system::error_code const& error) {
  if (error == http::error::body_limit || error == http::error::header_limit)
    return make_error(Condition::limit, "the daemon's answer is longer than it should be");
  return make_error(Condition::transit, "the daemon's answer is not proper HTTP: " + error.message(),
                    "Is that really the socket of b2backupd?");
}

}  // namespace

struct AnswerReader::Parts {
  http::response_parser<http::string_body> parser;
  std::string bytes;  // not yet parsed; the body of an event stream
  bool stream = false;
};

AnswerReader::AnswerReader(std::size_t body_max_bytes) : parts_(std::make_unique<Parts>()) {
  parts_->parser.header_limit(head_max_bytes);
  parts_->parser.body_limit(body_max_bytes);
}

AnswerReader::~AnswerReader() = default;

Result<bool> AnswerReader::feed(std::string_view bytes) {
  auto& parser = parts_->parser;
  parts_->bytes += bytes;
  if (parts_->stream) return false;
  std::size_t used = 0;
  while (!parser.is_done() && used < parts_->bytes.size()) {
    if (must_wait(parser, parts_->bytes.size() - used)) break;
    boost::system::error_code error;
    std::size_t const now =
        parser.put(boost::asio::buffer(parts_->bytes.data() + used, parts_->bytes.size() - used), error);
    used += now;
    if (error && error != http::error::need_more) return error_of(error);
    if (parser.is_header_done() && !parser.eager()) {
      if (parser.get().result_int() == 200 && content_type().starts_with("text/event-stream")) {
        if (parser.chunked() || parser.content_length())
          return make_error(Condition::unsupported,
                            "the daemon sends its events in a way that this program does not know");
        parts_->bytes.erase(0, used);
        parts_->stream = true;
        return false;
      }
      parser.eager(true);
      continue;
    }
    if (now == 0) break;
  }
  parts_->bytes.erase(0, used);
  if (!parser.is_done() && parts_->bytes.size() > head_max_bytes) return error_of(http::error::header_limit);
  return parser.is_done();
}

Result<void> AnswerReader::end() {
  if (parts_->stream || parts_->parser.is_done()) return {};
  boost::system::error_code error;
  if (parts_->parser.is_header_done()) {
    parts_->parser.put_eof(error);
    if (!error) return {};
  }
  return make_error(Condition::unreachable, "the daemon closed the connection before its answer was complete",
                    "Look into its log; it may have been stopped or restarted");
}

bool AnswerReader::head_done() const {
  return parts_->parser.is_header_done();
}
int AnswerReader::status() const {
  return static_cast<int>(parts_->parser.get().result_int());
}
std::string AnswerReader::content_type() const {
  auto const value = parts_->parser.get()[http::field::content_type];
  return std::string(value.data(), value.size());
}
bool AnswerReader::is_event_stream() const {
  return parts_->stream;
}

std::string AnswerReader::take_body() {
  return std::exchange(parts_->stream ? parts_->bytes : parts_->parser.get().body(), {});
}

}  // namespace b2b::control
