#include "core/sqlite/sqlite.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::sqlite;
using b2b::test::Scratch;

namespace {

std::int64_t rows_in(Database& database) { return **database.query_int("SELECT count(*) FROM t"); }

Database with_table(std::string const& path) {
  auto database = Database::open(path, OpenMode::create).value();
  REQUIRE(database.execute("CREATE TABLE t(k INTEGER PRIMARY KEY, v)"));
  return database;
}

}  // namespace

TEST_CASE("a database is opened in the mode asked for") {
  Scratch const scratch;
  auto const path = scratch / "a.sqlite";
  auto const missing = Database::open(path, OpenMode::read_only);
  CHECK(missing.error().condition == Condition::not_found);
  CHECK(missing.error().subject == path);
  CHECK(Database::open(path, OpenMode::read_write).error().condition == Condition::not_found);
  CHECK_FALSE(path_exists(path));
  { auto const created = with_table(path); }
  auto reader = Database::open(path, OpenMode::read_only).value();
  CHECK(reader.path() == path);
  CHECK(reader.execute("INSERT INTO t(v) VALUES(1)").error().condition == Condition::permission);
  CHECK(rows_in(reader) == 0);
  CHECK(Database::open("", OpenMode::create).error().condition == Condition::internal);
  CHECK(Database::open(std::string("a\0b", 3), OpenMode::create).error().condition == Condition::internal);
}

TEST_CASE("names that SQLite knows otherwise are names of files here") {
  Scratch const scratch;
  auto const before = std::filesystem::current_path();
  std::filesystem::current_path(scratch.path());
  for (auto const* name : {":memory:", "file:x?mode=memory"}) {
    auto database = Database::open(name, OpenMode::create).value();
    CHECK(database.execute("CREATE TABLE t(k)"));
    CHECK(path_exists(name));
  }
  std::filesystem::current_path(before);
}

TEST_CASE("values come back as they were bound") {
  auto database = Database::open_memory().value();
  REQUIRE(database.execute("CREATE TABLE t(i, s, b, n, e, z); CREATE INDEX x ON t(i);"));
  std::array<std::uint8_t, 3> const blob{0, 255, 7};
  std::string const text("with\0zero \xC3\xBC", 12);
  auto insert = database.prepare("INSERT INTO t VALUES(?1, ?2, ?3, ?4, ?5, ?6)").value();
  insert.bind(1, -(std::int64_t{1} << 62)).bind_text(2, text).bind_blob(3, blob).bind_null(4);
  REQUIRE(insert.bind_text(5, {}).bind_blob(6, {}).run());
  CHECK(database.changes() == 1);
  auto select = database.prepare("SELECT i, s, b, n, e, z, typeof(e), typeof(z) FROM t").value();
  REQUIRE(select.step().value());
  CHECK(select.column_int(0) == -(std::int64_t{1} << 62));
  CHECK(select.column_text(1) == text);
  CHECK(select.column_bytes(2) == std::string("\0\xFF\x07", 3));
  CHECK(select.column_is_null(3));
  CHECK(select.column_text(3).empty());
  CHECK(select.column_text(4).empty());
  CHECK(select.column_bytes(5).empty());
  CHECK(select.column_text(6) == "text");
  CHECK(select.column_text(7) == "blob");
  CHECK_FALSE(select.step().value());
}

TEST_CASE("a statement runs again after run and after reset") {
  auto database = Database::open_memory().value();
  REQUIRE(database.execute("CREATE TABLE t(k INTEGER PRIMARY KEY, v)"));
  auto insert = database.prepare("INSERT INTO t(v) VALUES(?1)").value();
  CHECK(insert.bind(1, 1).run());
  CHECK(insert.run());  // bindings were cleared
  CHECK(**database.query_int("SELECT count(*) FROM t WHERE v IS NULL") == 1);
  auto select = database.prepare("SELECT v FROM t WHERE k = ?1").value();
  REQUIRE(select.bind(1, 1).step().value());
  select.reset();
  REQUIRE(select.bind(1, 2).step().value());
  CHECK(select.column_is_null(0));
}

TEST_CASE("queries answer with a value or nothing") {
  auto database = Database::open_memory().value();
  CHECK(*database.query_text("SELECT 'a' UNION ALL SELECT 'b'") == "a");
  CHECK(*database.query_int("SELECT 7") == 7);
  CHECK_FALSE(database.query_int("SELECT NULL").value());
  CHECK_FALSE(database.query_text("SELECT 1 WHERE 0").value());
  CHECK(database.query_int("SELECT none").error().condition == Condition::internal);
  CHECK_FALSE(database.query_text("nonsense"));
}

TEST_CASE("prepare takes one statement") {
  auto database = Database::open_memory().value();
  CHECK(database.prepare("SELECT 1; \n"));
  CHECK_FALSE(database.prepare("SELECT 1; SELECT 2"));
  CHECK_FALSE(database.prepare(""));
  CHECK_FALSE(database.prepare("-- nothing"));
  CHECK_FALSE(database.prepare("SELEC 1"));
  std::string_view const part = "SELECT 12345";
  auto statement = database.prepare(part.substr(0, 9)).value();  // not terminated by a zero
  REQUIRE(statement.step().value());
  CHECK(statement.column_int(0) == 12);
}

TEST_CASE("a broken constraint is an error that leaves the statement usable") {
  auto database = Database::open_memory().value();
  REQUIRE(database.execute("CREATE TABLE t(k INTEGER PRIMARY KEY)"));
  auto insert = database.prepare("INSERT INTO t VALUES(?1)").value();
  REQUIRE(insert.bind(1, 1).run());
  auto const again = insert.bind(1, 1).run();
  REQUIRE_FALSE(again);
  CHECK(again.error().message.find("UNIQUE") != std::string::npos);
  CHECK(insert.bind(1, 2).run());
}

TEST_CASE("octet_length counts bytes as newer releases of SQLite do") {
  auto database = Database::open_memory().value();
  CHECK(*database.query_int("SELECT octet_length('gr\xC3\xBC\xC3\x9F')") == 6);
  CHECK(*database.query_int("SELECT octet_length(x'00ff00')") == 3);
  CHECK(*database.query_int("SELECT octet_length(1234)") == 4);
  CHECK(*database.query_int("SELECT octet_length(1.5)") == 3);
  CHECK(*database.query_int("SELECT octet_length('')") == 0);
  CHECK_FALSE(database.query_int("SELECT octet_length(NULL)").value());
  auto wide = Database::open_memory().value();
  REQUIRE(wide.execute("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(v); INSERT INTO t VALUES('gr\xC3\xBC\xC3\x9F')"));
  CHECK(*wide.query_int("SELECT octet_length(v) FROM t") == 8);
}

TEST_CASE("a database whose schema uses octet_length can be checked and copied") {
  Scratch const scratch;
  auto const path = scratch / "agent.sqlite";
  auto database = Database::open(path, OpenMode::create).value();
  REQUIRE(database.execute("PRAGMA trusted_schema = OFF; PRAGMA journal_mode = WAL;"
                           "CREATE TABLE t(v TEXT CHECK(octet_length(v) < 10), n INTEGER AS (octet_length(v)) STORED);"
                           "CREATE INDEX x ON t(octet_length(v)); INSERT INTO t(v) VALUES('abc'), ('de')"));
  CHECK_FALSE(database.execute("INSERT INTO t(v) VALUES('much too long')"));
  CHECK(*database.query_text("PRAGMA integrity_check") == "ok");
  CHECK(*database.query_text("PRAGMA quick_check") == "ok");
  REQUIRE(database.execute("VACUUM INTO '" + (scratch / "copy.sqlite") + "'"));
  auto copy = Database::open(scratch / "copy.sqlite", OpenMode::read_only).value();
  CHECK(*copy.query_int("SELECT sum(n) FROM t") == 5);
}

TEST_CASE("a lock held elsewhere is busy, and worth another try") {
  Scratch const scratch;
  auto const path = scratch / "a.sqlite";
  auto first = with_table(path);
  auto second = Database::open(path, OpenMode::read_write, 0).value();
  auto held = Transaction::begin(first).value();
  auto const refused = Transaction::begin(second);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().condition == Condition::busy);
  CHECK(refused.error().retryable);
  CHECK_FALSE(refused.error().advice.empty());
}

TEST_CASE("what is not a database is corrupt") {
  Scratch const scratch;
  REQUIRE(atomic_write_file(scratch / "a.sqlite", std::string(4096, 'x')));
  auto database = Database::open(scratch / "a.sqlite", OpenMode::read_only).value();
  auto const answer = database.query_int("SELECT count(*) FROM sqlite_schema");
  REQUIRE_FALSE(answer);
  CHECK(answer.error().condition == Condition::corrupt);
  CHECK(answer.error().message.find(scratch / "a.sqlite") != std::string::npos);
}

TEST_CASE("a damaged page is corrupt, a statement names its database") {
  Scratch const scratch;
  auto const path = scratch / "a.sqlite";
  {
    auto database = with_table(path);
    REQUIRE(database.execute("INSERT INTO t(v) VALUES(hex(zeroblob(20000)))"));
  }
  {
    auto const file = open_file(path, O_WRONLY, "open").value();
    std::string const rubbish(4096, '\x55');
    REQUIRE(::pwrite(file.get(), rubbish.data(), rubbish.size(), 4096) == 4096);
  }
  auto database = Database::open(path, OpenMode::read_only).value();
  auto select = database.prepare("SELECT v FROM t").value();
  auto const row = select.step();
  REQUIRE_FALSE(row);
  CHECK(row.error().condition == Condition::corrupt);
  CHECK(row.error().subject == path);
}

TEST_CASE("a transaction is kept only when committed") {
  Scratch const scratch;
  auto database = with_table(scratch / "a.sqlite");
  SECTION("committed") {
    auto transaction = Transaction::begin(database).value();
    REQUIRE(database.execute("INSERT INTO t(v) VALUES(1)"));
    CHECK(transaction.commit());
    CHECK(rows_in(database) == 1);
  }
  SECTION("left") {
    {
      auto const transaction = Transaction::begin(database).value();
      REQUIRE(database.execute("INSERT INTO t(v) VALUES(1)"));
    }
    CHECK(rows_in(database) == 0);
    CHECK(Transaction::begin(database));  // none is open any more
  }
  SECTION("moved and left") {
    {
      auto transaction = Transaction::begin(database).value();
      REQUIRE(database.execute("INSERT INTO t(v) VALUES(1)"));
      {
        Transaction const moved(std::move(transaction));
        CHECK(rows_in(database) == 1);
      }
      CHECK(rows_in(database) == 0);
      REQUIRE(database.execute("INSERT INTO t(v) VALUES(2)"));
    }  // the moved-from one must not end what came after it
    CHECK(rows_in(database) == 1);
  }
  SECTION("ended by SQLite itself") {
    auto const transaction = Transaction::begin(database).value();
    REQUIRE(database.execute("ROLLBACK"));
  }
  SECTION("a second one inside is refused") {
    auto const transaction = Transaction::begin(database).value();
    CHECK_FALSE(Transaction::begin(database));
  }
  SECTION("a commit that fails is rolled back") {
    REQUIRE(database.execute("PRAGMA foreign_keys = ON;"
                             "CREATE TABLE child(p REFERENCES t(k) DEFERRABLE INITIALLY DEFERRED)"));
    {
      auto transaction = Transaction::begin(database).value();
      REQUIRE(database.execute("INSERT INTO child VALUES(99)"));
      CHECK_FALSE(transaction.commit());
    }
    CHECK(*database.query_int("SELECT count(*) FROM child") == 0);
  }
}

TEST_CASE("connections in several threads wait for one another") {
  Scratch const scratch;
  auto const path = scratch / "a.sqlite";
  auto database = with_table(path);
  REQUIRE(database.query_text("PRAGMA journal_mode = WAL"));
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      auto own = Database::open(path, OpenMode::read_write, 60'000);
      if (!own || !own->execute("PRAGMA synchronous = OFF")) {
        ++failures;
        return;
      }
      for (int i = 0; i < 20; ++i) {
        auto transaction = Transaction::begin(*own);
        if (!transaction || !own->execute("INSERT INTO t(v) VALUES(1)") || !transaction->commit()) ++failures;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(rows_in(database) == 60);
}
