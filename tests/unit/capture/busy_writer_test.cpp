// Captures of databases that another process is writing to.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "capture_support.h"

using namespace b2b;
using namespace b2b::test;

namespace {

// The program wal_writer, at work on a database.
class Writer {
 public:
  explicit Writer(std::string const& database) {
    int to[2], from[2];
    REQUIRE(::pipe2(to, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(from, O_CLOEXEC) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::dup2(to[0], STDIN_FILENO);
      ::dup2(from[1], STDOUT_FILENO);
      ::execl(B2B_WAL_WRITER, "wal_writer", database.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(to[0]);
    ::close(from[1]);
    stop_ = UniqueFd(to[1]);
    lines_ = ::fdopen(from[0], "r");
  }
  ~Writer() {
    if (lines_ != nullptr) finish();
  }

  // Waits until that many more commits were made, counting none that are waiting to be read; the number of the last.
  long wait_for(long more) {
    long const until = committed_ + more;
    while (committed_ < until) REQUIRE(read_line());
    return committed_;
  }
  // The last line. Afterwards `failures`, `lock_wait_us`, `longest_commit_us` are known.
  void finish() {
    stop_.reset();
    while (read_line()) {
    }
    std::fclose(std::exchange(lines_, nullptr));
    int status = 0;
    ::waitpid(pid_, &status, 0);
    CHECK(status == 0);
  }
  long committed() const { return committed_; }
  long failures = -1, lock_wait_us = -1, longest_commit_us = -1;

 private:
  bool read_line() {
    char line[200];
    if (std::fgets(line, sizeof line, lines_) == nullptr) return false;
    if (std::sscanf(line, "committed %ld", &committed_) == 1) return true;
    CHECK(std::sscanf(line, "failures %ld lock_wait_us %ld longest_commit_us %ld", &failures, &lock_wait_us, &longest_commit_us) == 3);
    return true;
  }

  pid_t pid_ = -1;
  UniqueFd stop_;
  std::FILE* lines_ = nullptr;
  long committed_ = 0;
};

int rounds() {
  char const* const whole = std::getenv("B2B_LONG");
  return whole != nullptr && std::string(whole) == "1" ? 50 : 5;
}

}  // namespace

TEST_CASE("captures under a writer of 100 commits a second hold a prefix of the commits, and do not disturb it") {
  Place const place;
  auto const path = place.at("agents/main/agent/openclaw-agent.sqlite");
  create_database(path,
                  "PRAGMA journal_mode=WAL; CREATE TABLE ballast(x); WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v+1 FROM n"
                  " WHERE v<15000) INSERT INTO ballast SELECT randomblob(2000) FROM n;"
                  "CREATE TABLE auth_profile_store(k,v); INSERT INTO auth_profile_store VALUES('a','PLANTED-SECRET');");
  long alone_us = 0;
  {
    Writer writer(path);
    writer.wait_for(100);
    writer.finish();
    alone_us = writer.longest_commit_us;
  }
  {
    auto reset = need(sqlite::Database::open(path, sqlite::OpenMode::read_write));
    need(reset.execute("DELETE FROM commits"));
  }
  Writer writer(path);
  writer.wait_for(1);
  for (int round = 0; round < rounds(); ++round) {
    INFO("round " << round);
    long const before = writer.wait_for(20);
    auto const result = test::capture(place, "agents/main/agent/openclaw-agent.sqlite");
    CHECK(result.warnings.empty());
    auto const file = only_file(result);
    CHECK(file.entry.database);
    auto copy = open_body(place, *file.body);
    CHECK(need(copy.query_text("PRAGMA integrity_check")) == "ok");
    long const count = need(copy.query_int("SELECT count(*) FROM commits")).value_or(-1);
    CHECK(count >= before);
    CHECK(need(copy.query_int("SELECT max(n) FROM commits")) == count);
    CHECK(need(copy.query_int("SELECT count(*) FROM ballast")) == 15000);
    CHECK(need(copy.query_int("SELECT count(*) FROM auth_profile_store")) == 0);
  }
  writer.finish();
  CHECK(writer.failures == 0);
  CHECK(writer.lock_wait_us < 100'000);
  // How long a commit takes in all depends on the machine's load, too: measured without us first.
  CHECK(writer.longest_commit_us < 100'000 + alone_us);
  std::printf("busy writer: %d captures, %ld commits, longest wait for a lock %ld us, longest commit %ld us (%ld us without captures)\n",
              rounds(), writer.committed(), writer.lock_wait_us, writer.longest_commit_us, alone_us);
}

TEST_CASE("a rollback-journal database locked by a writer is waited for") {
  Place const place;
  auto const path = place.at("state/openclaw-quarantine.sqlite");
  create_database(path, "CREATE TABLE t(x); INSERT INTO t VALUES(1)");
  int ready[2], release[2];
  REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(release, O_CLOEXEC) == 0);
  pid_t const child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto database = sqlite::Database::open(path, sqlite::OpenMode::read_write);
    bool const locked = database && database->execute("BEGIN EXCLUSIVE; INSERT INTO t VALUES(2);").has_value();
    char byte = locked ? 'y' : 'n';
    (void)!::write(ready[1], &byte, 1);
    ::close(release[1]);
    (void)!::read(release[0], &byte, 1);  // until the parent has met the lock
    ::_exit(database->execute("COMMIT") ? 0 : 1);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  REQUIRE(byte == 'y');

  // A stop is seen while the lock is held.
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  auto const stopped = capture_file(item_for(place, "state/openclaw-quarantine.sqlite"), spool_in(place.path() + "/spool"), {},
                                    system_clock(), stop.get_token());
  REQUIRE_FALSE(stopped.has_value());
  CHECK(stopped.error().condition == Condition::cancelled);

  std::jthread releaser([&] { (void)!::write(release[1], "x", 1); });
  auto const file = only_file(test::capture(place, "state/openclaw-quarantine.sqlite"));
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  auto copy = open_body(place, *file.body);
  CHECK(need(copy.query_int("SELECT count(*) FROM t")).value_or(0) >= 1);
  CHECK(need(copy.query_text("PRAGMA integrity_check")) == "ok");
}
