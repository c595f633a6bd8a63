#include "core/store/s3/connection.h"

#include <algorithm>
#include <array>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "core/store/s3/body.h"
#include "core/store/s3/errors.h"
#include "core/store/s3/operation_loop.h"
#include "core/store/s3/retry.h"
#include "core/util/encoding.h"

namespace b2b::s3 {
namespace {

namespace net = boost::asio;
namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;
using Socket = net::ip::tcp::socket;
using TlsStream = net::ssl::stream<Socket&>;
using Parser = http::response_parser<http::buffer_body>;

constexpr std::size_t max_head_bytes = 64 * 1024;
constexpr std::chrono::seconds late_answer{5};  // for the reason of a broken upload

}  // namespace

class Connection::Impl {
 public:
  Impl(ConnectionSettings const& settings, TlsContext const* tls, Bandwidth& upload, Bandwidth& download,
       Clock& clock)
      : settings_(settings), tls_context_(tls), upload_(upload), download_(download), loop_(clock) {}

  ~Impl() { abandon(); }

  Result<void> open(std::vector<std::string> const& addresses, std::stop_token const& stop);
  Result<Answer> exchange(Exchange const& exchange, Traffic& traffic, std::stop_token const& stop);

  bool stale = false;
  bool reusable = false;
  bool broken_while_idle();

 private:
  void close() {
    ErrorCode ignored;
    socket_.close(ignored);
  }
  // Nothing is under way after this.
  void abandon() {
    close();
    loop_.drain();
  }

  // Answers often leave as a head and then a body, the second of which waits for the first to be acknowledged where the store's side has
  // not switched that off (Nagle); and we would acknowledge after 40 ms. Not lasting: what we send next ends it.
  void acknowledge_at_once() {
#ifdef TCP_QUICKACK
    int const on = 1;
    ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
#endif
  }

  void look_for_life() {
    if (settings_.silence && taken_.more(socket_.native_handle())) settings_.silence->sign_of_life();
  }
  // What waits for its turn by our own limit is no silence of the store.
  bool pass_upload(std::size_t bytes, std::stop_token const& stop) {
    if (!settings_.silence) return upload_.pass(bytes, stop);
    auto const before = settings_.silence->clock().monotonic();
    bool const passed = upload_.pass(bytes, stop);
    if (settings_.silence->clock().monotonic() - before > std::chrono::seconds(1)) settings_.silence->sign_of_life();
    return passed;
  }

  Error not_finished(Ran ran, std::string_view doing) const;
  Result<void> connect_to(std::string const& address, std::stop_token const& stop);
  Result<void> ask_proxy(std::stop_token const& stop);
  Result<void> shake_hands(std::stop_token const& stop);
  Result<void> send(Exchange const& exchange, Operation& head_read, Traffic& traffic,
                    std::stop_token const& stop);
  Result<void> receive_head(std::optional<Parser>& parser, Exchange const& exchange, Operation& head_read,
                            std::stop_token const& stop);
  Result<Answer> receive_body(Parser& parser, Exchange const& exchange, Traffic& traffic,
                              std::stop_token const& stop);
  void start_head(std::optional<Parser>& parser, Exchange const& exchange, Operation& head_read);

  template <class Use>
  auto with_stream(Use use) {
    return tls_ ? use(*tls_) : use(socket_);
  }

  ConnectionSettings settings_;
  TlsContext const* tls_context_;
  Bandwidth& upload_;
  Bandwidth& download_;
  OperationLoop loop_;
  Socket socket_{loop_.context()};
  std::optional<TlsStream> tls_;
  boost::beast::flat_buffer buffer_{max_head_bytes + chunk_bytes};
  std::vector<std::uint8_t> chunk_ = std::vector<std::uint8_t>(chunk_bytes);
  Operation write_;
  TakenBytes taken_;
  bool sent_all_ = false;
};

Error Connection::Impl::not_finished(Ran ran, std::string_view doing) const {
  std::string const where = printable(settings_.endpoint.authority());
  if (ran == Ran::stopped) return cancelled_error(std::string(doing) + " " + where);
  return unreachable("no progress while " + std::string(doing) + " " + where,
                     "Check the network connection.");
}

Result<void> Connection::Impl::connect_to(std::string const& address, std::stop_token const& stop) {
  ErrorCode malformed;
  auto const ip = net::ip::make_address(address, malformed);
  if (malformed) return unreachable("\"" + printable(address) + "\" is not an address");
  std::uint16_t const port = settings_.proxy ? settings_.proxy->port : settings_.endpoint.port;
  Operation connected;
  close();
  socket_.async_connect({ip, port}, loop_.handler(connected));
  auto const ran = loop_.run([&] { return connected.done; }, settings_.connect_timeout, stop);
  if (ran == Ran::finished && !connected.error) {
    ErrorCode ignored;
    socket_.set_option(net::ip::tcp::no_delay(true), ignored);
    return {};
  }
  abandon();
  std::string const peer = settings_.proxy ? "proxy " + settings_.proxy->host : settings_.endpoint.host;
  if (ran == Ran::stopped) return not_finished(ran, "connecting to");
  return unreachable("cannot connect to " + printable(peer) + " (" + address + ", port " +
                         std::to_string(port) +
                         "): " + (ran == Ran::stalled ? "no answer" : connected.error.message()),
                     "Check the endpoint, the network and any firewall.");
}

Result<void> Connection::Impl::ask_proxy(std::stop_token const& stop) {
  std::string const request = connect_request(settings_.endpoint, *settings_.proxy);
  Operation written;
  net::async_write(socket_, net::buffer(request), loop_.handler(written));
  auto ran = loop_.run([&] { return written.done; }, settings_.connect_timeout, stop);
  Operation read;
  http::response_parser<http::empty_body> parser;
  parser.skip(true);
  if (ran == Ran::finished && !written.error) {
    http::async_read_header(socket_, buffer_, parser, loop_.handler(read));
    ran = loop_.run([&] { return read.done; }, settings_.connect_timeout, stop);
  }
  if (ran != Ran::finished || written.error || read.error) {
    abandon();
    if (ran != Ran::finished) return not_finished(ran, "asking the proxy for");
    return unreachable("the proxy " + printable(settings_.proxy->host) + " closed the connection",
                       "Check the environment variable HTTPS_PROXY.");
  }
  unsigned const status = parser.get().result_int();
  if (status / 100 == 2 && buffer_.size() == 0) return {};
  Error error = unreachable("the proxy " + printable(settings_.proxy->host) + " does not connect us to " +
                                printable(settings_.endpoint.host) + " (HTTP " + std::to_string(status) + ")",
                            status == 407 ? "It wants a user name and password: put them into HTTPS_PROXY as "
                                            "http://user:password@host:port."
                                          : "Check HTTPS_PROXY, or add the host to NO_PROXY.");
  error.http_status = static_cast<int>(status);
  error.retryable = status >= 500;
  return error;
}

Result<void> Connection::Impl::shake_hands(std::stop_token const& stop) {
  SSL* const session = SSL_new(tls_context_->native());
  B2B_ASSERT(session != nullptr);
  tls_.emplace(socket_, session);  // takes ownership
  if (!expect_host(session, settings_.endpoint.host))
    return make_error(Condition::bad_config,
                      "the name " + printable(settings_.endpoint.host) + " cannot be used with TLS", "",
                      "endpoint");
  Operation shaken;
  tls_->async_handshake(net::ssl::stream_base::client, loop_.handler(shaken));
  auto const ran = loop_.run([&] { return shaken.done; }, settings_.connect_timeout, stop);
  if (ran == Ran::finished && !shaken.error) return {};
  abandon();
  if (ran != Ran::finished) return not_finished(ran, "agreeing on encryption with");
  return handshake_error(session, settings_.endpoint.host, shaken.error.message(), settings_.own_ca_file);
}

Result<void> Connection::Impl::open(std::vector<std::string> const& addresses, std::stop_token const& stop) {
  B2B_ASSERT(!addresses.empty());
  Result<void> connected;
  for (auto const& address : addresses) {
    connected = connect_to(address, stop);
    if (connected || connected.error().condition == Condition::cancelled) break;
  }
  B2B_TRY(std::move(connected));
  if (settings_.proxy) B2B_TRY(ask_proxy(stop));
  if (tls_context_ != nullptr) B2B_TRY(shake_hands(stop));
  return {};
}

void Connection::Impl::start_head(std::optional<Parser>& parser, Exchange const& exchange,
                                  Operation& head_read) {
  parser.emplace();
  parser->header_limit(max_head_bytes);
  parser->body_limit(boost::none);
  if (exchange.answer_has_no_body) parser->skip(true);
  with_stream(
      [&](auto& stream) { http::async_read_header(stream, buffer_, *parser, loop_.handler(head_read)); });
}

// Returns early, without an error, when the answer's head is there or the connection broke: receive_head()
// tells.
Result<void> Connection::Impl::send(Exchange const& exchange, Operation& head_read, Traffic& traffic,
                                    std::stop_token const& stop) {
  auto write = [&](std::span<std::uint8_t const> bytes) -> Result<bool> {
    while (!bytes.empty()) {
      with_stream([&](auto& stream) {
        stream.async_write_some(net::buffer(bytes.data(), bytes.size()), loop_.handler(write_));
      });
      auto const ran =
          loop_.run([&] { look_for_life(); return write_.done || head_read.done; }, settings_.progress_timeout, stop);
      if (ran != Ran::finished) return not_finished(ran, "sending to");
      if (head_read.done || write_.error) return false;
      taken_.wrote(write_.bytes);
      bytes = bytes.subspan(write_.bytes);
    }
    return true;
  };
  std::uint64_t left = exchange.body == nullptr ? 0 : exchange.body->size();
  std::span<std::uint8_t const> head = as_bytes(exchange.head);
  std::unique_ptr<ByteReader> reader;
  if (left > 0) {
    B2B_ASSIGN(reader, exchange.body->open());
  }
  // A small body leaves together with the head: one segment, one TLS record.
  std::size_t filled = 0;
  if (left > 0 && head.size() < chunk_.size() / 2) {
    std::copy(head.begin(), head.end(), chunk_.begin());
    filled = head.size();
    head = {};
  }
  if (!head.empty()) {
    B2B_ASSIGN(bool const more, write(head));
    if (!more) return {};
  }
  while (left > 0) {
    std::size_t const room = upload_.slice(chunk_.size()) <= filled ? chunk_.size() - filled
                                                                    : upload_.slice(chunk_.size()) - filled;
    auto const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, room));
    B2B_ASSIGN(std::size_t const n, read_fully(*reader, std::span(chunk_).subspan(filled, wanted)));
    if (n < wanted)
      return make_error(Condition::changed, "the bytes to upload became fewer while they were sent");
    if (!pass_upload(n, stop)) return cancelled_error("the upload");
    B2B_ASSIGN(bool const more, write(std::span(chunk_).first(filled + n)));
    if (!more) return {};
    filled = 0;
    left -= n;
    traffic.sent += n;
  }
  sent_all_ = true;
  return {};
}

Result<void> Connection::Impl::receive_head(std::optional<Parser>& parser, Exchange const& exchange,
                                            Operation& head_read, std::stop_token const& stop) {
  acknowledge_at_once();
  for (;;) {
    bool const broken = write_.done && write_.error;
    auto const patience = broken ? std::min<std::chrono::nanoseconds>(late_answer, settings_.progress_timeout)
                                 : settings_.progress_timeout;
    auto const ran = loop_.run([&] { look_for_life(); return head_read.done; }, patience, stop);
    if (ran == Ran::stopped || (ran == Ran::stalled && !broken))
      return not_finished(ran, "waiting for an answer of");
    if (ran == Ran::stalled || head_read.error) {
      ErrorCode const why = broken ? write_.error : head_read.error;
      stale = !parser->got_some() && buffer_.size() == 0;
      return unreachable(
          "the connection to " + printable(settings_.endpoint.authority()) + " broke (" + why.message() + ")",
          "Check the network connection.");
    }
    if (parser->get().result_int() / 100 != 1) return {};
    start_head(parser, exchange, head_read);  // "100 Continue" and the like: the answer follows
  }
}

Result<Answer> Connection::Impl::receive_body(Parser& parser, Exchange const& exchange, Traffic& traffic,
                                              std::stop_token const& stop) {
  Answer answer;
  answer.status = parser.get().result_int();
  for (auto const& field : parser.get())
    answer.headers.emplace_back(lower_case(field.name_string()), std::string(field.value()));
  ByteSink* const sink = exchange.route ? exchange.route(answer) : nullptr;
  std::vector<std::uint8_t> buffer;
  std::span<std::uint8_t> room(chunk_);
  if (write_.started &&
      !write_.done) {  // the answer came early; the write that is under way still points to chunk_
    buffer.resize(chunk_bytes);
    room = buffer;
  }
  // A body whose length was announced is read without the parser, which would copy it once more.
  bool const plain = !parser.is_done() && !parser.chunked() && parser.content_length_remaining().has_value();
  std::uint64_t left = plain ? *parser.content_length_remaining() : 0;
  while (plain ? left > 0 : !parser.is_done()) {
    std::span<std::uint8_t> const room_now = room.first(download_.slice(room.size()));
    Operation read;
    Ran ran = Ran::finished;
    std::size_t received = 0;
    if (plain && buffer_.size() > 0) {  // came with the head
      received = net::buffer_copy(net::buffer(room_now.data(), static_cast<std::size_t>(std::min<std::uint64_t>(left, room_now.size()))), buffer_.data());
      buffer_.consume(received);
    } else if (plain) {
      with_stream([&](auto& stream) {
        stream.async_read_some(net::buffer(room_now.data(), static_cast<std::size_t>(std::min<std::uint64_t>(left, room_now.size()))),
                               loop_.handler(read));
      });
      ran = loop_.run([&] { return read.done; }, settings_.progress_timeout, stop);
      received = read.bytes;
    } else {
      parser.get().body().data = room_now.data();
      parser.get().body().size = room_now.size();
      with_stream([&](auto& stream) { http::async_read(stream, buffer_, parser, loop_.handler(read)); });
      ran = loop_.run([&] { return read.done; }, settings_.progress_timeout, stop);
      received = room_now.size() - parser.get().body().size;
    }
    if (ran != Ran::finished) {
      abandon();
      return not_finished(ran, "receiving from");
    }
    if (read.error && read.error != http::error::need_buffer) {
      Error error = unreachable("the answer of " + printable(settings_.endpoint.authority()) +
                                    " broke off (" + read.error.message() + ")",
                                "Check the network connection.");
      error.condition = Condition::transit;
      return error;
    }
    if (settings_.silence) settings_.silence->sign_of_life();
    auto const bytes = room_now.first(received);
    left -= plain ? received : 0;
    if (sink != nullptr) {
      traffic.received += bytes.size();
      if (auto written = sink->write(bytes); !written) {
        Error error = std::move(written).error();
        error.retryable = false;  // a full disk is not the connection's fault
        return error;
      }
    } else if (answer.body.size() + bytes.size() > exchange.max_answer_bytes) {
      return make_error(Condition::limit, "the answer of " + printable(settings_.endpoint.authority()) +
                                              " is longer than " + std::to_string(exchange.max_answer_bytes) +
                                              " bytes");
    } else {
      answer.body += as_text(bytes);
    }
    if (!download_.pass(bytes.size(), stop)) return cancelled_error("the download");
    if (settings_.silence) settings_.silence->sign_of_life();
  }
  return answer;
}

Result<Answer> Connection::Impl::exchange(Exchange const& exchange, Traffic& traffic,
                                          std::stop_token const& stop) {
  stale = false;
  reusable = false;
  sent_all_ = false;
  write_ = Operation{};
  if (buffer_.capacity() < chunk_bytes) buffer_.reserve(chunk_bytes);
  std::optional<Parser> parser;
  Operation head_read;
  auto const attempt = [&]() -> Result<Answer> {
    start_head(parser, exchange, head_read);
    if (auto sent = send(exchange, head_read, traffic, stop); !sent) {
      Error error = std::move(sent).error();
      if (error.condition != Condition::unreachable) error.retryable = false;
      return error;
    }
    B2B_TRY(receive_head(parser, exchange, head_read, stop));
    return receive_body(*parser, exchange, traffic, stop);
  };
  auto answer = attempt();
  reusable = answer.has_value() && sent_all_ && parser->keep_alive() && buffer_.size() == 0 && loop_.idle();
  if (!reusable) {
    abandon();  // before the operations and the parser go
  }
  return answer;
}

bool Connection::Impl::broken_while_idle() {
  char byte = 0;
  // Idle means silent: an end of file, an error and unasked bytes are all reasons not to trust it.
  auto const n = recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

Connection::Connection(ConnectionSettings const& settings, TlsContext const* tls, Bandwidth& upload,
                       Bandwidth& download, Clock& clock)
    : impl_(std::make_unique<Impl>(settings, tls, upload, download, clock)) {}
Connection::~Connection() = default;

Result<void> Connection::open(std::vector<std::string> const& addresses, std::stop_token const& stop) {
  return impl_->open(addresses, stop);
}
Result<Answer> Connection::exchange(Exchange const& exchange, Traffic& traffic, std::stop_token const& stop) {
  return impl_->exchange(exchange, traffic, stop);
}
bool Connection::looks_stale() const {
  return impl_->stale;
}
bool Connection::reusable() const {
  return impl_->reusable;
}
bool Connection::broken_while_idle() const {
  return impl_->broken_while_idle();
}

}  // namespace b2b::s3
