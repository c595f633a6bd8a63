#include "tests/support/fake_s3/server.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <list>
#include <stdexcept>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/json.hpp>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "core/store/s3/request.h"
#include "core/util/encoding.h"

namespace b2b::test {
namespace {

namespace net = boost::asio;
namespace http = boost::beast::http;
using tcp = net::ip::tcp;
using ErrorCode = boost::system::error_code;
using Parser = http::request_parser<http::buffer_body>;

}  // namespace

class FakeServer::Impl {
 public:
  explicit Impl(FakeServerOptions given);
  ~Impl();

  void close_connections();
  std::string stats_json() const;
  std::string url() const {
    return (tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port);
  }

  FakeServerOptions const options;
  FakeObjects objects;
  Faults faults;
  std::atomic<unsigned> latency_ms{0};
  std::atomic<std::int64_t> clock_offset_seconds{0};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> bytes_in{0};
  std::atomic<std::uint64_t> bytes_out{0};
  std::uint16_t port = 0;
  mutable std::mutex mutex;
  std::map<std::string, std::uint64_t> requests;

 private:
  struct Session {
    int fd = -1;  // guarded by sessions_mutex_; -1 once closed
    std::atomic<bool> done{false};
    std::thread thread;
  };

  void accept_loop();
  void run_session(Session& session, tcp::socket socket);
  template <class Stream>
  void serve(Stream& stream, int fd);
  template <class Stream>
  bool read_body(Stream& stream, boost::beast::flat_buffer& buffer, Parser& parser,
                 std::optional<Fault> const& fault, std::string& body);
  template <class Stream>
  bool write_answer(Stream& stream, int fd, HttpAnswer const& answer, bool head_only,
                    std::optional<Fault> const& fault);
  HttpAnswer answer_to(HttpRequest& request);
  HttpAnswer control(HttpRequest const& request);
  TimePoint now() const { return system_clock().now() + std::chrono::seconds(clock_offset_seconds.load()); }
  void sleep_unless_closed(int fd, std::chrono::milliseconds time);

  net::io_context loop_;
  std::unique_ptr<net::ssl::context> tls_;
  tcp::acceptor acceptor_{loop_};
  std::atomic<bool> stopping_{false};
  std::mutex sessions_mutex_;
  std::list<Session> sessions_;
  std::thread acceptor_thread_;
};

FakeServer::Impl::Impl(FakeServerOptions given) : options(std::move(given)) {
  objects.create(options.s3.bucket);
  if (!options.certificate_file.empty()) {
    tls_ = std::make_unique<net::ssl::context>(net::ssl::context::tls_server);
    tls_->use_certificate_chain_file(options.certificate_file);
    tls_->use_private_key_file(options.private_key_file, net::ssl::context::pem);
  }
  tcp::endpoint const endpoint(net::ip::address_v4::loopback(), options.port);
  acceptor_.open(endpoint.protocol());
  acceptor_.set_option(tcp::acceptor::reuse_address(true));
  acceptor_.bind(endpoint);
  acceptor_.listen(512);
  port = acceptor_.local_endpoint().port();
  acceptor_thread_ = std::thread([this] { accept_loop(); });
}

FakeServer::Impl::~Impl() {
  stopping_ = true;
  shutdown(acceptor_.native_handle(), SHUT_RDWR);  // wakes accept()
  acceptor_thread_.join();
  close_connections();
  for (auto& session : sessions_)
    session.thread.join();
}

void FakeServer::Impl::close_connections() {
  std::scoped_lock lock(sessions_mutex_);
  for (auto& session : sessions_)
    if (session.fd >= 0) shutdown(session.fd, SHUT_RDWR);
}

void FakeServer::Impl::accept_loop() {
  while (!stopping_) {
    ErrorCode error;
    tcp::socket socket = acceptor_.accept(error);
    if (error) continue;
    ++accepted;
    std::scoped_lock lock(sessions_mutex_);
    sessions_.remove_if([](Session& session) {
      if (!session.done) return false;
      session.thread.join();
      return true;
    });
    Session& session = sessions_.emplace_back();
    session.fd = socket.native_handle();
    session.thread = std::thread(
        [this, &session, moved = std::move(socket)]() mutable { run_session(session, std::move(moved)); });
  }
}

void FakeServer::Impl::run_session(Session& session, tcp::socket socket) {
  ErrorCode ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  int const fd = socket.native_handle();
  try {
    if (tls_) {
      net::ssl::stream<tcp::socket&> stream(socket, *tls_);
      stream.handshake(net::ssl::stream_base::server, ignored);
      if (!ignored) serve(stream, fd);
    } else {
      serve(socket, fd);
    }
  } catch (std::exception const& error) {
    std::fprintf(stderr, "fake S3 server: %s\n", error.what());
  }
  {
    std::scoped_lock lock(sessions_mutex_);
    session.fd = -1;
    socket.close(ignored);
  }
  session.done = true;
}

// Waits as long as told, but not longer than the other side and the server live.
void FakeServer::Impl::sleep_unless_closed(int fd, std::chrono::milliseconds time) {
  auto const end = system_clock().monotonic() + time;
  while (!stopping_ && system_clock().monotonic() < end) {
    pollfd watched{fd, POLLRDHUP, 0};
    auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(end - system_clock().monotonic());
    if (poll(&watched, 1, static_cast<int>(std::clamp<std::int64_t>(left.count() + 1, 1, 100))) > 0) return;
  }
}

template <class Stream>
bool FakeServer::Impl::read_body(Stream& stream, boost::beast::flat_buffer& buffer, Parser& parser,
                                 std::optional<Fault> const& fault, std::string& body) {
  std::vector<char> chunk(256 * 1024);
  if (auto const length = parser.content_length()) body.reserve(static_cast<std::size_t>(*length));
  while (!parser.is_done()) {
    parser.get().body().data = chunk.data();
    parser.get().body().size = chunk.size();
    ErrorCode error;
    http::read(stream, buffer, parser, error);
    if (error && error != http::error::need_buffer) return false;
    body.append(chunk.data(), chunk.size() - parser.get().body().size);
    if (fault && fault->action == FaultAction::drop && body.size() >= fault->after_bytes) return false;
  }
  bytes_in += body.size();
  return true;
}

template <class Stream>
bool FakeServer::Impl::write_answer(Stream& stream, int fd, HttpAnswer const& answer, bool head_only,
                                    std::optional<Fault> const& fault) {
  std::string head = "HTTP/1.1 " + std::to_string(answer.status) + " \r\nDate: " + http_date(now()) + "\r\n";
  for (auto const& [name, value] : answer.headers)
    head += name + ": " + value + "\r\n";
  if (answer.status != 204) head += "Content-Length: " + std::to_string(answer.length) + "\r\n";
  if (answer.close) head += "Connection: close\r\n";
  head += "\r\n";
  std::uint64_t left = head_only || answer.status == 204 ? 0 : answer.length;
  bool const cut =
      fault && (fault->action == FaultAction::truncate || fault->action == FaultAction::stall_answer);
  if (cut) left = std::min(left, fault->after_bytes);
  ErrorCode error;
  std::uint64_t offset = answer.offset;
  std::uint64_t written = 0;
  // The head leaves with the first bytes of the body.
  for (auto const& piece : answer.pieces) {
    if (offset >= piece->size()) {
      offset -= piece->size();
      continue;
    }
    while (left > 0 && offset < piece->size()) {
      std::size_t const n =
          static_cast<std::size_t>(std::min<std::uint64_t>({left, piece->size() - offset, 1 << 20}));
      std::string_view const bytes(piece->data() + offset, n);
      if (fault && fault->action == FaultAction::corrupt && fault->after_bytes >= written &&
          fault->after_bytes < written + n) {
        std::string damaged = head + std::string(bytes);
        damaged[head.size() + static_cast<std::size_t>(fault->after_bytes - written)] ^= 1;
        net::write(stream, net::buffer(damaged), error);
      } else if (!head.empty()) {
        net::write(stream, std::array<net::const_buffer, 2>{net::buffer(head), net::buffer(bytes)}, error);
      } else {
        net::write(stream, net::buffer(bytes), error);
      }
      if (error) return false;
      head.clear();
      offset += n;
      written += n;
      left -= n;
    }
    offset = 0;
    if (left == 0) break;
  }
  if (!head.empty()) net::write(stream, net::buffer(head), error);
  bytes_out += written;
  if (fault && fault->action == FaultAction::stall_answer) sleep_unless_closed(fd, std::chrono::hours(1));
  return !error && !cut && !answer.close;
}

template <class Stream>
void FakeServer::Impl::serve(Stream& stream, int fd) {
  boost::beast::flat_buffer buffer;
  for (bool more = true; more && !stopping_;) {
    Parser parser;
    parser.body_limit(boost::none);
    parser.header_limit(64 * 1024);
    ErrorCode error;
    http::read_header(stream, buffer, parser, error);
    if (error) return;
    HttpRequest request;
    request.method = std::string(parser.get().method_string());
    std::string const target(parser.get().target());
    bool const well_formed = parse_target(target, request);
    for (auto const& field : parser.get())
      request.headers[s3::lower_case(field.name_string())] = std::string(field.value());
    bool const is_control = request.path.starts_with("/__control");
    {
      std::scoped_lock lock(mutex);
      if (!is_control) ++requests[request.method];
    }
    auto const fault = is_control ? std::nullopt : faults.next(request.method, target);
    if (fault && fault->action == FaultAction::early_status) {
      HttpAnswer answer = error_answer(fault->status, fault->code, fault->message);
      answer.close = true;
      write_answer(stream, fd, answer, false, std::nullopt);
      shutdown(fd, SHUT_WR);
      sleep_unless_closed(
          fd, std::chrono::seconds(2));  // so that unread bytes do not reset the connection too soon
      return;
    }
    auto body = std::make_shared<std::string>();
    if (!read_body(stream, buffer, parser, fault, *body)) return;
    request.body = std::move(body);
    if (fault && fault->action == FaultAction::drop) return;
    if (fault && fault->action == FaultAction::stall) return sleep_unless_closed(fd, std::chrono::hours(1));
    if (!is_control && latency_ms > 0) sleep_unless_closed(fd, std::chrono::milliseconds(latency_ms.load()));
    if (fault && fault->action == FaultAction::delay)
      sleep_unless_closed(fd, std::chrono::milliseconds(fault->delay_ms));

    HttpAnswer answer;
    if (fault && fault->action == FaultAction::status) {
      answer = error_answer(fault->status, fault->code, fault->message);
      if (!fault->retry_after.empty()) answer.headers.emplace_back("Retry-After", fault->retry_after);
    } else if (!well_formed) {
      answer = error_answer(400, "InvalidURI", "the request target is not encoded as it should be");
    } else {
      answer = answer_to(request);
    }
    if (fault && fault->action == FaultAction::lose_answer) return;
    more = write_answer(stream, fd, answer, request.method == "HEAD", fault) && parser.keep_alive();
  }
}

HttpAnswer FakeServer::Impl::answer_to(HttpRequest& request) {
  if (request.path.starts_with("/__control")) return control(request);
  if (request.path.starts_with("/b2api/")) return answer_b2_api(options.s3, request, url());
  if (options.s3.check_bodies) {
    request.sha256_hex = sha256_hex(*request.body);
    if (!request.body->empty()) request.md5_hex = md5_hex(*request.body);
  } else if (auto const announced = from_base64(request.header("content-md5"))) {
    request.md5_hex = to_hex(*announced);  // believed
  }
  if (auto refusal = refuse(options.s3, request, now())) {
    ++refused;
    return *refusal;
  }
  return handle_s3(objects, options.s3, request, now());
}

HttpAnswer FakeServer::Impl::control(HttpRequest const& request) {
  HttpAnswer answer;
  if (request.method == "GET") {
    answer.set_body(stats_json());
    return answer;
  }
  boost::json::error_code malformed;
  auto const document = boost::json::parse(*request.body, malformed);
  std::string problem = malformed || !document.is_object() ? "not a JSON object" : "";
  if (problem.empty()) {
    auto const& object = document.get_object();
    if (object.contains("clear")) faults.clear();
    if (auto const* latency = object.if_contains("latencyMs"))
      latency_ms = static_cast<unsigned>(latency->to_number<std::uint32_t>(malformed));
    if (auto const* offset = object.if_contains("clockOffsetSeconds"))
      clock_offset_seconds = offset->to_number<std::int64_t>(malformed);
    if (auto const* list = object.if_contains("faults")) {
      if (auto const parsed = parse_faults(boost::json::serialize(*list), problem))
        for (auto const& fault : *parsed)
          faults.add(fault);
    }
  }
  answer.status = problem.empty() ? 200 : 400;
  answer.set_body(problem.empty() ? "{}" : problem);
  return answer;
}

std::string FakeServer::Impl::stats_json() const {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto const seconds = [](timeval const& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  boost::json::object by_method;
  std::uint64_t total = 0;
  {
    std::scoped_lock lock(mutex);
    for (auto const& [method, count] : requests) {
      by_method[method] = count;
      total += count;
    }
  }
  return boost::json::serialize(
      boost::json::object{{"requests", by_method},
                          {"total", total},
                          {"refused", refused.load()},
                          {"connections", accepted.load()},
                          {"bytesIn", bytes_in.load()},
                          {"bytesOut", bytes_out.load()},
                          {"faultsLeft", faults.left()},
                          {"cpuSeconds", seconds(usage.ru_utime) + seconds(usage.ru_stime)}});
}

FakeServer::FakeServer(FakeServerOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
FakeServer::~FakeServer() = default;
std::uint16_t FakeServer::port() const {
  return impl_->port;
}
std::string FakeServer::url() const {
  return impl_->url();
}
FakeOptions const& FakeServer::options() const {
  return impl_->options.s3;
}
Faults& FakeServer::faults() {
  return impl_->faults;
}
FakeObjects& FakeServer::objects() {
  return impl_->objects;
}
void FakeServer::set_latency_ms(unsigned latency) {
  impl_->latency_ms = latency;
}
void FakeServer::set_clock_offset_seconds(std::int64_t offset) {
  impl_->clock_offset_seconds = offset;
}
void FakeServer::close_connections() {
  impl_->close_connections();
}
std::string FakeServer::stats_json() const {
  return impl_->stats_json();
}
std::uint64_t FakeServer::requests(std::string const& method) const {
  std::scoped_lock lock(impl_->mutex);
  std::uint64_t total = 0;
  for (auto const& [name, count] : impl_->requests)
    if (method.empty() || name == method) total += count;
  return total;
}
std::uint64_t FakeServer::connections() const {
  return impl_->accepted;
}
std::uint64_t FakeServer::refused() const {
  return impl_->refused;
}

}  // namespace b2b::test
