// Restores that change databases where they are: the gateway, the fence, the order of the swap, what stays
// this machine's.
#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include "core/engine/lock.h"
#include "core/engine/openclaw_version.h"
#include "core/engine/restore.h"
#include "core/gateway/fence.h"
#include "core/gateway/state_lock.h"
#include "core/sqlite/sqlite.h"
#include "tests/unit/engine/push_fixture.h"
#include "tests/unit/gateway/helper_process.h"

using namespace b2b;
using b2b::test::HelperProcess;
using b2b::test::Machine;
namespace fs = std::filesystem;

namespace {

constexpr char const* shared = "state/openclaw.sqlite";
constexpr char const* agent = "agents/main/agent/openclaw-agent.sqlite";
constexpr int crashed = 42;

// A machine in use, with one snapshot of it, and then other content everywhere.
struct Rollback {
  // In memory where possible: every swap is synced several times.
  TemporaryDirectory directory =
      TemporaryDirectory::create(fs::exists("/dev/shm") ? "/dev/shm" : "/tmp", "b2b-rollback-").value();
  Machine machine;
  bool in_daemon = false;
  std::string snapshot;

  explicit Rollback(std::string const& config = "{}", bool encrypt = true) {
    machine.config.encrypt = encrypt;
    machine.config.state_dir = directory.path() + "/state";
    machine.config.data_dir = directory.path() + "/data";
    machine.clock.set_wall(system_clock().now() + std::chrono::seconds(30));
    machine.write("openclaw.json", config);
    fill(3);
    sql(shared,
        "INSERT INTO auth_profile_store VALUES('p','then'); INSERT INTO delivery_queue_entries "
        "VALUES('q','1')");
    snapshot = machine.push_ok().snapshot->text;
    machine.clock.set_wall(system_clock().now() + std::chrono::seconds(60));
  }
  void fill(int rows) {
    for (char const* const path : {shared, agent}) {
      fs::create_directories(fs::path(machine.path(path)).parent_path());
      fs::remove(machine.path(path));
      sql(path,
          "PRAGMA journal_mode=WAL; CREATE TABLE sessions(id INTEGER PRIMARY KEY, body TEXT);"
          "CREATE TABLE auth_profile_store(k TEXT PRIMARY KEY, v TEXT); CREATE TABLE "
          "delivery_queue_entries(q TEXT, id TEXT);"
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<" +
              std::to_string(rows) +
              ") "
              "INSERT INTO sessions(body) SELECT 'row '||i FROM n");
    }
    machine.write("agents/main/sessions/a.jsonl", std::to_string(rows));
    machine.write("workspace/notes.md", std::to_string(rows));
  }
  void change() {
    fill(5);
    sql(shared, "INSERT INTO auth_profile_store VALUES('p','now')");
  }
  void sql(std::string const& path, std::string const& text) {
    auto database = sqlite::Database::open(machine.path(path), sqlite::OpenMode::create).value();
    auto const done = database.execute(text);
    INFO((done ? std::string() : done.error().text()));
    REQUIRE(done);
  }
  std::string ask(std::string const& file, std::string const& question) {
    auto database = sqlite::Database::open(file, sqlite::OpenMode::read_only).value();
    return database.query_text(question).value().value_or("nothing");
  }
  std::string sessions(std::string const& path) {
    return ask(machine.path(path), "SELECT count(*) FROM sessions");
  }

  RestoreOptions options() const {
    RestoreOptions out;
    out.snapshot = snapshot;
    out.confirmed = true;
    return out;
  }
  Result<RestoreReport> run(RestoreOptions const& options) {
    auto context = machine.open();
    context.in_daemon = in_daemon;
    return restore(context, options);
  }
  RestoreReport run_ok(RestoreOptions const& options) {
    auto report = run(options);
    INFO((report ? std::string() : report.error().text()));
    REQUIRE(report);
    CHECK(report->failed.empty());
    return *report;
  }
  Result<std::vector<std::string>> recover() {
    auto context = machine.open();
    B2B_ASSIGN(DataLock const lock, DataLock::acquire(machine.config.state_dir, "test"));
    return recover_restores(context);
  }
};

bool says(RestoreReport const& report, std::string const& text) {
  for (std::string const& note : report.notes)
    if (note.find(text) != std::string::npos) return true;
  return false;
}

// As a gateway holds it, until the process ends.
bool hold_gateway_lock(std::string const& state_dir) {
  std::string const directory = gateway_lock_directory(state_dir);
  if (!make_directories(directory)) return false;
  static std::optional<sqlite::Database> held;
  auto database =
      sqlite::Database::open(join_path(directory, gateway_lock_name), sqlite::OpenMode::create, 0);
  if (!database || !database->execute("BEGIN EXCLUSIVE")) return false;
  held.emplace(std::move(*database));
  return true;
}

}  // namespace

TEST_CASE("rollback of databases in use: they come back, what was there is kept, credentials stay") {
  Rollback rollback;
  rollback.change();
  rollback.machine.write(std::string(agent) + "-wal", "");
  auto const report = rollback.run_ok(rollback.options());
  CHECK(rollback.sessions(shared) == "3");
  CHECK(rollback.sessions(agent) == "3");
  CHECK(rollback.ask(rollback.machine.path(shared), "SELECT v FROM auth_profile_store") == "now");
  CHECK(rollback.ask(rollback.machine.path(shared), "SELECT count(*) FROM delivery_queue_entries") == "0");
  CHECK_FALSE(fs::exists(rollback.machine.path(std::string(agent) + "-wal")));
  REQUIRE(report.safety);
  REQUIRE_FALSE(report.quarantine.empty());
  CHECK(rollback.ask(report.quarantine + "/" + shared, "SELECT count(*) FROM sessions") == "5");
  CHECK(says(report, "credentials and identity stay: 1 row in state/openclaw.sqlite"));
  CHECK(says(report, "1 message that was waiting"));
  // The fence is down again: a gateway may start.
  CHECK(GatewayFence::raise(rollback.machine.config.state_dir));
  // And forward, from the safety snapshot.
  auto options = rollback.options();
  options.snapshot = report.safety->text;
  rollback.run_ok(options);
  CHECK(rollback.sessions(shared) == "5");
  CHECK(rollback.ask(rollback.machine.path(shared), "SELECT v FROM auth_profile_store") == "now");
}

TEST_CASE("rollback: the next push takes what is there now, and can be restored in turn") {
  Rollback rollback;
  rollback.change();
  rollback.run_ok(rollback.options());
  rollback.sql(shared, "INSERT INTO sessions(body) VALUES('after')");
  auto const later = rollback.machine.push_ok().snapshot->text;
  rollback.machine.clock.set_wall(system_clock().now() + std::chrono::seconds(120));
  rollback.fill(9);
  auto options = rollback.options();
  options.snapshot = later;
  rollback.run_ok(options);
  CHECK(rollback.sessions(shared) == "4");
  CHECK(rollback.sessions(agent) == "3");
}

TEST_CASE("rollback with a gateway that runs: refused with the choices, or it is stopped") {
  Rollback rollback;
  rollback.change();
  HelperProcess gateway([&] { return hold_gateway_lock(rollback.machine.config.state_dir); });
  auto options = rollback.options();
  SECTION("refused") {
    for (bool const dry : {true, false}) {
      options.dry_run = dry;
      auto const refused = rollback.run(options);
      REQUIRE_FALSE(refused);
      CHECK(exit_code_of(refused.error().condition) == 77);
      CHECK(refused.error().message.find("a gateway is running") != std::string::npos);
      for (char const* const choice : {"--stop-gateway, and no --direct", "openclaw gateway stop", "--target", "--path 'workspace/**'"})
        CHECK(refused.error().advice.find(choice) != std::string::npos);
      CHECK(refused.error().advice.find("--when-stopped") == std::string::npos);  // nobody is there to wait
      rollback.in_daemon = true;
      std::string const in_daemon = rollback.run(options).error().advice;
      rollback.in_daemon = false;
      for (char const* const choice : {"--stop-gateway", "--when-stopped", "--target", "--path 'workspace/**'"})
        CHECK(in_daemon.find(choice) != std::string::npos);
      CHECK(in_daemon.find("--direct") == std::string::npos);
    }
    CHECK(rollback.sessions(shared) == "5");
    // Transcripts and schedules as plain files are in the gateway's memory, too.
    options.paths = {"agents/main/sessions/**"};
    auto const refused = rollback.run(options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("would change sessions and schedules under it") != std::string::npos);
    CHECK(read_file(rollback.machine.path("agents/main/sessions/a.jsonl"), 10).value() == "5");
    // Other plain files change at any time.
    options.paths = {"workspace/**"};
    rollback.run_ok(options);
    CHECK(read_file(rollback.machine.path("workspace/notes.md"), 10).value() == "3");
  }
  SECTION("stopped, once everything is fetched") {
    int stopped = 0;
    options.stop_gateway = [&]() -> Result<void> {
      ++stopped;
      gateway.end();
      // Its last words: they must not be lost from the safety snapshot.
      rollback.sql(shared, "INSERT INTO sessions(body) VALUES('last words')");
      return {};
    };
    auto const report = rollback.run_ok(options);
    CHECK(stopped == 1);
    CHECK(rollback.sessions(shared) == "3");
    REQUIRE(report.safety);
    auto const held = rollback.machine.contents(*report.safety).at(shared);
    CHECK(held.find("last words") != std::string::npos);
  }
  SECTION("it does not stop") {
    options.stop_gateway = [] { return Result<void>(); };
    CHECK(rollback.run(options).error().condition == Condition::refused);
    CHECK(rollback.sessions(shared) == "5");
  }
  SECTION("stopping fails") {
    options.stop_gateway = []() -> Result<void> { return make_error(Condition::io, "systemctl failed"); };
    CHECK(rollback.run(options).error().message == "systemctl failed");
  }
}

TEST_CASE(
    "rollback: while it is under way no gateway can start, and the safety snapshot is taken behind the "
    "fence") {
  Rollback rollback;
  rollback.change();
  auto options = rollback.options();
  int steps = 0;
  int open_doors = 0;
  options.swap_hook = [&](std::string_view) -> Result<void> {
    if (steps++ % 7 != 0) return {};
    pid_t const child = ::fork();
    if (child == 0) ::_exit(hold_gateway_lock(rollback.machine.config.state_dir) ? 1 : 0);
    int status = 0;
    ::waitpid(child, &status, 0);
    open_doors += WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
    return {};
  };
  rollback.run_ok(options);
  CHECK(steps > 7);
  CHECK(open_doors == 0);
}

TEST_CASE("rollback: somebody else has a database open") {
  Rollback rollback;
  rollback.change();
  HelperProcess agent_local([&] {
    static std::optional<sqlite::Database> held;
    auto database = sqlite::Database::open(rollback.machine.path(agent), sqlite::OpenMode::read_only);
    if (!database || !database->query_int("SELECT count(*) FROM sessions")) return false;
    held.emplace(std::move(*database));
    return true;
  });
  auto const refused = rollback.run(rollback.options());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().condition == Condition::refused);
  CHECK(refused.error().message.find("pid " + std::to_string(agent_local.pid())) != std::string::npos);
  CHECK(rollback.sessions(shared) == "5");
  agent_local.end();
  rollback.run_ok(rollback.options());
}

TEST_CASE("rollback: a gateway that would start without openclaw.json is a reason to refuse") {
  Rollback rollback;
  rollback.change();
  rollback.machine.config.service.gateway.start = {"openclaw", "gateway", "--allow-unconfigured"};
  auto const refused = rollback.run(rollback.options());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().condition == Condition::refused);
  CHECK(refused.error().message.find("--allow-unconfigured") != std::string::npos);
  auto options = rollback.options();
  options.paths = {"workspace/**"};
  rollback.run_ok(options);
}

TEST_CASE("rollback: --with-secrets takes the snapshot's credentials") {
  Rollback rollback;
  rollback.machine.config.secrets = SecretRows::include;
  rollback.sql(shared, "UPDATE auth_profile_store SET v='then, kept'");
  rollback.snapshot = rollback.machine.push_ok().snapshot->text;
  rollback.machine.clock.set_wall(system_clock().now() + std::chrono::seconds(120));
  rollback.change();
  auto options = rollback.options();
  SECTION("without it") {
    rollback.run_ok(options);
    CHECK(rollback.ask(rollback.machine.path(shared), "SELECT v FROM auth_profile_store") == "now");
  }
  SECTION("with it") {
    options.with_secrets = true;
    rollback.run_ok(options);
    CHECK(rollback.ask(rollback.machine.path(shared), "SELECT v FROM auth_profile_store") == "then, kept");
  }
  CHECK(rollback.sessions(shared) == "3");
}

TEST_CASE(
    "rollback: the B2 plugin's entry in openclaw.json stays, the rest comes back; files with credentials are "
    "not touched") {
  Rollback rollback(
      R"({"gateway":{"bind":"then"},"plugins":{"entries":{"b2-backup":{"config":{"bucket":"then"}}}}})");
  rollback.machine.write(
      "openclaw.json",
      R"({"gateway":{"bind":"now"},"plugins":{"entries":{"b2-backup":{"config":{"bucket":"now"}}}}})");
  rollback.machine.write("credentials/whatsapp/creds.json", "ratchet");
  rollback.machine.write("agents/main/agent/auth-profiles.json", "token");
  bool const databases = GENERATE(true, false);
  if (databases) rollback.change();
  auto const report = rollback.run_ok(rollback.options());
  auto const text = read_file(rollback.machine.path("openclaw.json"), 1000).value();
  CHECK(text.find("\"then\"") != std::string::npos);
  CHECK(text.find("\"bucket\": \"now\"") != std::string::npos);
  CHECK(says(report, "entry in openclaw.json stays"));
  CHECK(read_file(rollback.machine.path("credentials/whatsapp/creds.json"), 100).value() == "ratchet");
  CHECK(read_file(rollback.machine.path("agents/main/agent/auth-profiles.json"), 100).value() == "token");
}

TEST_CASE("rollback: an openclaw.json that the snapshot does not hold stays") {
  Rollback rollback;
  rollback.machine.remove("openclaw.json");
  rollback.snapshot = rollback.machine.push_ok().snapshot->text;
  rollback.machine.clock.set_wall(system_clock().now() + std::chrono::seconds(120));
  rollback.change();
  rollback.machine.write("openclaw.json", "{now: 1}");
  auto const report = rollback.run_ok(rollback.options());
  CHECK(read_file(rollback.machine.path("openclaw.json"), 100).value() == "{now: 1}");
  CHECK(says(report, "does not hold openclaw.json"));
  CHECK(rollback.sessions(shared) == "3");
}

TEST_CASE(
    "rollback over a damaged database: it is kept in the safety snapshot, from where it can be had back") {
  Rollback rollback;
  rollback.change();
  std::string const damaged = std::string("SQLite format 3\0", 16) + std::string(9000, 'z');
  fs::remove(rollback.machine.path(std::string(shared) + "-wal"));
  rollback.machine.write(shared, damaged);
  auto const report = rollback.run_ok(rollback.options());
  CHECK(rollback.sessions(shared) == "3");
  CHECK(says(report, "state/openclaw.sqlite that was here is damaged"));
  REQUIRE(report.safety);
  RestoreOptions out;
  out.snapshot = report.safety->text;
  out.target = rollback.directory.path() + "/out";
  rollback.run_ok(out);
  CHECK(read_file(out.target + "/" + shared, 1 << 20).value() == damaged);
}

TEST_CASE("databases of a newer OpenClaw than the one here are not restored in place") {
  Rollback rollback(R"({"meta":{"lastTouchedVersion":"2026.9.6"}})");
  rollback.change();
  auto options = rollback.options();
  options.installed_openclaw = [] { return "2026.9.5"; };
  auto const refused = rollback.run(options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().condition == Condition::refused);
  CHECK(refused.error().message.find("2026.9.6") != std::string::npos);
  CHECK(refused.error().message.find("2026.9.5") != std::string::npos);
  options.paths = {"workspace/**"};
  rollback.run_ok(options);
  options.paths.clear();
  SECTION("the same one") {
    options.installed_openclaw = [] { return "2026.9.6"; };
  }
  // An earlier restore may have brought back an older openclaw.json.
  SECTION("this machine had it") {
    options.installed_openclaw = [] { return ""; };
    rollback.machine.write("openclaw.json", R"({"meta":{"lastTouchedVersion":"2026.2.26"}})");
  }
  rollback.run_ok(options);
  CHECK(rollback.sessions(shared) == "3");
}

TEST_CASE("a newer OpenClaw is told by its numbers") {
  CHECK(is_newer_openclaw("2026.10.0", "2026.9.6"));
  CHECK(is_newer_openclaw("2026.9.6.1", "2026.9.6"));
  CHECK(is_newer_openclaw("v2027.1", "2026.12.31-beta.2"));
  for (char const* const other :
       {"2026.9.6", "2026.9.6-beta.1", "2026.9.6+build", "2026.9.6.0", "2026.10.1", "", "main", "2026..7"})
    CHECK_FALSE(is_newer_openclaw("2026.9.6", other));
  CHECK_FALSE(is_newer_openclaw("", "2026.9.6"));
  CHECK_FALSE(is_newer_openclaw("newest", "2026.9.6"));
}

namespace {

// openclaw.json is changed by the restore, not changed by it ("same"), or not in the snapshot at all
// ("absent").
void kill_at_every_step(std::string const& kind, bool undone) {
  int completed = 0;
  for (int stop_at = 1; completed == 0; ++stop_at) {
    Rollback rollback(R"({"v":"then"})", false);
    if (kind == "absent") {
      rollback.machine.remove("openclaw.json");
      rollback.snapshot = rollback.machine.push_ok().snapshot->text;
      rollback.machine.clock.set_wall(system_clock().now() + std::chrono::seconds(120));
    }
    rollback.change();
    if (kind != "same") rollback.machine.write("openclaw.json", R"({"v":"now"})");
    auto options = rollback.options();
    int step = 0;
    bool failing = false;
    options.swap_hook = [&, fails = undone](std::string_view name) -> Result<void> {
      if (++step == stop_at) ::_exit(crashed);
      // The undoing begins where the last file of the set was placed.
      if (fails && !failing && name == "sync what was done") {
        failing = true;
        return make_error(Condition::io, "the disk is gone");
      }
      return {};
    };
    pid_t const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      auto context = rollback.machine.open();
      auto const report = restore(context, options);
      ::_exit(report || undone ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    INFO(kind << ", undone: " << undone << ", stopped at step " << stop_at);
    if (WEXITSTATUS(status) != crashed) {
      REQUIRE(WEXITSTATUS(status) == 0);
      completed = stop_at;
    }
    auto const set = [&] {
      std::string out;
      for (char const* const path : {shared, agent})
        out += fs::exists(rollback.machine.path(path)) ? rollback.sessions(path) : std::string("-");
      return out + read_file(rollback.machine.path("agents/main/sessions/a.jsonl"), 10).value();
    };
    if (fs::exists(rollback.machine.path("openclaw.json"))) {
      auto const seen = set();
      CHECK((seen == "333" || seen == "555"));
    } else if (kind != "absent") {
      // Whoever finishes it finds the store in the copy.
      CHECK(fs::exists(rollback.machine.path("b2backupd/openclaw.json")));
    }
    auto const told = rollback.recover();
    REQUIRE(told);
    auto const whole = set();
    CHECK((whole == "333" || whole == "555"));
    if (completed > 0) CHECK(whole == (undone ? "555" : "333"));
    CHECK_FALSE(fs::exists(rollback.machine.path("b2backupd/openclaw.json")));
    bool const restored = whole == "333" && kind == "changed";
    CHECK(read_file(rollback.machine.path("openclaw.json"), 100).value() ==
          (restored || kind == "same" ? R"({"v":"then"})" : R"({"v":"now"})"));
  }
  CHECK(completed > 10);
}

}  // namespace

TEST_CASE(
    "rollback killed at any step: openclaw.json never lies beside a half-swapped set, and the next job makes "
    "it whole") {
  kill_at_every_step("changed", false);
}
TEST_CASE("rollback killed at any step, openclaw.json being the same then and now") {
  kill_at_every_step("same", false);
}
TEST_CASE("rollback killed at any step, the snapshot without openclaw.json") {
  kill_at_every_step("absent", false);
}
TEST_CASE("rollback killed at any step while it is undone") {
  kill_at_every_step("same", true);
}

TEST_CASE("rollback interrupted, and a gateway runs on the half: no job goes on until it is stopped") {
  Rollback rollback;
  rollback.change();
  auto options = rollback.options();
  options.swap_hook = [&](std::string_view name) -> Result<void> {
    if (name == std::string("place ") + shared) ::_exit(crashed);
    return {};
  };
  pid_t const child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto context = rollback.machine.open();
    (void)restore(context, options);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WEXITSTATUS(status) == crashed);
  CHECK_FALSE(fs::exists(rollback.machine.path("openclaw.json")));
  {
    HelperProcess gateway([&] { return hold_gateway_lock(rollback.machine.config.state_dir); });
    auto const refused = rollback.recover();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().condition == Condition::refused);
    CHECK(refused.error().message.find("half replaced") != std::string::npos);
    CHECK(refused.error().message.find("pid " + std::to_string(gateway.pid())) != std::string::npos);
    auto context = rollback.machine.open();
    CHECK_FALSE(push(context, {}));
  }
  {
    HelperProcess other([&] {
      static std::optional<sqlite::Database> held;
      auto database = sqlite::Database::open(rollback.machine.path(agent), sqlite::OpenMode::read_only);
      if (!database || !database->query_int("SELECT count(*) FROM sessions")) return false;
      held.emplace(std::move(*database));
      return true;
    });
    auto const refused = rollback.recover();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("is open in") != std::string::npos);
  }
  REQUIRE(rollback.recover());
  CHECK(rollback.sessions(shared) == "3");
  CHECK(rollback.sessions(agent) == "3");
  CHECK(fs::exists(rollback.machine.path("openclaw.json")));
}
