// What of this machine stays in a database that comes from a snapshot.
#include "core/engine/carry_over.h"

#include <filesystem>
#include <fstream>

#include "core/capture/database.h"
#include "core/sqlite/sqlite.h"
#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::test;

namespace {

// As OpenClaw 2026.9.6 has them, as far as it matters here.
constexpr char const* schema =
    "CREATE TABLE auth_profile_store(store_key TEXT PRIMARY KEY, store_json TEXT NOT NULL, updated_at "
    "INTEGER NOT NULL) STRICT;"
    "CREATE TABLE config_machine_state(state_key TEXT NOT NULL PRIMARY KEY, value_json TEXT NOT NULL, "
    "updated_at_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE session_nodes(session_key TEXT PRIMARY KEY, body TEXT);"
    "CREATE TABLE session_suggestions(id TEXT PRIMARY KEY, session_key TEXT NOT NULL, text TEXT NOT NULL,"
    "  FOREIGN KEY(session_key) REFERENCES session_nodes(session_key) ON DELETE CASCADE) STRICT;"
    "CREATE TABLE web_push_subscriptions(endpoint_hash TEXT PRIMARY KEY, subscription_id TEXT NOT NULL "
    "UNIQUE) STRICT;"
    "CREATE TABLE web_push_approval_deliveries(approval_id TEXT NOT NULL, subscription_id TEXT NOT NULL "
    "REFERENCES"
    "  web_push_subscriptions(subscription_id) ON DELETE CASCADE, PRIMARY KEY(approval_id, subscription_id)) "
    "STRICT;"
    "CREATE TABLE delivery_queue_entries(queue_name TEXT, id TEXT, entry_json TEXT, PRIMARY "
    "KEY(queue_name,id)) STRICT;"
    "CREATE TABLE state_leases(name TEXT);"
    "CREATE TABLE plugin_blob_entries(entry_key TEXT, expires_at INTEGER);"
    "CREATE TRIGGER no_new_profiles BEFORE INSERT ON auth_profile_store BEGIN SELECT RAISE(ABORT,'no'); END;";

struct Files {
  Scratch scratch;
  std::string staged = scratch / "staged";
  std::string current = scratch / "current";

  Files() {
    make(staged);
    make(current);
  }
  static void make(std::string const& path) {
    run(path, std::string("PRAGMA journal_mode=DELETE;") + schema);
  }
  static void run(std::string const& path, std::string const& sql) {
    auto database = sqlite::Database::open(path, sqlite::OpenMode::create).value();
    // Rows go past the trigger as they would have before it was there.
    auto const done = database.execute("PRAGMA foreign_keys=OFF;" + sql);
    INFO((done ? std::string() : done.error().text()));
    REQUIRE(done);
  }
  static void profile(std::string const& path, std::string const& key, std::string const& value) {
    run(path, "DROP TRIGGER IF EXISTS no_new_profiles; INSERT INTO auth_profile_store VALUES('" + key +
                  "','" + value + "',1)");
  }
  static std::string ask(std::string const& path, std::string const& sql) {
    auto database = sqlite::Database::open(path, sqlite::OpenMode::read_only).value();
    auto statement = database.prepare(sql).value();
    std::string out;
    while (statement.step().value())
      out += (out.empty() ? "" : ",") + statement.column_text(0);
    return out;
  }
  std::string in_staged(std::string const& sql) const { return ask(staged, sql); }
  std::string bytes() const { return read_file(staged, 64 << 20).value(); }
  CarryOverReport go(bool prefer_snapshot = false, bool with_current = true) const {
    CarryOverRules rules;
    rules.prefer_snapshot = prefer_snapshot;
    auto const report = carry_over(staged, with_current ? current : std::string(), rules);
    INFO((report ? std::string() : report.error().text()));
    REQUIRE(report);
    for (char const* const suffix : {"-wal", "-shm", "-journal"})
      CHECK_FALSE(path_exists(staged + suffix));
    CHECK(in_staged("SELECT \"table\" FROM pragma_foreign_key_check").empty());
    CHECK(check_database(staged).value() == "");
    return *report;
  }
};

bool says(CarryOverReport const& report, std::string const& text) {
  for (std::string const& problem : report.problems)
    if (problem.find(text) != std::string::npos) return true;
  return false;
}

}  // namespace

TEST_CASE("carry over: this machine's credentials replace what the snapshot holds, nothing else changes") {
  Files files;
  Files::profile(files.staged, "old", "snapshot");
  Files::profile(files.current, "mine", "secret");
  Files::run(
      files.staged,
      "INSERT INTO config_machine_state VALUES('authProfiles.store','old',1),('update.checkState','old',1)");
  Files::run(files.current,
             "INSERT INTO config_machine_state "
             "VALUES('authProfiles.store','mine',2),('update.checkState','mine',2)");
  auto const report = files.go();
  CHECK(report.changed);
  CHECK(report.kept_rows == 2);
  CHECK(report.problems.empty());
  CHECK(files.in_staged("SELECT store_key FROM auth_profile_store") == "mine");
  CHECK(files.in_staged("SELECT value_json FROM config_machine_state ORDER BY state_key") == "mine,old");
  CHECK(files.bytes().find("snapshot") == std::string::npos);  // nor is it left in free space
}

TEST_CASE("carry over: --with-secrets keeps the snapshot's where it holds some") {
  Files files;
  Files::profile(files.staged, "old", "snapshot");
  Files::profile(files.current, "mine", "secret");
  Files::run(files.current, "INSERT INTO web_push_subscriptions VALUES('h','s')");
  auto const report = files.go(true);
  CHECK(files.in_staged("SELECT store_key FROM auth_profile_store") == "old");
  CHECK(files.in_staged("SELECT subscription_id FROM web_push_subscriptions") == "s");
  CHECK(report.kept_rows == 1);
}

TEST_CASE("carry over: what this machine has revoked stays revoked") {
  Files files;
  Files::profile(files.staged, "old", "snapshot");
  files.go();
  CHECK(files.in_staged("SELECT count(*) FROM auth_profile_store") == "0");
}

TEST_CASE("carry over: the index of installed plugins is this machine's") {
  Files files;
  Files::run(files.staged, "INSERT INTO config_machine_state VALUES('plugins.installedIndex','old',1)");
  Files::run(files.current, "INSERT INTO config_machine_state VALUES('plugins.installedIndex','mine',1)");
  auto const report = files.go(true);
  CHECK(report.kept_rows == 0);
  CHECK(files.in_staged("SELECT value_json FROM config_machine_state") == "mine");
}

TEST_CASE("carry over: where nothing is to be done the file stays byte for byte") {
  Files files;
  bool const wal = GENERATE(false, true);
  if (wal) Files::run(files.staged, "PRAGMA journal_mode=WAL");
  Files::run(files.staged,
             "INSERT INTO session_nodes VALUES('k','b'); INSERT INTO plugin_blob_entries VALUES('a',NULL)");
  auto const before = files.bytes();
  CHECK_FALSE(files.go().changed);
  CHECK(files.bytes() == before);
  auto const alone = files.go(false, false);
  CHECK_FALSE(alone.changed);
  CHECK(alone.empty_tables == std::vector<std::string>{"auth_profile_store", "config_machine_state",
                                                       "session_suggestions", "web_push_subscriptions"});
  CHECK(files.bytes() == before);
}

TEST_CASE("carry over: a staged database in WAL mode stays in it, with nothing beside it") {
  Files files;
  Files::run(files.staged, "PRAGMA journal_mode=WAL");
  Files::profile(files.current, "mine", "secret");
  CHECK(files.go().changed);
  CHECK(files.bytes()[18] == 2);
  CHECK(files.in_staged("SELECT store_key FROM auth_profile_store") == "mine");
}

TEST_CASE("carry over: rows that belong to what the snapshot does not hold are left out, and said") {
  Files files;
  Files::run(
      files.staged,
      "INSERT INTO session_nodes VALUES('there','b'); INSERT INTO web_push_subscriptions VALUES('h','gone');"
      "INSERT INTO web_push_approval_deliveries VALUES('a','gone')");
  Files::run(files.current,
             "INSERT INTO session_nodes VALUES('there','b'),('later','b');"
             "INSERT INTO session_suggestions VALUES('1','there','t'),('2','later','t')");
  auto const report = files.go();
  CHECK(files.in_staged("SELECT id FROM session_suggestions") == "1");
  CHECK(says(report, "1 row of session_suggestions could not be kept"));
  // What hangs on a row that went goes as its foreign key says.
  CHECK(files.in_staged("SELECT count(*) FROM web_push_approval_deliveries") == "0");
}

TEST_CASE("carry over: a table of another shape is left empty, and said") {
  Files files;
  Files::profile(files.staged, "old", "snapshot");
  Files::run(files.current,
             "DROP TABLE auth_profile_store; CREATE TABLE auth_profile_store(store_key TEXT, other TEXT);"
             "INSERT INTO auth_profile_store VALUES('mine','x')");
  auto const report = files.go();
  CHECK(files.in_staged("SELECT count(*) FROM auth_profile_store") == "0");
  CHECK(says(report, "auth_profile_store is empty now: its columns"));
}

TEST_CASE("carry over: rows that the table refuses are left out, and said") {
  Files files;
  Files::run(files.current,
             "DROP TABLE web_push_subscriptions; CREATE TABLE web_push_subscriptions(endpoint_hash TEXT, "
             "subscription_id TEXT);"
             "INSERT INTO web_push_subscriptions VALUES('a','same'),('b','same')");
  auto const report = files.go();
  CHECK(files.in_staged("SELECT count(*) FROM web_push_subscriptions") == "0");
  CHECK(says(report, "web_push_subscriptions is empty now: this machine's rows do not fit"));
}

TEST_CASE("carry over: queued deliveries, leases and passing blobs do not come back") {
  Files files;
  Files::run(files.staged,
             "INSERT INTO delivery_queue_entries VALUES('q','1','hello there'),('q','2','x'); INSERT INTO "
             "state_leases VALUES('a');"
             "INSERT INTO plugin_blob_entries VALUES('passing',1),('lasting',NULL)");
  bool const with_current = GENERATE(true, false);
  auto const report = files.go(false, with_current);
  CHECK(report.forgotten_deliveries == 2);
  CHECK(files.in_staged("SELECT count(*) FROM delivery_queue_entries") == "0");
  CHECK(files.in_staged("SELECT count(*) FROM state_leases") == "0");
  CHECK(files.in_staged("SELECT entry_key FROM plugin_blob_entries") == "lasting");
  CHECK(files.bytes().find("hello there") == std::string::npos);
}

TEST_CASE("carry over: a current database that is none does not keep the staged one from being used") {
  Files files;
  Files::profile(files.staged, "old", "snapshot");
  std::ofstream(files.current, std::ios::trunc) << std::string(8192, 'x');
  auto const report = files.go();
  CHECK(says(report, "cannot be read"));
  CHECK(files.in_staged("SELECT store_key FROM auth_profile_store") == "old");
}

TEST_CASE("carry over: a staged database that cannot be worked on is left as it is") {
  Files files;
  std::ofstream(files.staged, std::ios::trunc) << "SQLite format 3" << '\0' << std::string(8192, 'x');
  auto const before = files.bytes();
  auto const report = carry_over(files.staged, files.current, {});
  REQUIRE_FALSE(report);
  CHECK(report.error().condition == Condition::corrupt);
  CHECK(files.bytes() == before);
}
