#include "core/capture/database.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <thread>

#include "capture_support.h"
#include "core/capture/inode_guard.h"

using namespace b2b;
using namespace b2b::test;

namespace {

constexpr char rows_sql[] =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, x BLOB); CREATE INDEX i ON t(x);"
    "WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v+1 FROM n WHERE v<2000) INSERT INTO t SELECT v, randomblob(100) FROM n;";

// The database and its sidecars as they are now, as a crash or a file-wise copy would leave them.
void copy_aside(std::string const& from, std::string const& to) {
  need(make_directories(parent_path(to), 0755));
  for (char const* const suffix : {"", "-wal", "-journal"})
    if (path_exists(from + suffix)) std::filesystem::copy_file(from + suffix, to + suffix);
}

// Nothing may be written into a source but SQLite's own -wal and -shm.
std::string digest_of(std::string const& path) { return to_hex(sha256(slurp(path))); }

}  // namespace

TEST_CASE("databases are known by their header, whatever their name") {
  Place const place;
  create_database(place.at("workspace/no-extension"), rows_sql);
  place.write("workspace/empty.sqlite", "");
  place.write("workspace/text.sqlite", "SQLite format 3, says the text");
  place.write("workspace/short.db", "SQLite f");
  CHECK(need(has_sqlite_header(place.at("workspace/no-extension"))));
  CHECK_FALSE(need(has_sqlite_header(place.at("workspace/empty.sqlite"))));
  CHECK_FALSE(need(has_sqlite_header(place.at("workspace/short.db"))));
  CHECK_FALSE(has_sqlite_header(place.at("workspace/none")).has_value());

  CHECK(only_file(test::capture(place, "workspace/no-extension")).entry.database);
  for (auto const* name : {"workspace/empty.sqlite", "workspace/text.sqlite", "workspace/short.db"}) {
    auto const file = only_file(test::capture(place, name));
    CHECK_FALSE(file.entry.database);
    CHECK(body_of(*file.body) == slurp(place.at(name)));
  }
}

TEST_CASE("a WAL database is copied as one file in rollback mode, with what is only in the -wal") {
  Place const place;
  auto live = create_database(place.at("state/openclaw.sqlite"),
                              std::string("PRAGMA auto_vacuum=2; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"
                                          "PRAGMA user_version=7;") + rows_sql);
  need(live.execute("INSERT INTO t(x) VALUES('only in the log')"));
  auto const before = digest_of(place.at("state/openclaw.sqlite"));
  auto const wal_before = digest_of(place.at("state/openclaw.sqlite-wal"));

  auto const file = only_file(test::capture(place, "state/openclaw.sqlite"));
  CHECK(file.entry.database);
  CHECK_FALSE(file.entry.damaged);
  CHECK(file.entry.size == file.body->size());
  std::string const bytes = body_of(*file.body);
  CHECK(file.entry.hash == sha256(bytes));
  CHECK(bytes[18] == 1);  // write version: rollback journal
  CHECK(bytes[19] == 1);  // read version
  CHECK(file.entry.stat.wal_size > 0);
  CHECK(file.entry.stat == scan_all({{"", place.root()}}, everything()).items.at("state/openclaw.sqlite").entry.stat);

  auto restored = open_body(place, *file.body);
  CHECK(need(restored.query_text("PRAGMA integrity_check")) == "ok");
  CHECK(need(restored.query_int("SELECT count(*) FROM t")) == 2001);
  CHECK(need(restored.query_int("PRAGMA auto_vacuum")) == 2);
  CHECK(need(restored.query_int("PRAGMA user_version")) == 7);
  CHECK(need(restored.query_text("PRAGMA journal_mode")) == "delete");

  CHECK(digest_of(place.at("state/openclaw.sqlite")) == before);
  CHECK(digest_of(place.at("state/openclaw.sqlite-wal")) == wal_before);
  CHECK(std::filesystem::directory_iterator(place.path() + "/spool") != std::filesystem::directory_iterator{});
}

TEST_CASE("an unchanged database gives the same bytes again, checkpointed or not") {
  Place const place;
  auto live = create_database(place.at("state/a.sqlite"),
                              std::string("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;") + rows_sql);
  auto copy = [&] { return body_of(*only_file(test::capture(place, "state/a.sqlite")).body); };
  std::string const first = copy();
  CHECK(copy() == first);
  need(live.execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  CHECK(copy() == first);
  need(live.execute("UPDATE t SET x='new' WHERE id=5"));
  CHECK(copy() != first);

  create_database(place.at("state/rollback.sqlite"), rows_sql);
  auto const rollback = body_of(*only_file(test::capture(place, "state/rollback.sqlite")).body);
  CHECK(body_of(*only_file(test::capture(place, "state/rollback.sqlite")).body) == rollback);
}

TEST_CASE("page sizes, encodings and reserved features survive") {
  Place const place;
  create_database(place.at("workspace/a.db"), std::string("PRAGMA page_size=512; PRAGMA encoding='UTF-16le';"
                                                          "PRAGMA application_id=42;") + rows_sql +
                                                  "CREATE VIRTUAL TABLE words USING fts5(body); INSERT INTO words VALUES('find me');"
                                                  "CREATE TRIGGER g AFTER DELETE ON t BEGIN INSERT INTO words VALUES('x'); END;");
  auto restored = open_body(place, *only_file(test::capture(place, "workspace/a.db")).body);
  CHECK(need(restored.query_int("PRAGMA page_size")) == 512);
  CHECK(need(restored.query_text("PRAGMA encoding")) == "UTF-16le");
  CHECK(need(restored.query_int("PRAGMA application_id")) == 42);
  CHECK(need(restored.query_int("SELECT count(*) FROM words WHERE words MATCH 'find'")) == 1);
  need(restored.execute("DELETE FROM t WHERE id=1"));
  CHECK(need(restored.query_int("SELECT count(*) FROM words")) == 2);
}

TEST_CASE("a database whose schema uses octet_length passes its check") {
  Place const place;
  create_database(place.at("agents/a/agent/openclaw-agent.sqlite"),
                  "CREATE TABLE m(body TEXT, bytes INT GENERATED ALWAYS AS (octet_length(body)) STORED,"
                  " CHECK(octet_length(body)<100)); CREATE INDEX by_size ON m(octet_length(body));"
                  "CREATE TABLE auth_profile_store(k,v); INSERT INTO auth_profile_store VALUES('a','SECRET');"
                  "INSERT INTO m(body) VALUES('text'),('more text');");
  auto const result = test::capture(place, "agents/a/agent/openclaw-agent.sqlite");
  CHECK(result.warnings.empty());
  auto const file = only_file(result);
  CHECK(file.entry.database);
  auto restored = open_body(place, *file.body);
  CHECK(need(restored.query_int("SELECT sum(bytes) FROM m")) == 13);
  CHECK(need(check_database(place.path() + "/restored.sqlite")).empty());
}

TEST_CASE("a collation that only its own program has leaves that table unchecked, not damaged") {
  Place const place;
  auto const path = place.at("workspace/own.sqlite");
  {
    auto live = create_database(path, "CREATE TABLE fine(x); INSERT INTO fine VALUES(1);");
    auto const compare = [](void*, int a, void const* left, int b, void const* right) {
      int const n = std::memcmp(left, right, static_cast<std::size_t>(std::min(a, b)));
      return n != 0 ? n : a - b;
    };
    REQUIRE(sqlite3_create_collation_v2(live.handle(), "own", SQLITE_UTF8, nullptr, compare, nullptr) == SQLITE_OK);
    need(live.execute("CREATE TABLE t(x TEXT COLLATE own); CREATE INDEX i ON t(x); INSERT INTO t VALUES('a'),('b');"));
  }
  auto const result = test::capture(place, "workspace/own.sqlite");
  auto const file = only_file(result);
  CHECK(file.entry.database);
  CHECK_FALSE(file.entry.damaged);
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings[0].find("own") != std::string::npos);
}

TEST_CASE("a damaged database is kept as it is, with its sidecars") {
  Place const place;
  auto const path = place.at("state/openclaw.sqlite");
  {
    auto live = create_database(place.path() + "/live.sqlite",
                                std::string("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;") + rows_sql +
                                    "PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t(x) VALUES('in the log');");
    copy_aside(place.path() + "/live.sqlite", path);
  }
  std::string bytes = slurp(path);
  SECTION("flipped bytes in the middle") {
    for (std::size_t page = 3; page < 20; ++page) bytes[page * 4096] = static_cast<char>(bytes[page * 4096] ^ 0x5a);
  }
  SECTION("cut short") { bytes.resize(bytes.size() / 2 + 100); }
  SECTION("garbage behind the header") { bytes.replace(16, std::string::npos, std::string(5000, 'z')); }
  SECTION("nothing behind the magic") { bytes.resize(16); }
  place.write("state/openclaw.sqlite", bytes);

  auto const result = test::capture(place, "state/openclaw.sqlite");
  REQUIRE(result.files.size() == 2);
  CHECK(result.warnings.empty());
  REQUIRE(result.skips.size() == 1);
  CHECK(result.skips[0].path == "state/openclaw.sqlite");
  CHECK(result.skips[0].reason == SkipReason::damaged);
  CHECK(result.files[0].entry.path == "state/openclaw.sqlite");
  CHECK(result.files[1].entry.path == "state/openclaw.sqlite-wal");
  for (auto const& file : result.files) {
    CHECK(file.entry.damaged);
    CHECK_FALSE(file.entry.database);
    CHECK(body_of(*file.body) == slurp(place.at(file.entry.path)));
    CHECK(file.entry.hash == sha256(body_of(*file.body)));
  }
  CHECK_FALSE(unchanged_since(result.files[0].entry, result.files[0].entry.stat));
}

TEST_CASE("without encryption a damaged database that may hold secrets is left out") {
  Place const place;
  CaptureOptions plain_store;
  plain_store.encrypted_store = false;
  auto damage = [&](std::string const& path, bool schema_too) {
    std::string bytes = slurp(path);
    for (std::size_t page = schema_too ? 0 : 3; page < 20; ++page) bytes[page * 4096 + (page == 0 ? 100 : 0)] ^= 0x5a;
    std::ofstream(path, std::ios::binary) << bytes;
  };
  create_database(place.at("state/with.sqlite"), std::string("CREATE TABLE secret_store_entries(x);") + rows_sql);
  create_database(place.at("state/without.sqlite"), rows_sql);
  create_database(place.at("state/unknown.sqlite"), rows_sql);
  damage(place.at("state/with.sqlite"), false);
  damage(place.at("state/without.sqlite"), false);
  damage(place.at("state/unknown.sqlite"), true);

  for (auto const* name : {"state/with.sqlite", "state/unknown.sqlite"}) {
    auto const result = test::capture(place, name, plain_store);
    CHECK(result.files.empty());
    REQUIRE(result.skips.size() == 1);
    CHECK(result.skips[0].reason == SkipReason::unreadable);
    CHECK(result.skips[0].detail.find("secrets") != std::string::npos);
  }
  CHECK(only_file(test::capture(place, "state/without.sqlite", plain_store)).entry.damaged);
  CHECK(only_file(test::capture(place, "state/with.sqlite")).entry.damaged);
  plain_store.scrub_secrets = false;
  CHECK(only_file(test::capture(place, "state/with.sqlite", plain_store)).entry.damaged);
}

TEST_CASE("a journal that a crashed writer left is played back in the copy, not in the source") {
  Place const place;
  auto const path = place.at("state/crashed.sqlite");
  {
    auto live = create_database(place.path() + "/live.sqlite", rows_sql);
    // A small cache makes SQLite write changed pages, and so the journal, before the commit.
    need(live.execute("PRAGMA cache_size=2; BEGIN; UPDATE t SET x=randomblob(100);"));
    copy_aside(place.path() + "/live.sqlite", path);
    REQUIRE(path_exists(path + "-journal"));
    need(live.execute("ROLLBACK"));
  }
  auto const before = digest_of(path);
  auto const file = only_file(test::capture(place, "state/crashed.sqlite"));
  CHECK(file.entry.database);
  CHECK(digest_of(path) == before);
  CHECK(path_exists(path + "-journal"));
  auto restored = open_body(place, *file.body);
  CHECK(need(restored.query_text("PRAGMA integrity_check")) == "ok");
  auto original = need(sqlite::Database::open(place.path() + "/live.sqlite", sqlite::OpenMode::read_only));
  constexpr char all[] = "SELECT group_concat(hex(x)) FROM (SELECT x FROM t ORDER BY id)";
  CHECK(need(restored.query_text(all)) == need(original.query_text(all)));
}

TEST_CASE("a WAL database in a place that cannot be written is copied all the same") {
  Place const place;
  create_database(place.path() + "/live.sqlite", std::string("PRAGMA journal_mode=WAL;") + rows_sql);
  copy_aside(place.path() + "/live.sqlite", place.at("state/a.sqlite"));
  need(make_directories(place.path() + "/other"));
  for (auto const& open_to_all : {place.path(), place.root(), place.path() + "/other"})
    REQUIRE(::chmod(open_to_all.c_str(), 0777) == 0);
  for (auto const mode : {0755U, 0555U}) REQUIRE(::chmod(place.at("state").c_str(), mode) == 0);
  REQUIRE(::chmod(place.at("state/a.sqlite").c_str(), 0444) == 0);
  {
    WithoutPrivileges const other_user;
    auto const result =
        need(capture_file(item_for(place, "state/a.sqlite"), spool_in(place.path() + "/other/spool"), {}, system_clock(), {}));
    auto const file = only_file(result);
    CHECK(file.entry.database);
    CHECK(body_of(*file.body).size() == file.entry.size);
    CHECK_FALSE(path_exists(place.at("state/a.sqlite-wal")));
    CHECK_FALSE(path_exists(place.at("state/a.sqlite-shm")));
  }
  REQUIRE(::chmod(place.at("state").c_str(), 0755) == 0);
}

TEST_CASE("a path longer than SQLite takes, and a name that is not UTF-8") {
  Place const place;
  std::string const deep = "workspace/" + std::string(250, 'a') + "/" + std::string(250, 'b') + "/" + std::string(100, 'c');
  {
    auto live = create_database(place.path() + "/live.sqlite",
                                std::string("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;") + rows_sql);
    copy_aside(place.path() + "/live.sqlite", place.at(deep + "/long.sqlite"));
    copy_aside(place.path() + "/live.sqlite", place.at("workspace/\xff\n.sqlite"));
  }
  for (auto const& name : {deep + "/long.sqlite", std::string("workspace/\xff\n.sqlite")}) {
    auto const file = only_file(test::capture(place, name));
    CHECK(file.entry.database);
    auto restored = open_body(place, *file.body);
    CHECK(need(restored.query_int("SELECT count(*) FROM t")) == 2000);
  }
}

TEST_CASE("a database's sidecars are never taken for themselves") {
  Place const place;
  auto const live = create_database(place.at("workspace/a.sqlite"), std::string("PRAGMA journal_mode=WAL;") + rows_sql);
  place.write("workspace/a.sqlite-journal", "stale");
  place.write("workspace/diary-journal", "mine");
  place.write("workspace/diary", "also mine");
  place.write("workspace/-wal", "odd, but mine");
  for (auto const* name : {"workspace/a.sqlite-wal", "workspace/a.sqlite-shm", "workspace/a.sqlite-journal"}) {
    auto const result = test::capture(place, name);
    CHECK(result.files.empty());
    REQUIRE(result.skips.size() == 1);
    CHECK(result.skips[0].reason == SkipReason::by_rule);
  }
  CHECK(body_of(*only_file(test::capture(place, "workspace/diary-journal")).body) == "mine");
  CHECK(body_of(*only_file(test::capture(place, "workspace/-wal")).body) == "odd, but mine");
}

TEST_CASE("one file is copied by one thread at a time, hard links included") {
  Place const place;
  create_database(place.at("workspace/a.sqlite"), rows_sql);
  std::filesystem::create_hard_link(place.at("workspace/a.sqlite"), place.at("workspace/b.sqlite"));
  auto const spool = spool_in(place.path() + "/spool");
  std::vector<std::string> hashes(12);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < hashes.size(); ++i)
    threads.emplace_back([&, i] {
      auto const item = item_for(place, i % 2 == 0 ? "workspace/a.sqlite" : "workspace/b.sqlite");
      auto const result = capture_file(item, spool, {}, system_clock(), {});
      if (result && result->files.size() == 1) hashes[i] = to_hex(result->files[0].entry.hash);
    });
  for (auto& thread : threads) thread.join();
  for (auto const& hash : hashes) CHECK(hash == hashes[0]);
  CHECK_FALSE(hashes[0].empty());

  std::vector<int> order;
  {
    std::jthread second;
    InodeGuard const guard(place.at("workspace/a.sqlite"));
    second = std::jthread([&] {
      InodeGuard const same(place.at("workspace/b.sqlite"));
      order.push_back(2);
    });
    InodeGuard const other(place.at("workspace/none"));
    order.push_back(1);
  }
  CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE("copy_database: its errors") {
  Place const place;
  place.directory("workspace");
  auto const missing = copy_database(place.at("workspace/none"), place.path() + "/copy", {});
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().condition == Condition::not_found);
  create_database(place.at("workspace/a.sqlite"), rows_sql);
  std::stop_source stop;
  stop.request_stop();
  auto const stopped = copy_database(place.at("workspace/a.sqlite"), place.path() + "/copy", stop.get_token());
  REQUIRE_FALSE(stopped.has_value());
  CHECK(stopped.error().condition == Condition::cancelled);
  CHECK_FALSE(path_exists(place.path() + "/copy"));
}

TEST_CASE("check_database finds damage and missing files") {
  Place const place;
  auto const path = place.at("a.sqlite");
  create_database(path, rows_sql);
  CHECK(need(check_database(path)).empty());
  std::string bytes = slurp(path);
  for (std::size_t page = 3; page < 10; ++page) bytes[page * 4096] ^= 0x5a;
  place.write("a.sqlite", bytes);
  CHECK_FALSE(need(check_database(path)).empty());
  CHECK_FALSE(check_database(place.at("none.sqlite")).has_value());
}
