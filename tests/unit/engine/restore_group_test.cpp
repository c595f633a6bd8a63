// A restore in several places: all of them go forward or all go back, whatever interrupts it, and a place that is not there is waited for.
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "core/engine/lock.h"
#include "core/engine/restore.h"
#include "core/engine/restore_pointer.h"
#include "tests/unit/engine/push_fixture.h"

using namespace b2b;
using b2b::test::Machine;
namespace fs = std::filesystem;

namespace {

constexpr int crashed = 42;

// A state directory and two workspaces elsewhere; a snapshot of "then", and "now" everywhere.
struct Three {
  TemporaryDirectory directory = TemporaryDirectory::create(fs::exists("/dev/shm") ? "/dev/shm" : "/tmp", "b2b-group-").value();
  Machine machine;
  std::string snapshot;

  explicit Three(std::function<void(std::string const& place)> const& prepare = {}) {
    machine.config.encrypt = false;
    machine.config.state_dir = directory.path() + "/state";
    machine.config.data_dir = directory.path() + "/data";
    for (char const* const name : {"a", "b"}) {
      fs::create_directories(place(name));
      machine.config.roots.push_back({std::string("@workspace-") + name, place(name), "agents", place(name)});
    }
    if (prepare) prepare(place("b"));
    machine.clock.set_wall(system_clock().now() + std::chrono::seconds(30));
    machine.write("openclaw.json", "{}");
    fill("then");
    snapshot = machine.push_ok().snapshot->text;
    machine.clock.set_wall(system_clock().now() + std::chrono::seconds(60));
    fill("now");
  }
  std::string place(std::string const& name) const { return directory.path() + "/places/" + name; }
  void fill(std::string const& content) {
    machine.write("hooks/h.md", content);
    machine.write("hooks/only-" + content + ".md", content);
    for (char const* const name : {"a", "b"}) {
      REQUIRE(atomic_write_file(place(name) + "/SOUL.md", content));
      if (content == "now") fs::remove(place(name) + "/only-then.md");
      REQUIRE(atomic_write_file(place(name) + "/only-" + content + ".md", content));
    }
    if (content == "now") machine.remove("hooks/only-then.md");
  }
  std::string one(std::string const& folder, std::string const& file) const {
    bool const then = fs::exists(folder + "/only-then.md"), now = fs::exists(folder + "/only-now.md");
    auto const text = read_file(folder + "/" + file, 10);
    return (text ? *text : std::string("-")) + (then == now ? "?" : then ? "then " : "now ");
  }
  std::string all() const {
    return one(place("a"), "SOUL.md") + one(place("b"), "SOUL.md") + one(machine.config.state_dir + "/hooks", "h.md");
  }
  // Its exit status.
  int restore_in_a_child(SwapHook const& hook) {
    pid_t const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      RestoreOptions options;
      options.snapshot = snapshot;
      options.confirmed = true;
      options.swap_hook = hook;
      auto context = machine.open();
      auto const report = restore(context, options);
      ::_exit(report ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
  }
  Result<std::vector<std::string>> recover() {
    auto context = machine.open();
    B2B_ASSIGN(DataLock const lock, DataLock::acquire(machine.config.state_dir, "test"));
    return recover_restores(context);
  }
  std::string data_dir() { return machine.open().instance.data_dir; }
  bool nothing_left() {
    for (auto const& entry : fs::recursive_directory_iterator(directory.path()))
      if (entry.path().filename().string().find("restore-") != std::string::npos) return false;
    return list_restore_pointers(data_dir()).value().known.empty();
  }
};

std::string const then = "thenthen thenthen thenthen ", now = "nownow nownow nownow ";

bool any_says(std::vector<std::string> const& told, std::string const& text) {
  return std::any_of(told.begin(), told.end(), [&](std::string const& line) { return line.find(text) != std::string::npos; });
}

// `fails_at`: at this "sync what was done" everything is to be undone; 0: at none.
void kill_at_every_step(int fails_at) {
  int completed = 0;
  for (int stop_at = 1; completed == 0; ++stop_at) {
    Three three;
    int step = 0, synced = 0;
    int const status = three.restore_in_a_child([&](std::string_view name) -> Result<void> {
      if (++step == stop_at) ::_exit(crashed);
      if (name == "sync what was done" && ++synced == fails_at) return make_error(Condition::io, "the disk is gone");
      return {};
    });
    INFO("stopped at step " << stop_at << ", fails at " << fails_at);
    if (status != crashed) {
      REQUIRE(status == (fails_at == 0 ? 0 : 1));
      completed = stop_at;
      CHECK(three.all() == (fails_at == 0 ? then : now));
    }
    auto const told = three.recover();
    REQUIRE(told);
    std::string const whole = three.all();
    CHECK((whole == then || whole == now));
    CHECK(three.nothing_left());
    CHECK(three.recover().value().empty());
  }
  CHECK(completed > 20);
}

}  // namespace

TEST_CASE("restore in three places, killed at every step: all of them go the same way") { kill_at_every_step(0); }

TEST_CASE("restore in three places, one of which fails, killed at every step: all of them go the same way") {
  kill_at_every_step(1);
  kill_at_every_step(2);
  kill_at_every_step(3);
}

TEST_CASE("restore in three places: one whose disk is away after a crash is waited for") {
  auto const is_mounted = [](std::string const& from, std::string const& to, char const* type, unsigned long flags) {
    return ::geteuid() == 0 && ::mount(from.c_str(), to.c_str(), type, flags, nullptr) == 0;
  };
  for (bool const begun : {false, true}) {
    auto const disks = TemporaryDirectory::create("/tmp", "b2b-disks-").value();
    std::string const disk = disks.path();
    if (!is_mounted("tmpfs", disk, "tmpfs", 0)) {
      WARN("skipped: no right to mount file systems here");
      return;
    }
    {
      Three three([&](std::string const& place) { REQUIRE(is_mounted(disk, place, nullptr, MS_BIND)); });
      std::string const place = three.place("b");
      int commits = 0;
      bool reached = false;
      REQUIRE(three.restore_in_a_child([&](std::string_view name) -> Result<void> {
        if (name == "commit" && ++commits == 3) {
          reached = true;
          if (!begun) ::_exit(crashed);
        }
        if (reached && name.starts_with("place ")) ::_exit(crashed);
        return {};
      }) == crashed);
      REQUIRE(::umount(place.c_str()) == 0);
      for (int i = 0; i < 2; ++i) {
        auto const told = three.recover();
        REQUIRE(told);
        CHECK(any_says(*told, "in " + place + " waits for its disk"));
        CHECK(three.one(three.place("a"), "SOUL.md") == "thenthen ");
        CHECK(three.one(three.machine.config.state_dir + "/hooks", "h.md") == "thenthen ");
        CHECK(fs::is_empty(place));
        auto const waited = places_waited_for(three.data_dir());
        REQUIRE(waited.size() == 1);
        CHECK(waited[0].find("in " + place + " it is still to be finished") != std::string::npos);
      }
      REQUIRE(is_mounted(disk, place, nullptr, MS_BIND));
      CHECK(any_says(three.recover().value(), "in " + place + " was finished"));
      CHECK(three.all() == then);
      CHECK(three.nothing_left());
      CHECK(places_waited_for(three.data_dir()).empty());
      REQUIRE(::umount(place.c_str()) == 0);
    }
    REQUIRE(::umount(disk.c_str()) == 0);
  }
}

TEST_CASE("restore: what is written beside the journal comes back, and only what it says") {
  InterruptedRestore const restore{"2026-11-25T00-00-00-000Z-1a2b3c4d", true};
  auto const back = parse_interrupted(interrupted_text(restore));
  CHECK(back.snapshot == restore.snapshot);
  CHECK(back.gateway_ran);
  for (char const* const other : {"", "snapshot ../x\n", "gateway ran", "snapshot\n", "gateway rang\nmore\n"}) {
    CHECK(parse_interrupted(other).snapshot.empty());
    CHECK_FALSE(parse_interrupted(other).gateway_ran);
  }
}

TEST_CASE("restore pointers: come back as they were; what earlier versions wrote is understood, nothing else is") {
  RestorePointer pointer{"0a1b", "/home/a/my state", ".b2backupd-restore-0a1b", "/home", "ffee", RestorePointer::Decision::back};
  std::string const text = format_restore_pointer(pointer);
  CHECK(parse_restore_pointer("0a1b", text) == pointer);
  for (std::size_t length = 0; length < text.size(); ++length) {
    auto const cut = parse_restore_pointer("0a1b", text.substr(0, length));
    CHECK((!cut || (cut->mount.empty() && cut->group.empty())));
  }
  auto const old = parse_restore_pointer("1", "/home/a\nb2backupd/restore-1\n");
  REQUIRE(old);
  CHECK(old->root == "/home/a");
  CHECK_FALSE(is_unmounted(*old));
  for (char const* const bad : {"", "a\nb\n", "/a\n../b\n", "/a\nb\n/\n-\nsideways\n", "/a\nb\nmnt\n-\n-\n", "/a\nb\n/\n\n-\n", "/a\nb\n/\n-\n-\nmore\n"})
    CHECK_FALSE(parse_restore_pointer("1", bad));
}

TEST_CASE("restore pointers: one that is being written is left alone, one that cannot be read is named") {
  TemporaryDirectory const data = TemporaryDirectory::create("/tmp", "b2b-pointers-").value();
  RestorePointer const pointer{"0123456789ab", "/somewhere", "staging", "/", {}, RestorePointer::Decision::none};
  REQUIRE(keep_restore_pointer(data.path(), pointer));
  std::ofstream(data.path() + "/restores/.b2backupd-abcdef.tmp") << "/somewh";
  std::ofstream(data.path() + "/restores/ba9876543210") << "/somewh";
  auto const listed = list_restore_pointers(data.path()).value();
  CHECK(listed.known == std::vector<RestorePointer>{pointer});
  CHECK(listed.unreadable == std::vector<std::string>{"ba9876543210"});
}
