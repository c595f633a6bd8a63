#include "core/util/log.h"

#include <thread>
#include <vector>

#include "tests/support/catch.h"

using namespace b2b;

namespace {

// Collects the lines and puts level and sink back.
class Capture {
 public:
  Capture() : level_(log_level()) {
    set_log_sink([this](LogLevel level, std::string_view line) { lines.emplace_back(level, line); });
  }
  ~Capture() {
    set_log_sink({});
    set_log_level(level_);
  }
  std::vector<std::pair<LogLevel, std::string>> lines;

 private:
  LogLevel level_;
};

}  // namespace

TEST_CASE("a log is quiet when all is well") {
  Capture capture;
  log_info("all is well");
  log_debug("really");
  CHECK(capture.lines.empty());
  log_warning("not so well");
  log_error("bad");
  REQUIRE(capture.lines.size() == 2);
  CHECK(capture.lines[0] == std::pair(LogLevel::warning, std::string("not so well")));
  CHECK(capture.lines[1].first == LogLevel::error);
  set_log_level(LogLevel::debug);
  log_debug("more");
  CHECK(capture.lines.size() == 3);
  set_log_level(LogLevel::error);
  log_warning("less");
  CHECK(capture.lines.size() == 3);
}

TEST_CASE("one event is one line") {
  Capture capture;
  log_error("evil\nerror: forged \x1b[2J");
  REQUIRE(capture.lines.size() == 1);
  CHECK(capture.lines[0].second == "evil\\nerror: forged \\x1b[2J");
}

TEST_CASE("several threads log at once") {
  Capture capture;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      for (int i = 0; i < 100; ++i) log_warning("event");
    });
  for (auto& thread : threads) thread.join();
  CHECK(capture.lines.size() == 400);
}
