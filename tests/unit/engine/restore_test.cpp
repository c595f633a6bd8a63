// Restores end to end: a machine, a push, changes, and back.
#include "core/engine/restore.h"

#include <algorithm>
#include <csignal>
#include <future>

#include <arpa/inet.h>
#include <boost/json.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/engine/lock.h"
#include "core/engine/restore_pointer.h"
#include "core/engine/restore_site.h"
#include "core/sqlite/sqlite.h"
#include "core/util/unfinished_write.h"
#include "tests/unit/engine/push_fixture.h"

using namespace b2b;
using b2b::test::Machine;
namespace fs = std::filesystem;

namespace {

void use_present_time(Machine& machine, std::chrono::seconds ahead = std::chrono::seconds(30)) {
  machine.clock.set_wall(system_clock().now() + ahead);
}

// Everything below a directory but our own folders: kind, mode, content or link target, time of files.
std::map<std::string, std::string> tree_of(std::string const& root, bool with_times = true) {
  std::map<std::string, std::string> out;
  if (!fs::exists(root)) return out;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator(); ++it) {
    std::string const path = it->path().lexically_relative(root);
    if (path == "b2backupd" || it->path().filename().string().starts_with(".b2backupd-")) {
      it.disable_recursion_pending();
      continue;
    }
    struct stat status {};
    REQUIRE(::lstat(it->path().c_str(), &status) == 0);
    std::string what = std::to_string(status.st_mode & 07777);
    if (S_ISLNK(status.st_mode)) what = "link " + fs::read_symlink(it->path()).string();
    if (S_ISDIR(status.st_mode)) what += " directory";
    if (S_ISREG(status.st_mode)) what += " file " + read_file(it->path(), 16 << 20).value();
    if (with_times && !S_ISDIR(status.st_mode))
      what += " " + std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec);
    out[path] = what;
  }
  return out;
}

std::vector<std::string> leftovers(std::string const& directory) {
  std::vector<std::string> out;
  if (!fs::exists(directory)) return out;
  for (auto const& entry : fs::directory_iterator(directory)) {
    std::string const name = entry.path().filename();
    if (name.find("b2backupd-restore-") != std::string::npos || name.starts_with("restore-"))
      out.push_back(name);
  }
  return out;
}

void make_database(std::string const& path, int rows) {
  fs::create_directories(fs::path(path).parent_path());
  fs::remove(path);
  auto database = sqlite::Database::open(path, sqlite::OpenMode::create).value();
  REQUIRE(database.execute("CREATE TABLE sessions(id INTEGER PRIMARY KEY, body TEXT)"));
  for (int i = 0; i < rows; ++i)
    REQUIRE(database.execute("INSERT INTO sessions(body) VALUES('row " + std::to_string(i) + "')"));
}

std::int64_t rows_in(std::string const& path) {
  auto database = sqlite::Database::open(path, sqlite::OpenMode::read_only).value();
  return database.query_int("SELECT count(*) FROM sessions").value().value();
}

Result<RestoreReport> run(Machine& machine, RestoreOptions const& options, Store* store = nullptr) {
  auto context = machine.open(store);
  return restore(context, options);
}

RestoreReport run_ok(Machine& machine, RestoreOptions const& options) {
  auto report = run(machine, options);
  INFO((report ? std::string() : report.error().text()));
  REQUIRE(report);
  CHECK(leftovers(machine.path("b2backupd")).empty());
  CHECK(leftovers(machine.root()).empty());
  if (!options.target.empty()) CHECK(leftovers(options.target).empty());
  auto const pointers = fs::path(machine.open().instance.data_dir) / "restores";
  CHECK((!fs::exists(pointers) || fs::is_empty(pointers)));
  return *report;
}

// A small file system of its own, as long as it lives.
class Mounted {
 public:
  Mounted(std::string path, char const* options)
      : path_(std::move(path)),
        mounted_(::geteuid() == 0 && ::mount("tmpfs", path_.c_str(), "tmpfs", 0, options) == 0) {}
  Mounted(Mounted const&) = delete;
  Mounted& operator=(Mounted const&) = delete;
  ~Mounted() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  explicit operator bool() const { return mounted_; }

 private:
  std::string const path_;
  bool const mounted_;
};

RestoreOptions to(std::string const& target, std::string const& snapshot = "latest") {
  RestoreOptions options;
  options.snapshot = snapshot;
  options.target = target;
  return options;
}

RestoreOptions in_place(std::string const& snapshot = "latest") {
  RestoreOptions options;
  options.snapshot = snapshot;
  options.confirmed = true;
  return options;
}

// A state directory with something of every kind, without databases.
void furnish(Machine& machine) {
  use_present_time(machine);
  machine.write("workspace/notes.md", "notes");
  machine.write("workspace/deep/er/file.txt", std::string(300'000, 'x'));
  machine.write("workspace/run.sh", "#!/bin/sh\n");
  machine.write("workspace/empty.txt", "");
  fs::permissions(machine.path("workspace/run.sh"), fs::perms(0755));
  fs::create_directories(machine.path("workspace/empty-dir"));
  fs::permissions(machine.path("workspace/empty-dir"), fs::perms(0750));
  fs::create_symlink("/nowhere/at/all", machine.path("workspace/dangling"));
  fs::create_symlink("notes.md", machine.path("workspace/link"));
  fs::create_hard_link(machine.path("workspace/notes.md"), machine.path("workspace/same-notes.md"));
  timespec const times[2] = {{1'600'000'000, 123'456'789}, {1'600'000'000, 123'456'789}};
  REQUIRE(::utimensat(AT_FDCWD, machine.path("workspace/notes.md").c_str(), times, 0) == 0);
  REQUIRE(::utimensat(AT_FDCWD, machine.path("workspace/deep").c_str(), times, 0) == 0);
}

}  // namespace

TEST_CASE("restore to a new directory: everything comes back") {
  Machine machine;
  furnish(machine);
  bool const attributes =
      ::setxattr(machine.path("workspace/notes.md").c_str(), "user.note", "kept", 4, 0) == 0;
  machine.push_ok();
  std::string const target = machine.root() + "/out/here";
  auto const report = run_ok(machine, to(target));
  CHECK(report.failed.empty());
  CHECK(report.restored == 10);
  CHECK(report.unchanged == 0);
  CHECK_FALSE(report.safety);
  CHECK(tree_of(target) == tree_of(machine.config.state_dir));
  CHECK(fs::hard_link_count(target + "/workspace/notes.md") == 2);
  struct stat status {};
  REQUIRE(::stat((target + "/workspace/deep").c_str(), &status) == 0);
  CHECK(status.st_mtim.tv_nsec == 123'456'789);
  if (attributes) {
    char value[16] = {};
    CHECK(::getxattr((target + "/workspace/notes.md").c_str(), "user.note", value, sizeof value) == 4);
  } else {
    WARN("the file system here has no extended attributes");
  }
  // Again: nothing to do.
  auto const again = run_ok(machine, to(target));
  CHECK(again.restored == 0);
  CHECK(again.unchanged == 10);
}

TEST_CASE("restore with --path brings only that, in its place") {
  Machine machine;
  furnish(machine);
  machine.push_ok();
  RestoreOptions options = to(machine.root() + "/out");
  options.paths = {"*.md"};
  run_ok(machine, options);
  auto const tree = tree_of(options.target, false);
  CHECK(tree.contains("workspace/notes.md"));
  CHECK(tree.contains("workspace/same-notes.md"));
  CHECK(tree.contains("workspace/MEMORY.md"));
  CHECK(tree.size() == 4);
  options.paths = {"no/such/thing"};
  options.target = machine.root() + "/other";
  auto const nothing = run(machine, options);
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().condition == Condition::not_found);
  CHECK_FALSE(fs::exists(options.target));
  options.paths = {"["};
  CHECK(run(machine, options).error().condition == Condition::usage);
}

TEST_CASE("FACTS 1.11: rolled back in place: changed, deleted and added files, modes, links, directories") {
  Machine machine;
  furnish(machine);
  auto const snapshot = machine.push_ok().snapshot->text;
  auto const before = tree_of(machine.config.state_dir);
  machine.write("workspace/notes.md", "changed");
  machine.write("workspace/added/new.md", "added");
  machine.write("agents/main/sessions/b.jsonl", "{}\n");
  machine.write("unrelated.txt", "out of scope");
  machine.remove("workspace/deep");
  machine.remove("workspace/link");
  fs::permissions(machine.path("workspace/run.sh"), fs::perms(0600));
  fs::permissions(machine.path("workspace/empty-dir"), fs::perms(0700));
  auto const changed = tree_of(machine.config.state_dir);
  use_present_time(machine, std::chrono::seconds(60));

  SECTION("not without a yes") {
    RestoreOptions options = in_place(snapshot);
    options.confirmed = false;
    auto const refused = run(machine, options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().condition == Condition::refused);
    CHECK(refused.error().advice.find("--yes") != std::string::npos);
    CHECK(tree_of(machine.config.state_dir) == changed);
  }
  SECTION("a dry run tells and changes nothing") {
    RestoreOptions options = in_place(snapshot);
    options.dry_run = true;
    auto const report = run_ok(machine, options);
    CHECK(report.restored == 5);  // both names of the notes, deep/er/file.txt, the link, the mode of run.sh
    CHECK(report.removed == 2);
    CHECK(tree_of(machine.config.state_dir) == changed);
    CHECK_FALSE(fs::exists(machine.path("b2backupd/restore-")));
  }
  SECTION("done") {
    auto const report = run_ok(machine, in_place(snapshot));
    CHECK(report.failed.empty());
    CHECK(report.restored == 5);
    CHECK(report.removed == 2);
    REQUIRE(report.safety);
    CHECK(report.safety->kind == SnapshotKind::safety);
    auto now = tree_of(machine.config.state_dir);
    CHECK(now.erase("unrelated.txt") == 1);  // not ours to touch
    CHECK(now == before);
    REQUIRE_FALSE(report.quarantine.empty());
    CHECK(report.quarantine.starts_with(machine.path("b2backupd/quarantine-")));
    CHECK(tree_of(report.quarantine, false).contains("workspace/added/new.md"));
    CHECK(tree_of(report.quarantine, false).contains("agents/main/sessions/b.jsonl"));
    CHECK_FALSE(
        tree_of(report.quarantine, false).contains("workspace/notes.md"));  // the safety snapshot has it
    CHECK(machine.contents(*report.safety).at("workspace/notes.md") == "changed");
    CHECK(run_ok(machine, in_place(snapshot)).restored == 0);
    // And forward again, from the safety snapshot.
    auto const forward = run_ok(machine, in_place(report.safety->text));
    CHECK(forward.failed.empty());
    CHECK(tree_of(machine.config.state_dir) == changed);
  }
  SECTION("--path never moves anything away") {
    RestoreOptions options = in_place(snapshot);
    options.paths = {"workspace/**"};
    auto const report = run_ok(machine, options);
    CHECK(report.removed == 0);
    CHECK(fs::exists(machine.path("workspace/added/new.md")));
    CHECK(read_file(machine.path("workspace/notes.md"), 100).value() == "notes");
  }
  SECTION("--no-safety") {
    RestoreOptions options = in_place(snapshot);
    options.safety = false;
    CHECK_FALSE(run_ok(machine, options).safety);
    CHECK(read_file(machine.path("workspace/notes.md"), 100).value() == "notes");
  }
  SECTION("FACTS 1.12: without a safety snapshot, no swap") {
    fs::remove_all(fs::path(machine.open().instance.data_dir) / "safety");
    std::ofstream(machine.open().instance.data_dir + "/safety") << "in the way";
    auto const failed = run(machine, in_place(snapshot));
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message.find("safety") != std::string::npos);
    CHECK(tree_of(machine.config.state_dir) == changed);
    CHECK(leftovers(machine.path("b2backupd")).empty());
  }
}

TEST_CASE("restore into an empty or missing state directory needs no yes and no safety") {
  Machine machine;
  furnish(machine);
  machine.push_ok();
  auto const before = tree_of(machine.config.state_dir);
  auto context = machine.open();
  fs::remove_all(machine.config.state_dir);
  SECTION("empty") {
    fs::create_directories(machine.config.state_dir);
  }
  SECTION("missing") {}
  auto const report = restore(context, {});
  REQUIRE(report);
  CHECK_FALSE(report->safety);
  CHECK(tree_of(machine.config.state_dir) == before);
}

TEST_CASE("an unchanged database in place is left alone") {
  Machine machine;
  use_present_time(machine);
  std::string const database = "agents/main/agent/openclaw-agent.sqlite";
  make_database(machine.path(database), 3);
  auto const snapshot = machine.push_ok().snapshot->text;
  machine.write("workspace/MEMORY.md", "changed");
  auto const before = fs::last_write_time(machine.path(database));
  CHECK(run_ok(machine, in_place(snapshot)).failed.empty());
  CHECK(read_file(machine.path("workspace/MEMORY.md"), 100).value() == "# memory\n");
  CHECK(rows_in(machine.path(database)) == 3);
  CHECK(fs::last_write_time(machine.path(database)) == before);
  CHECK_FALSE(fs::exists(machine.path("tmp")));  // no fence was needed
  // One that the snapshot does not hold goes to quarantine.
  make_database(machine.path("agents/main/agent/other.sqlite"), 1);
  auto const report = run_ok(machine, in_place(snapshot));
  CHECK(report.removed == 1);
  CHECK(rows_in(report.quarantine + "/agents/main/agent/other.sqlite") == 1);
}

TEST_CASE("somebody on the gateway's configured port counts as a gateway") {
  Machine machine;
  use_present_time(machine);
  std::string const database = "agents/main/agent/openclaw-agent.sqlite";
  make_database(machine.path(database), 3);
  auto const snapshot = machine.push_ok().snapshot->text;
  machine.remove(database);

  UniqueFd const listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
  std::string const port = std::to_string(ntohs(address.sin_port));
  std::string const configuration = "{gateway: {port: " + port + "}}";
  RestoreOptions options = in_place(snapshot);
  options.paths = {"agents/**"};
  SECTION("in openclaw.json") {
    machine.write("openclaw.json", configuration);
  }
  SECTION("in the file that OPENCLAW_CONFIG_PATH names") {
    machine.config.openclaw_json = machine.root() + "/elsewhere.json";
    std::ofstream(machine.config.openclaw_json) << configuration;
  }
  REQUIRE(::listen(listener.get(), 1) == 0);
  auto const refused = run(machine, options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().condition == Condition::refused);
  CHECK(refused.error().message.find("port " + port) != std::string::npos);
  CHECK_FALSE(fs::exists(machine.path(database)));
  REQUIRE(::shutdown(listener.get(), SHUT_RDWR) == 0);  // it listens no more
  run_ok(machine, options);
  CHECK(rows_in(machine.path(database)) == 3);
}

TEST_CASE("a fresh state directory is restored over, its databases kept aside") {
  Machine machine;
  use_present_time(machine);
  make_database(machine.path("agents/main/agent/openclaw-agent.sqlite"), 3);
  auto const snapshot = machine.push_ok().snapshot->text;
  auto const state = [&](std::string const& name) { return machine.path(name); };
  // As `openclaw plugins install` leaves it.
  fs::remove_all(machine.config.state_dir);
  machine.write("openclaw.json", "{ plugins: {} }");
  machine.write("openclaw.json.bak", "{}");
  machine.write("config-journal-fingerprint.key", "key");
  fs::create_directories(state("state"));
  {
    auto database = sqlite::Database::open(state("state/openclaw.sqlite"), sqlite::OpenMode::create).value();
    REQUIRE(
        database.execute("CREATE TABLE config_machine_state(key TEXT, value TEXT); CREATE TABLE sessions(id);"
                         "INSERT INTO config_machine_state VALUES('a','b')"));
  }
  make_database(state("agents/main/agent/openclaw-agent.sqlite"), 0);
  use_present_time(machine, std::chrono::seconds(60));
  SECTION("fresh") {
    // What an earlier owner of the database left must not be replayed into the new one (FACTS 1.5).
    machine.write("agents/main/agent/openclaw-agent.sqlite-wal", "");
    auto const report = run_ok(machine, in_place(snapshot));
    CHECK(report.failed.empty());
    CHECK(report.safety);
    CHECK(rows_in(state("agents/main/agent/openclaw-agent.sqlite")) == 3);
    CHECK(read_file(state("openclaw.json"), 100).value() == "{}");
    CHECK_FALSE(fs::exists(state("agents/main/agent/openclaw-agent.sqlite-wal")));
    REQUIRE_FALSE(report.quarantine.empty());
    CHECK(fs::exists(report.quarantine + "/agents/main/agent/openclaw-agent.sqlite"));
    CHECK(fs::exists(report.quarantine + "/state/openclaw.sqlite"));
  }
  SECTION("somebody has a database open") {
    int ready[2] = {};
    REQUIRE(::pipe(ready) == 0);
    pid_t const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      int const fd = ::open(state("agents/main/agent/openclaw-agent.sqlite").c_str(), O_RDONLY);
      char const byte = fd >= 0 ? 'y' : 'n';
      if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
      ::pause();
      ::_exit(0);
    }
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    auto const refused = run(machine, in_place(snapshot));
    REQUIRE(::kill(child, SIGKILL) == 0);
    ::close(ready[0]);
    ::close(ready[1]);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().condition == Condition::refused);
    CHECK(refused.error().message.find(std::to_string(child)) != std::string::npos);
  }
}

TEST_CASE("restore into a directory that holds other things keeps what it replaces") {
  Machine machine;
  furnish(machine);
  make_database(machine.path("memory/m.sqlite"), 2);
  auto const snapshot = machine.push_ok().snapshot->text;
  std::string const target = machine.root() + "/there";
  auto const put = [&](std::string const& path, std::string const& content) {
    fs::create_directories(fs::path(target + "/" + path).parent_path());
    std::ofstream(target + "/" + path) << content;
  };
  put("mine.txt", "mine");
  put("workspace/notes.md", "mine, too");
  put("workspace/deep", "a file where a directory belongs");
  put("workspace/run.sh/inside", "a directory where a file belongs");
  make_database(target + "/memory/m.sqlite", 9);
  put("memory/m.sqlite-wal", "stale");
  put("memory/m.sqlite-shm", "stale");
  auto const before = tree_of(target);
  RestoreOptions options = to(target, snapshot);
  CHECK(run(machine, options).error().condition == Condition::refused);
  CHECK(tree_of(target) == before);
  options.confirmed = true;
  auto const report = run_ok(machine, options);
  CHECK(report.failed.empty());
  CHECK(report.removed == 0);
  CHECK_FALSE(report.safety);
  auto now = tree_of(target);
  CHECK(now.erase("mine.txt") == 1);
  CHECK(now.size() == tree_of(machine.config.state_dir).size());
  CHECK(rows_in(target + "/memory/m.sqlite") == 2);
  CHECK_FALSE(fs::exists(target + "/memory/m.sqlite-wal"));
  REQUIRE(report.replaced.starts_with(target + "/.b2backupd-replaced-"));
  auto const kept = tree_of(report.replaced, false);
  CHECK(kept.contains("workspace/notes.md"));
  CHECK(kept.contains("workspace/deep"));
  CHECK(kept.contains("workspace/run.sh/inside"));
  CHECK(kept.contains("memory/m.sqlite"));
  CHECK(kept.contains("memory/m.sqlite-wal"));
  auto const again = run_ok(machine, options);
  CHECK(again.restored == 0);
  CHECK(again.replaced.empty());
}

TEST_CASE("nothing is written through a symbolic link at the target") {
  Machine machine;
  use_present_time(machine);
  machine.push_ok();
  std::string const outside = machine.root() + "/outside";
  std::string const target = machine.root() + "/there";
  fs::create_directories(outside);
  fs::create_directories(target);
  fs::create_symlink(outside, target + "/workspace");
  RestoreOptions options = to(target);
  options.paths = {"workspace/MEMORY.md", "openclaw.json"};
  options.confirmed = true;
  auto const report = run_ok(machine, options);
  REQUIRE(report.failed.size() == 1);
  CHECK(report.failed.front().path == "workspace/MEMORY.md");
  CHECK(report.failed.front().error.find("symbolic link") != std::string::npos);
  CHECK(report.restored == 1);
  CHECK(fs::is_empty(outside));
}

TEST_CASE("in place a link where a directory was is set aside, and comes back with the safety snapshot") {
  Machine machine;
  furnish(machine);
  auto const snapshot = machine.push_ok().snapshot->text;
  auto const before = tree_of(machine.config.state_dir);
  std::string const outside = machine.root() + "/outside";
  fs::create_directories(outside + "/er");
  std::ofstream(outside + "/er/file.txt") << "precious";
  machine.remove("workspace/deep");
  fs::create_symlink(outside, machine.path("workspace/deep"));
  auto const linked = tree_of(machine.config.state_dir);
  use_present_time(machine, std::chrono::seconds(60));

  RestoreOptions look = in_place(snapshot);
  look.dry_run = true;
  CHECK(run_ok(machine, look).failed.empty());
  auto const report = run_ok(machine, in_place(snapshot));
  CHECK(report.failed.empty());
  CHECK(tree_of(machine.config.state_dir) == before);
  REQUIRE_FALSE(report.quarantine.empty());
  CHECK(fs::read_symlink(report.quarantine + "/workspace/deep") == outside);
  CHECK(read_file(outside + "/er/file.txt", 100).value() == "precious");
  REQUIRE(report.safety);

  use_present_time(machine, std::chrono::seconds(90));
  CHECK(run_ok(machine, in_place(report.safety->text)).failed.empty());
  CHECK(tree_of(machine.config.state_dir, false).at("workspace/deep") == linked.at("workspace/deep").substr(0, linked.at("workspace/deep").rfind(' ')));
  CHECK(read_file(outside + "/er/file.txt", 100).value() == "precious");
  // And the directory once more, over the link that a restore made.
  use_present_time(machine, std::chrono::seconds(120));
  CHECK(run_ok(machine, in_place(snapshot)).failed.empty());
  CHECK(tree_of(machine.config.state_dir) == before);
}

TEST_CASE("a name as long as the file system takes is restored over itself") {
  Machine machine;
  use_present_time(machine);
  std::string const name = "workspace/" + std::string(255, 'n');
  machine.write(name, "as it was");
  machine.push_ok();
  machine.write(name, "otherwise");
  auto const report = run_ok(machine, in_place());
  CHECK(report.failed.empty());
  CHECK(read_file(machine.path(name), 100).value() == "as it was");
}

TEST_CASE("a damaged database comes back with a note that names it") {
  Machine machine;
  use_present_time(machine);
  machine.write("workspace/broken.sqlite", std::string("SQLite format 3\0", 16) + std::string(5000, 'z'));
  auto const pushed = machine.push_ok();
  CHECK_FALSE(pushed.complete);
  auto const report = run_ok(machine, to(machine.root() + "/there", pushed.snapshot->text));
  CHECK(std::any_of(report.notes.begin(), report.notes.end(), [](std::string const& note) {
    return note.find("workspace/broken.sqlite was a damaged database already") != std::string::npos;
  }));
  // Nothing else is there, so "latest" says which one could be named.
  auto const latest = run(machine, to(machine.root() + "/elsewhere"));
  REQUIRE_FALSE(latest);
  CHECK(latest.error().condition == Condition::not_found);
  CHECK(latest.error().advice.find(pushed.snapshot->text) != std::string::npos);
  CHECK(latest.error().message.find("incomplete") != std::string::npos);
}

TEST_CASE("latest is this machine's own where others share the prefix") {
  Machine machine;
  use_present_time(machine);
  auto const own = machine.push_ok().snapshot->text;
  auto const here = machine.config;
  machine.config.state_dir = machine.root() + "/other-state";
  machine.config.data_dir = machine.root() + "/other-data";
  fs::create_directories(machine.config.state_dir);
  machine.write("openclaw.json", "{\"other\":true}");
  use_present_time(machine, std::chrono::seconds(60));
  auto const other = machine.push_ok().snapshot->text;
  CHECK(run_ok(machine, to(machine.root() + "/a")).snapshot.text == other);
  machine.config = here;
  auto const report = run_ok(machine, to(machine.root() + "/b"));
  CHECK(report.snapshot.text == own);
  CHECK(std::any_of(report.notes.begin(), report.notes.end(),
                    [&](std::string const& note) { return note.find(other) != std::string::npos; }));
  machine.write("openclaw.json", "changed");
  RestoreOptions options = in_place(other);
  options.confirmed = false;
  auto const refused = run(machine, options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("of another place: " + machine.root() + "/other-state") != std::string::npos);
  // A machine that has none of its own takes what is there.
  machine.config.state_dir = machine.root() + "/new-state";
  machine.config.data_dir = machine.root() + "/new-data";
  CHECK(run_ok(machine, to(machine.root() + "/c")).snapshot.text == other);
}

TEST_CASE("a link in the place of our own folder, and a pipe in the place of the configuration") {
  Machine machine;
  use_present_time(machine);
  std::string const elsewhere = machine.root() + "/elsewhere";
  fs::create_directories(elsewhere);
  fs::create_symlink(elsewhere, machine.path("b2backupd"));
  auto context = machine.open();
  auto const planted = push(context, {});
  REQUIRE_FALSE(planted);
  CHECK(planted.error().condition == Condition::refused);
  CHECK(planted.error().message.find("b2backupd is not a directory of its own") != std::string::npos);
  CHECK(fs::is_empty(elsewhere));
  fs::remove(machine.path("b2backupd"));

  machine.remove("openclaw.json");
  REQUIRE(::mkfifo(machine.path("openclaw.json").c_str(), 0600) == 0);
  CHECK(machine.push_ok().snapshot);  // and does not wait for somebody to write into it
  CHECK(read_file(machine.path("openclaw.json"), 10).error().condition == Condition::unsupported);
}

TEST_CASE("targets that make no sense are refused") {
  Machine machine;
  use_present_time(machine);
  machine.push_ok();
  CHECK(run(machine, to(machine.path("workspace/restored"))).error().condition == Condition::refused);
  CHECK(run(machine, to(machine.path("openclaw.json"))).error().condition == Condition::refused);
  CHECK(run(machine, to(machine.open().instance.data_dir + "/x")).error().condition == Condition::refused);
  std::ofstream(machine.root() + "/file") << "x";
  CHECK(run(machine, to(machine.root() + "/file")).error().condition == Condition::refused);
  fs::create_symlink(machine.root() + "/nowhere", machine.root() + "/dangling");
  CHECK(run(machine, to(machine.root() + "/dangling")).error().condition == Condition::refused);
  // The state directory by another name is the state directory.
  fs::create_symlink(machine.config.state_dir, machine.root() + "/alias");
  machine.write("openclaw.json", "changed");
  RestoreOptions options = to(machine.root() + "/alias");
  CHECK(run(machine, options).error().condition == Condition::refused);
  options.confirmed = true;
  CHECK(run_ok(machine, options).safety);
}

TEST_CASE("FACTS 1.6: a body that is lost is named, the rest comes back") {
  Machine machine;
  furnish(machine);
  auto const snapshot = *machine.push_ok().snapshot;
  std::string const folder = layout::snapshot_prefix(machine.config.prefix, snapshot);
  REQUIRE(remove_all(*machine.memory, folder + "workspace/run.sh", {}));
  SECTION("to a new directory") {
    auto const report = run_ok(machine, to(machine.root() + "/out"));
    REQUIRE(report.failed.size() == 1);
    CHECK(report.failed.front().path == "workspace/run.sh");
    CHECK(report.restored == 9);
    CHECK_FALSE(fs::exists(machine.root() + "/out/workspace/run.sh"));
  }
  SECTION("in place what is there stays") {
    machine.write("workspace/run.sh", "mine");
    machine.write("workspace/notes.md", "mine");
    auto const report = run_ok(machine, in_place(snapshot.text));
    REQUIRE(report.failed.size() == 1);
    CHECK(read_file(machine.path("workspace/run.sh"), 100).value() == "mine");
    CHECK(read_file(machine.path("workspace/notes.md"), 100).value() == "notes");
  }
}

TEST_CASE("when nothing can be fetched, nothing changes") {
  Machine machine;
  furnish(machine);
  auto const snapshot = *machine.push_ok().snapshot;
  std::string const target = machine.root() + "/out";
  SECTION("every body is gone") {
    for (std::string const& key : machine.keys(layout::snapshot_prefix(machine.config.prefix, snapshot)))
      if (!key.ends_with("manifest.json")) REQUIRE(remove_all(*machine.memory, key, {}));
    auto const failed = run(machine, to(target));
    REQUIRE_FALSE(failed);
    CHECK(failed.error().condition == Condition::not_found);
  }
  SECTION("another passphrase") {
    machine.config.encryption_key = Secret("wrong");
    auto const failed = run(machine, to(target, snapshot.text));
    REQUIRE_FALSE(failed);
    CHECK(exit_code_of(failed.error().condition) == 77);
  }
  SECTION("stopped by the person") {
    std::stop_source stop;
    auto context = machine.open();
    context.stop = stop.get_token();
    stop.request_stop();
    auto const failed = restore(context, to(target));
    REQUIRE_FALSE(failed);
    CHECK(failed.error().condition == Condition::cancelled);
  }
  CHECK_FALSE(fs::exists(target));
  CHECK(leftovers(machine.root()).empty());
}

TEST_CASE("another job at work is waited for, but not for ever") {
  Machine machine;
  use_present_time(machine);
  machine.push_ok();
  std::optional<DataLock> lock = DataLock::acquire(machine.config.state_dir, "a test").value();
  machine.write("openclaw.json", "changed");
  run_ok(machine, to(machine.root() + "/out"));  // a foreign target needs no lock
  bool const goes_on = GENERATE(false, true);
  auto context = machine.open();
  auto restored = std::async(std::launch::async, [&] { return restore(context, in_place()); });
  while (context.progress->phase.load() != std::string_view("waiting for another job") &&
         restored.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
  }
  if (!goes_on) lock.reset();
  while (restored.wait_for(std::chrono::milliseconds(10)) != std::future_status::ready)
    if (goes_on) machine.clock.advance(std::chrono::minutes(5));
  auto const report = restored.get();
  CHECK(report.has_value() == !goes_on);
  if (goes_on) CHECK(report.error().condition == Condition::busy);
}

TEST_CASE("what an interrupted restore left is cleared up by the next job") {
  Machine machine;
  use_present_time(machine);
  machine.push_ok();
  auto context = machine.open();
  std::string const foreign = machine.root() + "/there";
  fs::create_directories(foreign);
  for (std::string const& target : {std::string(), foreign, machine.root() + "/fresh"}) {
    for (bool const committed : {false, true}) {
      INFO((target.empty() ? "in place" : target) << (committed ? ", committed" : ""));
      auto site = choose_site(context, target).value();
      {
        auto folder = make_folders(context, site, {}).value();
        std::ofstream(site.tree->absolute(site.staging) + "/new/1") << "new";
        if (committed && site.kind != RestoreSite::Kind::fresh) {
          auto journal = folder.begin_journal().value();
          SwapOperation place;
          place.kind = SwapOperation::Kind::place;
          place.path = "placed.txt";
          place.other = site.staging + "/new/1";
          REQUIRE(journal.add(place));
          REQUIRE(folder.commit(journal));
        }
      }  // its process is gone: the lock with it
      auto const told = recover_restores(context);
      REQUIRE(told);
      REQUIRE(told->size() == 1);
      CHECK_FALSE(site.tree->status(site.staging).value());
      CHECK(leftovers(machine.root()).empty());
      if (site.kind != RestoreSite::Kind::fresh)
        CHECK(site.tree->status("placed.txt").value().has_value() == committed);
      CHECK(recover_restores(context).value().empty());
    }
  }
}

TEST_CASE("the half-written note of a killed restore is cleared away") {
  Machine machine;
  auto context = machine.open();
  std::string const folder = restore_pointers_folder(context.instance.data_dir);
  REQUIRE(make_directories(folder));
  auto held = begin_write(folder);  // of a restore that is at work just now
  REQUIRE(held);
  REQUIRE(begin_write(folder));     // its process is gone
  REQUIRE(recover_restores(context).value().empty());
  std::vector<std::string> left;
  for (auto const& entry : fs::directory_iterator(folder)) left.push_back(entry.path().string());
  CHECK(left == std::vector<std::string>{held->path});
}

TEST_CASE("the disks of the target: several, and full ones") {
  Machine machine;
  furnish(machine);
  machine.write("workspace/big.bin", std::string(3 << 20, 'b'));
  auto const snapshot = machine.push_ok().snapshot->text;
  auto const before = tree_of(machine.config.state_dir);
  SECTION("no room: said before anything is fetched") {
    std::string const small = machine.root() + "/small";
    fs::create_directories(small);
    Mounted const disk(small, "size=1m");
    if (!disk) {
      WARN("skipped: no right to mount file systems here");
      return;
    }
    for (std::string const& target : {small + "/out", small}) {
      auto const failed = run(machine, to(target, snapshot));
      REQUIRE_FALSE(failed);
      CHECK(failed.error().condition == Condition::no_space);
      CHECK(failed.error().message.find(small) != std::string::npos);
      CHECK(fs::is_empty(small));
    }
  }
  SECTION("a part of the state directory on a file system of its own") {
    machine.remove("workspace");
    machine.remove("openclaw.json");
    fs::create_directories(machine.path("workspace"));
    Mounted const disk(machine.path("workspace"), "size=32m,mode=0755");
    if (!disk) {
      WARN("skipped: no right to mount file systems here");
      return;
    }
    machine.write("workspace/notes.md", "other");
    machine.write("workspace/extra.md", "extra");
    auto const report = run_ok(machine, in_place(snapshot));
    CHECK(report.failed.empty());
    CHECK(report.removed == 1);
    CHECK(tree_of(machine.config.state_dir) == before);
    CHECK(report.quarantine.starts_with(machine.path("workspace/.b2backupd-quarantine-")));
    CHECK(fs::exists(report.quarantine + "/workspace/extra.md"));
    // Neither the staging folder nor the quarantine is part of any snapshot.
    REQUIRE(report.safety);
    for (auto const& [path, content] : machine.contents(*report.safety))
      CHECK(path.find(".b2backupd-") == std::string::npos);
    CHECK(leftovers(machine.path("workspace")).empty());
  }
}

TEST_CASE("manifests of others: bad paths are refused by name, labels stay, in place only what fits") {
  Machine machine;
  use_present_time(machine);
  machine.config.encrypt = false;
  std::string const id = "2026-02-19T00-00-00Z";
  std::string const folder = machine.config.prefix + "/" + id + "/";
  std::string files;
  auto const add = [&](std::string const& path, std::string const& body, bool store = true) {
    files += (files.empty() ? "" : ",") + std::string("\"") + path + "\":{\"hash\":\"" +
             to_hex(sha256(body)) + "\",\"size\":" + std::to_string(body.size()) + "}";
    if (store) REQUIRE(machine.memory->put(folder + path, MemorySource(body), {}));
  };
  auto const commit = [&] {
    REQUIRE(machine.memory->put(
        folder + "manifest.json",
        MemorySource("{\"version\":1,\"timestamp\":\"2026-02-19T00:00:00.000Z\",\"files\":{" + files + "}}"),
        {}));
  };
  std::string const target = machine.root() + "/a/b/out";
  SECTION("paths that lead out") {
    add("good.txt", "good");
    add("../evil.txt", "evil", false);
    add("/tmp/b2b-evil.txt", "evil", false);
    add("a/../../evil.txt", "evil", false);
    commit();
    auto const report = run_ok(machine, to(target, id));
    CHECK(report.restored == 1);
    CHECK(report.failed.size() == 3);
    CHECK(tree_of(machine.root() + "/a", false).size() == 3);  // b, b/out, b/out/good.txt
    CHECK_FALSE(fs::exists("/tmp/b2b-evil.txt"));
  }
  SECTION("a label before every path") {
    add("data/openclaw.json", "{}");
    add("data/workspace/a.md", "a");
    commit();
    run_ok(machine, to(target, id));
    CHECK(tree_of(target, false).contains("data/workspace/a.md"));
    auto const refused = run(machine, in_place(id));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().condition == Condition::refused);
    CHECK(refused.error().message.find("data/openclaw.json") != std::string::npos);
  }
  SECTION("the plugin's scope decides what goes; modes stay") {
    add("openclaw.json", "{}");
    add("workspace/MEMORY.md", "from the plugin");
    commit();
    fs::permissions(machine.path("workspace/MEMORY.md"), fs::perms(0640));
    machine.write("workspace/later.md", "later");
    machine.write("skills/mine/SKILL.md", "not in the plugin's scope");
    fs::create_directories(machine.path("workspace/empty"));
    auto const report = run_ok(machine, in_place(id));
    CHECK(report.removed == 2);  // later.md and the transcript
    CHECK(read_file(machine.path("workspace/MEMORY.md"), 100).value() == "from the plugin");
    CHECK((fs::status(machine.path("workspace/MEMORY.md")).permissions() & fs::perms(0777)) ==
          fs::perms(0640));
    CHECK(fs::exists(machine.path("skills/mine/SKILL.md")));
    CHECK(fs::exists(machine.path("workspace/empty")));  // the plugin knows no directories
    CHECK_FALSE(fs::exists(machine.path("workspace/later.md")));
  }
}

namespace {

// The objects of a set of fixtures, laid out as keys below `directory`, in the machine's bucket.
void load_objects(Machine& machine, std::string const& directory) {
  for (auto const& file : fs::recursive_directory_iterator(directory)) {
    if (!file.is_regular_file()) continue;
    MemorySource const body(read_file(file.path(), 64 << 20).value());
    REQUIRE(machine.memory->put(file.path().lexically_relative(directory), body, {}));
  }
}

// path → SHA-256 of the files that a snapshot leaves at a new target.
std::map<std::string, std::string> restored_hashes(Machine& machine, std::string const& id) {
  RestoreOptions const options = to(machine.root() + "/out-" + id, id);
  auto const report = run_ok(machine, options);
  CHECK(report.failed.empty());
  std::map<std::string, std::string> out;
  for (auto const& file : fs::recursive_directory_iterator(options.target)) {
    if (file.is_regular_file())
      out[file.path().lexically_relative(options.target)] =
          to_hex(sha256(read_file(file.path(), 64 << 20).value()));
  }
  return out;
}

}  // namespace

TEST_CASE("every snapshot of the plugin family's fixtures is restored byte for byte") {
  B2B_REQUIRE_SHARED(shared);
  std::string const root = shared + "/fixtures/plugin-layout";
  auto const parsed = [](std::string const& path) {
    return boost::json::parse(read_file(path, 64 << 20).value());
  };
  auto const index = parsed(root + "/index.json");
  for (std::string const set : {"encrypted", "plain"}) {
    Machine machine;
    machine.config.encryption_key = Secret("K004fixture-application-key");
    machine.config.encrypt = set == "encrypted";
    load_objects(machine, root + "/" + set + "/objects");
    auto const& objects = index.at("sets").at(set).at("objects").as_object();
    for (auto const& id : index.at("sets").at(set).at("snapshots").as_array()) {
      std::string const text(id.as_string());
      INFO(set << " " << text);
      std::map<std::string, std::string> wanted;
      std::string const folder = "openclaw-backup/" + text + "/";
      for (auto const& [key, value] : objects) {
        std::string const name(key);
        if (!name.starts_with(folder) || name == folder + "manifest.json") continue;
        auto const* plain = value.as_object().if_contains("plainSha256");
        wanted[name.substr(folder.size())] =
            std::string((plain != nullptr ? *plain : value.at("sha256")).as_string());
      }
      CHECK(wanted.size() > 10);
      CHECK(restored_hashes(machine, text) == wanted);
    }
  }
}

TEST_CASE("FACTS 1.1: the plugin's incremental snapshots are restored whole") {
  B2B_REQUIRE_SHARED(shared);
  std::string const root = shared + "/fixtures/plugin-layout/plugin-incremental";
  Machine machine;
  machine.config.encryption_key = Secret("K004fixture-application-key");
  load_objects(machine, root + "/objects");
  auto const index = boost::json::parse(read_file(root + "/index.json", 64 << 20).value());
  auto const& ids = index.at("snapshots").as_array();
  REQUIRE(ids.size() == 3);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    std::map<std::string, std::string> wanted;
    for (auto const& [path, file] : index.at("wanted").at(std::to_string(i + 1)).as_object())
      wanted[std::string(path)] = std::string(file.at("hash").as_string());
    CHECK(restored_hashes(machine, std::string(ids[i].as_string())) == wanted);
  }
}
