// One connection against servers that say exactly what a test wants, and through a proxy.
#include "core/store/s3/connection.h"

#include <functional>
#include <future>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <sys/socket.h>

#include "core/store/s3/transport.h"
#include "tests/support/catch.h"
#include "tests/unit/store/s3/fixture.h"

namespace b2b::test {
namespace {

namespace net = boost::asio;
using net::ip::tcp;

// Accepts connections one after the other and hands each, with the head of its first request, to a function.
class ScriptedServer {
 public:
  using Script = std::function<void(tcp::socket&, std::string const& head)>;

  explicit ScriptedServer(Script script)
      : script_(std::move(script)),
        acceptor_(loop_, {net::ip::address_v4::loopback(), 0}),
        thread_([this] { run(); }) {}
  ~ScriptedServer() {
    stopping_ = true;
    shutdown(acceptor_.native_handle(), SHUT_RDWR);
    thread_.join();
  }
  // A server that answers every request with these bytes and closes.
  static Script says(std::string answer) {
    return [answer](tcp::socket& socket, std::string const&) {
      boost::system::error_code ignored;
      net::write(socket, net::buffer(answer), ignored);
    };
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  void run() {
    while (!stopping_) {
      boost::system::error_code error;
      tcp::socket socket = acceptor_.accept(error);
      if (error) continue;
      std::string head;
      net::read_until(socket, net::dynamic_buffer(head), "\r\n\r\n", error);
      if (!error) script_(socket, head);
    }
  }

  Script script_;
  net::io_context loop_;
  tcp::acceptor acceptor_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

s3::TransportSettings settings_for_port(std::uint16_t port) {
  s3::TransportSettings settings;
  settings.connection.endpoint = {false, "127.0.0.1", port};
  settings.connection.connect_timeout = std::chrono::seconds(30);
  settings.connection.progress_timeout = std::chrono::seconds(30);
  return settings;
}

Result<s3::Answer> ask(s3::TransportSettings const& settings, std::size_t limit = 1000) {
  auto const transport = s3::Transport::create(settings, system_clock()).value();
  s3::Exchange exchange;
  exchange.head = "GET /b2api/v4/b2_authorize_account HTTP/1.1\r\nHost: x\r\n\r\n";
  exchange.max_answer_bytes = limit;
  s3::Traffic traffic;
  return transport->exchange(exchange, false, traffic, {});
}

Result<s3::Answer> answer_to(std::string const& bytes) {
  ScriptedServer server(ScriptedServer::says(bytes));
  return ask(settings_for_port(server.port()));
}

// Moves bytes both ways until one side is done.
void splice(tcp::socket& a, tcp::socket& b) {
  auto const pump = [](tcp::socket& from, tcp::socket& to) {
    std::array<char, 4096> buffer{};
    boost::system::error_code error;
    while (!error) {
      std::size_t const n = from.read_some(net::buffer(buffer), error);
      if (n > 0) net::write(to, net::buffer(buffer.data(), n), error);
    }
    shutdown(from.native_handle(), SHUT_RDWR);
    shutdown(to.native_handle(), SHUT_RDWR);
  };
  std::jthread other([&] { pump(b, a); });
  pump(a, b);
}

}  // namespace

TEST_CASE("silence: attempts without an answer are one, which an answer ends") {
  ManualClock clock{TimePoint{}};
  s3::Silence silence(clock);
  CHECK_FALSE(silence.since());
  clock.advance(std::chrono::seconds(5));
  silence.begins();
  clock.advance(std::chrono::seconds(60));
  silence.ends(s3::Silence::End::unanswered);
  silence.begins();
  CHECK(silence.since() == std::chrono::seconds(5));
  silence.begins();
  silence.sign_of_life();
  CHECK(silence.since() == std::chrono::seconds(65));
  clock.advance(std::chrono::seconds(1));
  silence.ends(s3::Silence::End::answered);
  CHECK(silence.since() == std::chrono::seconds(66));  // the other one still waits
  silence.ends(s3::Silence::End::cancelled);
  CHECK_FALSE(silence.since());
}

TEST_CASE("a store that takes the connection and says nothing is silent until it answers") {
  std::atomic<int> asked{0};
  std::promise<void> over;
  std::shared_future<void> const until(over.get_future());
  ScriptedServer server([&](tcp::socket& socket, std::string const& head) {
    if (++asked == 1) return until.wait();
    ScriptedServer::says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")(socket, head);
  });
  auto settings = settings_for_port(server.port());
  settings.connection.progress_timeout = std::chrono::milliseconds(50);
  settings.connection.silence = std::make_shared<s3::Silence>(system_clock());
  CHECK_FALSE(ask(settings));
  CHECK(settings.connection.silence->since());
  over.set_value();
  settings.connection.progress_timeout = std::chrono::seconds(30);
  CHECK(ask(settings));
  CHECK_FALSE(settings.connection.silence->since());
}

TEST_CASE("bytes that a silent store takes are a sign of life, those that the network takes are none") {
  std::size_t const size = GENERATE(std::size_t{100'000}, std::size_t{16 << 20});
  ScriptedServer server([&](tcp::socket& socket, std::string const& head) {
    std::vector<char> rest(size + head.find("\r\n\r\n") + 4 - head.size());
    boost::system::error_code ignored;
    net::read(socket, net::buffer(rest), ignored);
  });
  auto settings = settings_for_port(server.port());
  settings.connection.silence = std::make_shared<s3::Silence>(system_clock());
  auto const transport = s3::Transport::create(settings, system_clock()).value();
  MemorySource const body(std::string(size, 'x'));
  s3::Exchange exchange;
  exchange.head = "PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
  exchange.body = &body;
  s3::Traffic traffic;
  // The first sign there is: when the exchange began.
  settings.connection.silence->begins();
  auto const began = settings.connection.silence->since();
  CHECK_FALSE(transport->exchange(exchange, false, traffic, {}));
  CHECK((settings.connection.silence->since() == began) == (size == 100'000));
}

TEST_CASE("answers of every framing are read") {
  auto const sized = answer_to("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello");
  REQUIRE(sized);
  CHECK(sized->status == 200);
  CHECK(sized->body == "hello");
  CHECK(s3::find_header(sized->headers, "x-a").value() == "b");
  CHECK(answer_to("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")
            ->body == "hello");
  CHECK(answer_to("HTTP/1.1 200 OK\r\n\r\nuntil the end")->body == "until the end");
  CHECK(answer_to("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: "
                  "0\r\n\r\n")
            ->status == 404);
}

TEST_CASE("answers that are none, or break off, are errors worth another try") {
  for (auto const* bytes :
       {"", "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"}) {
    INFO(bytes);
    auto const answer = answer_to(bytes);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().retryable);
  }
  CHECK_FALSE(answer_to("HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n"));
}

TEST_CASE("an answer longer than expected is cut off") {
  auto const answer = answer_to("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + std::string(2000, 'x'));
  REQUIRE_FALSE(answer);
  CHECK(answer.error().condition == Condition::limit);
}

TEST_CASE("TLS through a proxy that wants a password") {
  Scratch scratch;
  auto const files = make_certificate(scratch.path(), "server", {.host = "store.example"});
  FakeServerOptions options;
  options.certificate_file = files.certificate;
  options.private_key_file = files.private_key;
  FakeServer store(options);
  std::string asked;
  ScriptedServer proxy([&](tcp::socket& client, std::string const& head) {
    asked = head;
    boost::system::error_code error;
    if (head.find("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n") == std::string::npos) {
      net::write(client, net::buffer(std::string("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")), error);
      return;
    }
    tcp::socket onward(client.get_executor());
    onward.connect({net::ip::address_v4::loopback(), store.port()}, error);
    net::write(client, net::buffer(std::string("HTTP/1.1 200 Connection established\r\n\r\n")), error);
    splice(client, onward);
  });
  auto settings = settings_for_port(443);
  settings.connection.endpoint = {true, "store.example", 443};
  settings.connection.proxy = s3::Proxy{"127.0.0.1", proxy.port(), Secret("Basic dXNlcjpwYXNz")};
  settings.ca_file = files.authority;
  SECTION("with it") {
    auto const answer = ask(settings);
    REQUIRE(answer);
    CHECK(answer->status == 401);  // from the fake store: the request had no key
    CHECK(asked.starts_with("CONNECT store.example:443 HTTP/1.1\r\n"));
  }
  SECTION("without it") {
    settings.connection.proxy->authorization.clear();
    auto const answer = ask(settings);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().http_status == 407);
    CHECK_FALSE(answer.error().retryable);
    CHECK(answer.error().advice.find("HTTPS_PROXY") != std::string::npos);
  }
}

}  // namespace b2b::test
