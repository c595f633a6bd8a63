#include "core/control/request_reader.h"

#include <optional>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "core/control/target.h"

namespace b2b::control {
namespace {

namespace http = boost::beast::http;
using Parser = http::request_parser<http::string_body>;

constexpr char const* example = "For example: curl --unix-socket SOCKET http://localhost/v1/status";

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

Response refuse(int status, std::string message, std::string advice) {
  return Response::failed(status, make_error(Condition::usage, std::move(message), std::move(advice)));
}

Response problem_of(boost::system::error_code const& error, Limits const& limits) {
  if (error == http::error::header_limit)
    return refuse(
        431, "the head of the request is longer than " + std::to_string(limits.header_max_bytes) + " bytes",
        "Send long values in the body");
  if (error == http::error::body_limit)
    return refuse(
        413, "the body of the request is longer than " + std::to_string(limits.body_max_bytes) + " bytes",
        "Send less at once");
  if (error == http::error::bad_version) return refuse(505, "the request is not in HTTP/1.1", "Use HTTP/1.1");
  return refuse(400, "the request is not proper HTTP: " + error.message(), example);
}

// What the parser lets pass, and we do not: a head that two readers could understand in two ways.
std::optional<Response> head_problem(Parser const& parser) {
  auto const& head = parser.get();
  if (head.version() != 11 && head.version() != 10)
    return refuse(505, "the request is not in HTTP/1.1", "Use HTTP/1.1");
  if (head.version() == 11 && head.count(http::field::host) != 1)
    return refuse(400, "the request has no Host header, or several",
                  "Send one, for example \"Host: localhost\"");
  if (head.count(http::field::transfer_encoding) > 0) {
    if (head.version() == 10)
      return refuse(400, "the request has a Transfer-Encoding, which HTTP/1.0 does not know", "Use HTTP/1.1");
    // Framing that nobody needs here and that two readers could understand in two ways.
    return refuse(411, "the request has a Transfer-Encoding", "Send the body as it is, with its Content-Length");
  }
  auto const expect = head[http::field::expect];
  if (!expect.empty() && !boost::beast::iequals(expect, "100-continue"))
    return refuse(417, "the request expects what the daemon does not know", "Leave the Expect header out");
  if (!head[http::field::content_encoding].empty() &&
      !boost::beast::iequals(head[http::field::content_encoding], "identity"))
    return refuse(400, "the body of the request is compressed", "Send it as it is");
  return std::nullopt;
}

}  // namespace

struct RequestReader::Parts {
  explicit Parts(Limits const& given) : limits(given) { start(); }

  void start() {
    parser.emplace();
    parser->header_limit(static_cast<std::uint32_t>(limits.header_max_bytes));
    parser->body_limit(limits.body_max_bytes);
    parser->eager(true);
    state = State::idle;
  }

  void fail(Response response) {
    problem = std::move(response);
    state = State::failed;
    bytes = {};
  }

  bool take_head(std::size_t& used);
  void parse();

  Limits limits;
  State state = State::idle;
  std::optional<Parser> parser;
  std::string bytes;  // not yet parsed
  bool wants_continue = false;
  Target target;
  Response problem;
};

// Takes the head off bytes[used…] when it is whole, and judges it. False: it has yet to come, or is refused.
bool RequestReader::Parts::take_head(std::size_t& used) {
  auto const refused = [this](Response response) {
    fail(std::move(response));
    return false;
  };
  // Empty lines before a request are overlooked, as RFC 9112 asks.
  while (std::string_view(bytes).substr(used).starts_with("\r\n")) used += 2;
  if (used == bytes.size()) return false;
  // What never becomes a request, such as TLS, is not waited for.
  if (bytes[used] != '\r' && !is_letter(bytes[used]))
    return refused(refuse(400, "the request does not begin with a method", example));
  // The parser sees the head alone, whole and within the bound: of a part, or with something behind it, it says
  // other things.
  std::size_t const end = std::string_view(bytes).substr(used, limits.header_max_bytes).find("\r\n\r\n");
  if (end == std::string_view::npos)
    return bytes.size() - used < limits.header_max_bytes ? false : refused(problem_of(http::error::header_limit, limits));
  boost::system::error_code error;
  used += parser->put(boost::asio::buffer(bytes.data() + used, end + 4), error);
  if (error && error != http::error::need_more) return refused(problem_of(error, limits));
  if (!parser->is_header_done())  // though it has seen all of it
    return refused(refuse(400, "the request is not proper HTTP: its first line is not whole", example));
  if (auto problem_of_head = head_problem(*parser)) return refused(std::move(*problem_of_head));
  auto parsed = parse_target(parser->get().target());
  if (!parsed) return refused(Response::failed(400, parsed.error()));
  target = std::move(*parsed);
  wants_continue = !parser->is_done() && !parser->get()[http::field::expect].empty();
  return true;
}

void RequestReader::Parts::parse() {
  if (state == State::ready || state == State::failed) return;
  std::size_t used = 0;
  if (parser->got_some() || take_head(used)) {
    if (!parser->is_done() && used < bytes.size()) {
      boost::system::error_code error;
      used += parser->put(boost::asio::buffer(bytes.data() + used, bytes.size() - used), error);
      if (error && error != http::error::need_more) return fail(problem_of(error, limits));
    }
    if (parser->is_done()) {
      state = State::ready;
      wants_continue = false;  // the body came without waiting
    }
  }
  if (state == State::failed) return;
  bytes.erase(0, used);
  if (state != State::ready) state = parser->got_some() || !bytes.empty() ? State::partial : State::idle;
}

RequestReader::RequestReader(Limits const& limits) : parts_(std::make_unique<Parts>(limits)) {}
RequestReader::~RequestReader() = default;

RequestReader::State RequestReader::state() const {
  return parts_->state;
}

RequestReader::State RequestReader::feed(std::string_view bytes) {
  B2B_ASSERT(parts_->state != State::failed);
  parts_->bytes += bytes;
  parts_->parse();
  return parts_->state;
}

RequestReader::Taken RequestReader::take() {
  B2B_ASSERT(parts_->state == State::ready);
  Taken taken;
  taken.keep_alive = parts_->parser->keep_alive();
  auto message = parts_->parser->release();
  taken.request.method = message.method_string();
  taken.request.path = std::move(parts_->target.path);
  taken.request.query = std::move(parts_->target.query);
  taken.request.last_event_id = message["Last-Event-ID"];
  taken.request.body = std::move(message.body());
  parts_->wants_continue = false;
  parts_->start();
  parts_->parse();
  return taken;
}

Response const& RequestReader::problem() const {
  B2B_ASSERT(parts_->state == State::failed);
  return parts_->problem;
}

bool RequestReader::take_wants_continue() {
  return std::exchange(parts_->wants_continue, false);
}

}  // namespace b2b::control
