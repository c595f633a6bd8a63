// Where log lines really go: stderr is a file here, so that what arrives there can be read.
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util/file.h"
#include "core/util/log.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;

namespace {

// Puts a file in the place of stderr, and everything back.
class Stderr {
 public:
  explicit Stderr(std::string path) : path_(std::move(path)), before_(::dup(STDERR_FILENO)) {
    auto const file = open_file(path_, O_CREAT | O_WRONLY | O_APPEND, "open").value();
    REQUIRE(::dup2(file.get(), STDERR_FILENO) == STDERR_FILENO);
    REQUIRE(::setenv("JOURNAL_STREAM", "0:0", 1) == 0);
  }
  ~Stderr() {
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
    ::unsetenv("JOURNAL_STREAM");
    configure_log({}, system_clock()).value();
  }
  void call_it_the_journal() const {
    struct stat status {};
    REQUIRE(::fstat(STDERR_FILENO, &status) == 0);
    ::setenv("JOURNAL_STREAM", (std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino)).c_str(),
             1);
  }
  std::string text() const { return read_file(path_, 1 << 20).value(); }

 private:
  std::string path_;
  int before_;
};

}  // namespace

TEST_CASE("lines on stderr carry the time of the clock") {
  test::Scratch scratch;
  ManualClock clock(parse_iso8601("2026-02-19T12:00:00Z").value());
  Stderr const error_output(scratch / "stderr");
  REQUIRE(configure_log({}, clock));
  log_error("one");
  clock.advance(std::chrono::milliseconds(1500));
  log_warning("two");
  CHECK(error_output.text() ==
        "2026-02-19T12:00:00.000Z error: one\n2026-02-19T12:00:01.500Z warning: two\n");
}

TEST_CASE("the journal gets levels in its own way, and no second time") {
  test::Scratch scratch;
  ManualClock clock(parse_iso8601("2026-02-19T12:00:00Z").value());
  Stderr const error_output(scratch / "stderr");
  error_output.call_it_the_journal();
  REQUIRE(configure_log({}, clock));
  log_error("one\n<0>forged");
  log_warning("two");
  REQUIRE(configure_log({.format = LogFormat::json}, clock));
  log_error("three");
  CHECK(error_output.text() ==
        "<3>error: one\\n<0>forged\n<4>warning: two\n"
        "<3>{\"time\":\"2026-02-19T12:00:00.000Z\",\"level\":\"error\",\"message\":\"three\"}\n");
}

TEST_CASE("a log file takes the place of stderr, and rotates") {
  test::Scratch scratch;
  ManualClock clock(parse_iso8601("2026-02-19T12:00:00Z").value());
  Stderr const error_output(scratch / "stderr");
  error_output.call_it_the_journal();
  REQUIRE(configure_log({.file = scratch / "log", .file_bytes_max = 60, .files_max = 2}, clock));
  log_error("one");
  log_error("two");
  CHECK(read_file(scratch / "log", 1000).value() == "2026-02-19T12:00:00.000Z error: two\n");
  CHECK(read_file(scratch / "log.1", 1000).value() == "2026-02-19T12:00:00.000Z error: one\n");
  CHECK(error_output.text().empty());
}

TEST_CASE("a log file that cannot be had is an error, and the log stays where it was") {
  test::Scratch scratch;
  ManualClock clock(parse_iso8601("2026-02-19T12:00:00Z").value());
  Stderr const error_output(scratch / "stderr");
  REQUIRE(configure_log({}, clock));
  REQUIRE(atomic_write_file(scratch / "file", ""));
  auto const configured = configure_log({.format = LogFormat::json, .file = scratch / "file/log"}, clock);
  REQUIRE_FALSE(configured);
  CHECK(configured.error().message.find(scratch / "file") != std::string::npos);
  log_error("still here");
  CHECK(error_output.text() == "2026-02-19T12:00:00.000Z error: still here\n");
}

TEST_CASE("a full disk sends the log to stderr until there is room, and the file says so") {
  test::Scratch scratch;
  ManualClock clock(parse_iso8601("2026-02-19T12:00:00Z").value());
  Stderr const error_output(scratch / "stderr");
  REQUIRE(configure_log({.file = scratch / "log"}, clock));
  std::string long_line(2000, 'x');
  log_error(long_line);
  auto const handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit const full{1500, before.rlim_max};  // the log file is past it, stderr is not
  ::setrlimit(RLIMIT_FSIZE, &full);
  log_error("one");
  log_error("two");
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  log_error("three");
  std::string const on_stderr = error_output.text();
  CHECK(on_stderr.find("warning: cannot write to " + (scratch / "log")) != std::string::npos);
  CHECK(on_stderr.find("cannot write to", on_stderr.find("cannot write to") + 1) == std::string::npos);
  CHECK(on_stderr.ends_with("error: one\n2026-02-19T12:00:00.000Z error: two\n"));
  std::string const in_file = read_file(scratch / "log", 10000).value().substr(2000);
  CHECK(in_file.find("error: one") == std::string::npos);
  CHECK(in_file.find("warning: 2 lines before this one") != std::string::npos);
  CHECK(in_file.ends_with("error: three\n"));
}

TEST_CASE("a log file's name may be relative to where the program started") {
  test::Scratch scratch;
  ManualClock clock(parse_iso8601("2026-02-19T12:00:00Z").value());
  Stderr const error_output(scratch / "stderr");
  auto const start = std::filesystem::current_path();
  std::filesystem::current_path(scratch.path());
  REQUIRE(configure_log({.file = "here.log"}, clock));
  std::filesystem::current_path(start);
  log_error("one");
  CHECK(read_file(scratch / "here.log", 1000).value() == "2026-02-19T12:00:00.000Z error: one\n");
  CHECK(error_output.text().empty());
}
