#include "core/util/service_manager.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/util/log.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace std::chrono_literals;

namespace {

// The other side of the protocol: a datagram socket under a path or an abstract name ('@' in front).
class Manager {
 public:
  explicit Manager(std::string const& name)
      : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(name.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    auto const size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(::bind(fd_.get(), reinterpret_cast<sockaddr const*>(&address), size) == 0);
  }

  // What has come so far, a string for each datagram.
  std::vector<std::string> heard() {
    std::vector<std::string> out;
    std::array<char, 8192> buffer{};
    for (;;) {
      ssize_t const got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
      if (got < 0) return out;
      out.emplace_back(buffer.data(), static_cast<std::size_t>(got));
    }
  }

 private:
  UniqueFd fd_;
};

class Warnings {
 public:
  Warnings() {
    set_log_sink([this](LogLevel, std::string_view line) { lines.emplace_back(line); });
  }
  ~Warnings() { set_log_sink({}); }
  std::vector<std::string> lines;
};

}  // namespace

TEST_CASE("a service tells its manager where it stands") {
  test::Scratch scratch;
  Manager manager(scratch / "notify");
  ServiceManager service({scratch / "notify", "", ""}, ::getpid());
  REQUIRE(service.present());
  service.extend_timeout(90s);
  service.ready();
  service.status("Watching 461 files");
  service.reloading(123456789us);
  service.watchdog();
  service.stopping();
  CHECK(manager.heard() ==
        std::vector<std::string>{"EXTEND_TIMEOUT_USEC=90000000\n", "READY=1\n", "STATUS=Watching 461 files\n",
                                 "RELOADING=1\nMONOTONIC_USEC=123456789\n", "WATCHDOG=1\n", "STOPPING=1\n"});
}

TEST_CASE("a service manager may listen under an abstract name") {
  std::string const name = "@b2b-test-" + std::to_string(::getpid());
  Manager manager(name);
  ServiceManager service({name, "", ""}, ::getpid());
  service.ready();
  CHECK(manager.heard() == std::vector<std::string>{"READY=1\n"});
}

TEST_CASE("a status is one short line") {
  test::Scratch scratch;
  Manager manager(scratch / "notify");
  ServiceManager service({scratch / "notify", "", ""}, ::getpid());
  service.status("Restoring\nSTOPPING=1");
  std::string long_text = "x";
  for (int i = 0; i < 2000; ++i)
    long_text += "é";
  service.status(long_text);
  auto const heard = manager.heard();
  REQUIRE(heard.size() == 2);
  CHECK(heard[0] == "STATUS=Restoring\\nSTOPPING=1\n");
  CHECK(heard[1].size() == std::string("STATUS=\n").size() + 1023);
  CHECK(is_valid_utf8(heard[1]));
}

TEST_CASE("without a service manager nothing happens") {
  Warnings warnings;
  ServiceManager service({"", "30000000", ""}, ::getpid());
  CHECK_FALSE(service.present());
  CHECK_FALSE(service.watchdog_interval());
  service.ready();
  service.status("alone");
  service.stopping();
  CHECK(warnings.lines.empty());
}

TEST_CASE("a notify socket that cannot be one is named, and left alone") {
  for (std::string const& name :
       {std::string("relative/path"), std::string("vsock:2:1234"), std::string("/"), std::string("@"),
        "/" + std::string(107, 'x'), "@" + std::string(108, 'x')}) {
    Warnings warnings;
    ServiceManager service({name, "", ""}, ::getpid());
    CHECK_FALSE(service.present());
    service.ready();
    REQUIRE(warnings.lines.size() == 1);
    CHECK(warnings.lines[0].find(name) != std::string::npos);
  }
  Warnings warnings;
  ServiceManager const longest({"/" + std::string(106, 'x'), "", ""}, ::getpid());
  CHECK(longest.present());
  CHECK(warnings.lines.empty());
}

TEST_CASE("a service manager that is gone is warned about once") {
  test::Scratch scratch;
  Warnings warnings;
  ServiceManager service({scratch / "nobody", "", ""}, ::getpid());
  service.ready();
  service.watchdog();
  service.watchdog();
  CHECK(warnings.lines.size() == 1);
  Manager manager(scratch / "nobody");  // it comes back: what it missed is said first
  service.watchdog();
  CHECK(manager.heard() == std::vector<std::string>{"READY=1\n", "WATCHDOG=1\n"});
}

TEST_CASE("a full queue neither blocks nor loses the state") {
  test::Scratch scratch;
  Warnings warnings;
  Manager manager(scratch / "notify");
  ServiceManager service({scratch / "notify", "", ""}, ::getpid());
  for (int i = 0; i < 5000; ++i)
    service.watchdog();
  service.ready();
  CHECK(manager.heard().size() < 5000);
  CHECK(manager.heard().empty());
  service.status("here again");
  CHECK(manager.heard() == std::vector<std::string>{"READY=1\n", "STATUS=here again\n"});
  for (int i = 0; i < 5000; ++i)
    service.watchdog();
  service.ready();
  service.stopping();  // takes the place of what was never sent
  CHECK_FALSE(manager.heard().empty());
  service.watchdog();
  CHECK(manager.heard() == std::vector<std::string>{"STOPPING=1\n", "WATCHDOG=1\n"});
  CHECK(warnings.lines.empty());
}

TEST_CASE("the watchdog's interval is half of what the manager allows") {
  test::Scratch scratch;
  std::string const socket = scratch / "notify";
  auto const interval = [&](std::string const& usec, std::string const& pid) {
    return ServiceManager({socket, usec, pid}, 4711).watchdog_interval();
  };
  Warnings warnings;
  CHECK(interval("180000000", "") == 90s);
  CHECK(interval("180000000", "4711") == 90s);
  CHECK(interval("1", "4711") == 1us);
  CHECK_FALSE(interval("", "4711"));
  CHECK_FALSE(interval("180000000", "4712"));
  CHECK_FALSE(interval("180000000", "4711x"));
  CHECK(warnings.lines.empty());
  for (char const* wrong : {"0", "-5", "12s", " 12", "99999999999999999999"}) {
    warnings.lines.clear();
    CHECK_FALSE(interval(wrong, ""));
    CHECK(warnings.lines.size() == 1);
  }
}

TEST_CASE("commands that we start do not take our manager for theirs") {
  ::setenv("NOTIFY_SOCKET", "/run/notify", 1);
  ::setenv("WATCHDOG_USEC", "1000", 1);
  ::setenv("WATCHDOG_PID", "12", 1);
  auto const environment = take_service_environment();
  CHECK(environment.notify_socket == "/run/notify");
  CHECK(environment.watchdog_usec == "1000");
  CHECK(environment.watchdog_pid == "12");
  CHECK(std::getenv("NOTIFY_SOCKET") == nullptr);
  CHECK(std::getenv("WATCHDOG_USEC") == nullptr);
  CHECK(std::getenv("WATCHDOG_PID") == nullptr);
  CHECK(take_service_environment().notify_socket.empty());
}
