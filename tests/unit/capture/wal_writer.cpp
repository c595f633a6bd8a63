// A busy OpenClaw for the tests: commits numbered rows to a WAL database, about 100 a second, until its input ends.
//   wal_writer DATABASE          one line "committed N" per commit; at the end "failures F lock_wait_us L longest_commit_us C"
#include <poll.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;

long since(Clock::time_point start) {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
}

struct Waits {
  Clock::time_point started;
  long longest_us = 0;
};

// Called while somebody else holds a lock that we need; waits up to 5 s in all.
int wait_for_lock(void* data, int tries) {
  auto& waits = *static_cast<Waits*>(data);
  if (tries == 0) waits.started = Clock::now();
  ::poll(nullptr, 0, 1);
  waits.longest_us = std::max(waits.longest_us, since(waits.started));
  return since(waits.started) < 5'000'000 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  sqlite3* db = nullptr;
  Waits waits;
  if (sqlite3_open(argv[1], &db) != SQLITE_OK || sqlite3_busy_handler(db, wait_for_lock, &waits) != SQLITE_OK ||
      sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; CREATE TABLE IF NOT EXISTS commits(n INTEGER PRIMARY KEY, x);",
                   nullptr, nullptr, nullptr) != SQLITE_OK)
    return 1;
  sqlite3_stmt* insert = nullptr;
  if (sqlite3_prepare_v2(db, "INSERT INTO commits VALUES(?, randomblob(2000))", -1, &insert, nullptr) != SQLITE_OK) return 1;
  long failures = 0, longest_us = 0;
  pollfd input{STDIN_FILENO, POLLIN, 0};
  for (long n = 1; ::poll(&input, 1, 10) == 0;) {
    auto const start = Clock::now();
    sqlite3_bind_int64(insert, 1, n);
    bool const done = sqlite3_step(insert) == SQLITE_DONE;
    sqlite3_reset(insert);
    longest_us = std::max(longest_us, since(start));
    if (!done) {
      ++failures;
      continue;
    }
    std::printf("committed %ld\n", n++);
    std::fflush(stdout);
  }
  std::printf("failures %ld lock_wait_us %ld longest_commit_us %ld\n", failures, waits.longest_us, longest_us);
  sqlite3_finalize(insert);
  sqlite3_close(db);
  return 0;
}
