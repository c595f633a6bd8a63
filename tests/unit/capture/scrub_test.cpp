#include "core/capture/scrub.h"

#include <sys/stat.h>

#include <algorithm>

#include "capture_support.h"
#include "core/capture/database.h"

using namespace b2b;
using namespace b2b::test;

namespace {

// Every planted secret begins so; nothing else does.
constexpr std::string_view marker = "PLANTED-SECRET-";

constexpr char const* every_secret_table[] = {
    "audit_identity_keys", "apns_registrations", "channel_ingress_events", "channel_pairing_requests",
    "clawhub_promotion_claims", "config_revision_keys", "device_auth_tokens", "device_bootstrap_tokens", "device_identities",
    "device_pairing_join_codes", "device_pairing_paired", "gateway_origin_device_tokens", "mcp_oauth_pending_authorizations",
    "mcp_oauth_stores", "native_hook_relay_bridges", "secret_store_entries", "web_push_subscriptions",
    "worker_environment_credentials", "auth_profile_state", "auth_profile_store", "session_suggestions"};

std::string secret(std::string const& what) { return "'" + std::string(marker) + what + "'"; }
std::string long_secret(std::string const& what) { return "replace(hex(zeroblob(2000)),'00'," + secret(what + " ") + ")"; }

// Live rows, rows deleted and updated earlier, rows over several pages, an index, and rows that only the log holds.
std::string planted_sql() {
  std::string sql =
      "PRAGMA secure_delete=OFF; PRAGMA auto_vacuum=2; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"
      "PRAGMA user_version=11; PRAGMA application_id=12;"
      "CREATE TABLE kept(id INTEGER PRIMARY KEY, x TEXT); CREATE TABLE no_key(x TEXT);"
      "CREATE TABLE config_machine_state(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;";
  for (std::string const table : every_secret_table) {
    sql += "CREATE TABLE " + table + "(id INTEGER PRIMARY KEY, token TEXT, data BLOB);";
    sql += "CREATE INDEX " + table + "_token ON " + table + "(token);";
    for (int i = 0; i < 5; ++i) sql += "INSERT INTO " + table + "(token,data) VALUES(" + secret(table + "-live") + ",x'00');";
    for (int i = 0; i < 40; ++i)
      sql += "INSERT INTO " + table + "(token,data) VALUES(" + secret(table + "-old") + "," + long_secret(table) + ");";
    sql += "DELETE FROM " + table + " WHERE id>25 OR id%3=0;";
    // Freed pages are used again by an innocent table, with the tail of the old page left in its slack.
    sql += "INSERT INTO kept(x) VALUES('kept beside " + table + "');";
  }
  for (int i = 0; i < 30; ++i) sql += "INSERT INTO no_key VALUES('row " + std::to_string(i) + "'); DELETE FROM no_key WHERE rowid=" + std::to_string(i / 2) + ";";
  for (std::string const key : {"authProfiles.store", "nodeHost.token", "webPush.vapidKeys", "webPush.vapidKeys.private"}) {
    sql += "INSERT INTO config_machine_state VALUES('" + key + "'," + long_secret("first") + ");";
    for (int i = 0; i < 10; ++i) sql += "UPDATE config_machine_state SET value=" + secret("updated") + " WHERE key='" + key + "';";
  }
  sql += "INSERT INTO config_machine_state VALUES('ui.theme','dark'),('authProfile','kept'),('xnodeHost.','kept');"
         "PRAGMA wal_checkpoint(TRUNCATE);"
         "INSERT INTO secret_store_entries(token) VALUES(" + secret("only in the log") + ");"
         "INSERT INTO kept(x) VALUES('only in the log');";
  return sql;
}

bool holds_marker(std::string const& bytes) {
  // Also as UTF-16, and cut off in front by a page's end.
  std::string wide;
  for (char const c : marker) wide += {c, '\0'};
  return bytes.find(marker) != std::string::npos || bytes.find(wide) != std::string::npos ||
         bytes.find(marker.substr(4)) != std::string::npos;
}

CaptureOptions with_secrets() {
  CaptureOptions options;
  options.scrub_secrets = false;
  return options;
}

}  // namespace

TEST_CASE("no byte of a secret is left in the copy") {
  for (std::string const encoding : {"UTF-8", "UTF-16le"}) {
    Place const place;
    auto live = create_database(place.at("state/openclaw.sqlite"), "PRAGMA encoding='" + encoding + "';" + planted_sql());

    // The test can tell: the unscrubbed copy is full of them.
    auto const raw = only_file(test::capture(place, "state/openclaw.sqlite", with_secrets()));
    CHECK(holds_marker(body_of(*raw.body)));

    auto const file = only_file(test::capture(place, "state/openclaw.sqlite"));
    CHECK(file.entry.database);
    std::string const bytes = body_of(*file.body);
    CHECK_FALSE(holds_marker(bytes));
    CHECK(file.entry.hash == sha256(bytes));

    auto restored = open_body(place, *file.body);
    CHECK(need(restored.query_text("PRAGMA integrity_check")) == "ok");
    for (std::string const table : every_secret_table) {
      CHECK(need(restored.query_int("SELECT count(*) FROM " + table)) == 0);  // there, and empty
    }
    CHECK(need(restored.query_int("SELECT count(*) FROM kept")) == 22);
    CHECK(need(restored.query_text("SELECT group_concat(key) FROM config_machine_state")) == "authProfile,ui.theme,xnodeHost.");
    CHECK(need(restored.query_int("PRAGMA auto_vacuum")) == 2);
    CHECK(need(restored.query_int("PRAGMA user_version")) == 11);
    CHECK(need(restored.query_int("PRAGMA application_id")) == 12);
    CHECK(need(restored.query_text("PRAGMA encoding")) == encoding);
    CHECK(need(restored.query_int("PRAGMA freelist_count")) == 0);
    // Rows without a key of their own keep their numbers: full-text indexes refer to rows by them.
    CHECK(need(restored.query_text("SELECT group_concat(rowid) FROM no_key")) ==
          need(live.query_text("SELECT group_concat(rowid) FROM no_key")));

    // The live database still has them all.
    CHECK(need(live.query_int("SELECT count(*) FROM secret_store_entries")) > 10);
  }
}

TEST_CASE("a scrubbed copy of the same state has the same bytes") {
  Place const place;
  auto live = create_database(place.at("state/openclaw.sqlite"), planted_sql());
  auto copy = [&] { return body_of(*only_file(test::capture(place, "state/openclaw.sqlite")).body); };
  std::string const first = copy();
  CHECK(copy() == first);
  need(live.execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  CHECK(copy() == first);
  need(live.execute("INSERT INTO secret_store_entries(token) VALUES('another')"));
  CHECK(copy() == first);  // all that changed is a secret
}

TEST_CASE("triggers, foreign keys and constraints neither stop the removal nor keep a copy") {
  Place const place;
  create_database(place.at("state/openclaw.sqlite"),
                  "PRAGMA secure_delete=OFF;"
                  "CREATE TABLE secret_store_entries(id INTEGER PRIMARY KEY, token TEXT);"
                  "CREATE TABLE child(entry REFERENCES secret_store_entries(id) ON DELETE CASCADE, note);"
                  "CREATE TABLE archive(token TEXT);"
                  "CREATE TRIGGER keep AFTER DELETE ON secret_store_entries BEGIN INSERT INTO archive VALUES(old.token); END;"
                  "CREATE TRIGGER forbid BEFORE DELETE ON secret_store_entries BEGIN SELECT raise(ABORT,'no'); END;"
                  "CREATE VIRTUAL TABLE found USING fts5(token, content='secret_store_entries', content_rowid='id');"
                  "INSERT INTO secret_store_entries VALUES(1,'PLANTED-SECRET-one');"
                  "INSERT INTO found(rowid,token) VALUES(1,'PLANTED-SECRET-one');"
                  "INSERT INTO child VALUES(1,'stays'); ANALYZE;");
  auto const file = only_file(test::capture(place, "state/openclaw.sqlite"));
  std::string bytes = body_of(*file.body);
  CHECK_FALSE(holds_marker(bytes));
  std::transform(bytes.begin(), bytes.end(), bytes.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  CHECK(bytes.find("planted") == std::string::npos);  // as the full-text index writes it
  auto restored = open_body(place, *file.body);
  CHECK(need(restored.query_int("SELECT count(*) FROM secret_store_entries")) == 0);
  CHECK(need(restored.query_int("SELECT count(*) FROM archive")) == 0);
  CHECK(need(restored.query_int("SELECT count(*) FROM child")) == 1);
  CHECK(need(restored.query_int("SELECT count(*) FROM sqlite_schema WHERE type='trigger'")) == 2);
  CHECK(need(restored.query_int("SELECT count(*) FROM sqlite_stat1 WHERE tbl='secret_store_entries'")) == 0);
}

TEST_CASE("samples in sqlite_stat4, which other builds of SQLite write, go as well") {
  Place const place;
  {
    auto live = create_database(place.at("state/openclaw.sqlite"),
                                "CREATE TABLE secret_store_entries(token TEXT); CREATE INDEX i ON secret_store_entries(token);"
                                "CREATE TABLE stat4_to_be(tbl,idx,neq,nlt,ndlt,sample);"
                                "INSERT INTO stat4_to_be VALUES('secret_store_entries','i','1','0','0','PLANTED-SECRET-sample');"
                                "INSERT INTO stat4_to_be VALUES('other','i','1','0','0','harmless');");
    need(live.execute("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET name='sqlite_stat4', tbl_name='sqlite_stat4',"
                      "sql='CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)' WHERE name='stat4_to_be';"));
  }
  auto const file = only_file(test::capture(place, "state/openclaw.sqlite"));
  CHECK_FALSE(holds_marker(body_of(*file.body)));
  CHECK(body_of(*file.body).find("harmless") != std::string::npos);
}

TEST_CASE("a key column of another name is found by what it holds") {
  Place const place;
  create_database(place.at("state/openclaw.sqlite"),
                  "CREATE TABLE config_machine_state(name TEXT, value TEXT);"
                  "INSERT INTO config_machine_state VALUES('authProfiles.store','PLANTED-SECRET-1'),('theme','dark');");
  auto const file = only_file(test::capture(place, "state/openclaw.sqlite"));
  CHECK_FALSE(holds_marker(body_of(*file.body)));
  CHECK(need(open_body(place, *file.body).query_int("SELECT count(*) FROM config_machine_state")) == 1);
}

TEST_CASE("a database without secret tables keeps its pages, free ones included") {
  Place const place;
  create_database(place.at("workspace/a.sqlite"),
                  "CREATE TABLE t(x); WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v+1 FROM n WHERE v<500)"
                  "INSERT INTO t SELECT randomblob(500) FROM n; DELETE FROM t WHERE rowid>10;");
  auto const scrubbed = only_file(test::capture(place, "workspace/a.sqlite"));
  auto const raw = only_file(test::capture(place, "workspace/a.sqlite", with_secrets()));
  CHECK(scrubbed.entry.hash == raw.entry.hash);
  CHECK(need(open_body(place, *scrubbed.body).query_int("PRAGMA freelist_count")) > 10);
}

TEST_CASE("scrub_secrets counts rows, and leaves other copies alone") {
  Place const place;
  auto const path = place.at("copy.sqlite");
  create_database(path, "CREATE TABLE Device_Auth_Tokens(x); INSERT INTO device_auth_tokens VALUES(1),(2);"
                        "CREATE TABLE config_machine_state(key,value); INSERT INTO config_machine_state VALUES('nodeHost.a',1),('b',2);"
                        "CREATE TABLE kept(x); INSERT INTO kept VALUES(1)");
  CHECK(need(scrub_secrets(path)) == 3);
  CHECK(need(scrub_secrets(path)) == 0);
  CHECK_FALSE(path_exists(path + "-clean"));
  create_database(place.at("other.sqlite"), "CREATE TABLE kept(x)");
  std::string const before = slurp(place.at("other.sqlite"));
  CHECK(need(scrub_secrets(place.at("other.sqlite"))) == 0);
  CHECK(slurp(place.at("other.sqlite")) == before);
  auto none = need(sqlite::Database::open(place.at("other.sqlite"), sqlite::OpenMode::read_only));
  CHECK_FALSE(need(has_secret_tables(none)));
}

TEST_CASE("a copy that cannot be scrubbed is not used") {
  Place const place;
  // The table is a view of a module that this program does not have: its rows cannot be reached.
  {
    auto live = create_database(place.at("state/openclaw.sqlite"), "CREATE TABLE plain(x)");
    need(live.execute("PRAGMA writable_schema=ON; INSERT INTO sqlite_schema VALUES('table','secret_store_entries',"
                      "'secret_store_entries',0,'CREATE VIRTUAL TABLE secret_store_entries USING unknown_module(x)')"));
  }
  auto const result = test::capture(place, "state/openclaw.sqlite");
  CHECK(result.files.empty());
  REQUIRE(result.skips.size() == 1);
  CHECK(result.skips[0].reason == SkipReason::unreadable);
  CHECK(result.skips[0].detail.find("secrets could not be removed") != std::string::npos);
  CHECK(std::filesystem::is_empty(place.path() + "/spool"));
  CHECK(only_file(test::capture(place, "state/openclaw.sqlite", with_secrets())).entry.database);
}
