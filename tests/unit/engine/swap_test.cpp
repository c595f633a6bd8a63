// The swap, stopped at every step and failing at every step: whatever happens, the tree is old or new as a
// whole.
#include "core/engine/swap.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/util/file.h"
#include "tests/support/catch.h"

using namespace b2b;
using Kind = SwapOperation::Kind;

namespace {

namespace fs = std::filesystem;

std::string const staging = "b2backupd/restore-1234";
constexpr int crashed = 42;

void write(std::string const& path, std::string const& content) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

// What is there, without our own folder: path → kind, mode, content or link target.
std::map<std::string, std::string> fingerprint(std::string const& root) {
  std::map<std::string, std::string> out;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator(); ++it) {
    std::string const path = it->path().lexically_relative(root);
    if (path == "b2backupd") {
      it.disable_recursion_pending();
      continue;
    }
    struct stat status {};
    REQUIRE(::lstat(it->path().c_str(), &status) == 0);
    std::string what = std::to_string(status.st_mode & 07777);
    if (S_ISLNK(status.st_mode)) what = "link " + fs::read_symlink(it->path()).string();
    if (S_ISREG(status.st_mode)) {
      what += " file " + read_file(it->path(), 1 << 20).value();
      if (path == "meta.txt")
        what += " " + std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec);
    }
    if (S_ISDIR(status.st_mode)) what += " directory";
    out[path] = what;
  }
  return out;
}

// One tree with something for every kind of operation, staged and ready to commit.
class Scenario {
 public:
  // In memory where possible: thousands of trees are made, and each is synced several times.
  Scenario()
      : directory_(
            TemporaryDirectory::create(fs::exists("/dev/shm") ? "/dev/shm" : "/tmp", "b2b-swap-").value()) {
    write(root() + "/a.txt", "old a");
    fs::permissions(root() + "/a.txt", fs::perms(0640));
    write(root() + "/db.sqlite", "old database");
    write(root() + "/db.sqlite-wal", "old wal");
    write(root() + "/extra.txt", "not in the snapshot");
    write(root() + "/dir_to_file/inside.txt", "inside");
    write(root() + "/file_to_dir", "was a file");
    write(root() + "/meta.txt", "same");
    write(root() + "/gone/only.txt", "only");
    write(root() + "/stays/only.txt", "only");
    write(root() + "/stays/other.txt", "out of scope");
    fs::create_symlink("a.txt", root() + "/link");
    timespec const times[2] = {{1'650'000'000, 987'654'321}, {1'650'000'000, 987'654'321}};
    REQUIRE(::utimensat(AT_FDCWD, (root() + "/meta.txt").c_str(), times, 0) == 0);
    before_ = metadata("meta.txt");
    tree_ = std::make_unique<TargetTree>(TargetTree::open(root()).value());
    fs::create_directory(root() + "/b2backupd");
  }
  std::string const& root() const { return directory_.path(); }
  std::string staged(std::string const& name) const { return root() + "/" + staging + "/" + name; }
  TargetTree const& tree() const { return *tree_; }

  NodeMetadata metadata(std::string const& path) const {
    struct stat status {};
    REQUIRE(::lstat((root() + "/" + path).c_str(), &status) == 0);
    NodeMetadata out;
    out.mode = status.st_mode & 07777;
    out.mtime_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
    return out;
  }

  // Everything up to the end, as a restore does it; `hook` sees each step.
  Result<SwapOutcome> go(SwapHook const& hook) {
    B2B_ASSIGN(SwapFolder folder, SwapFolder::create(tree(), staging, {}));
    write(staged("new/1"), "new a");
    write(staged("new/2"), "new database");
    write(staged("new/3"), "now a file");
    write(staged("new/4"), "below");
    write(staged("new/5"), "brand new");
    fs::create_symlink("elsewhere", staged("new/6"));
    fs::create_directories(staged("old"));
    fs::create_directories(staged("keep/gone"));
    fs::create_directories(staged("keep/stays"));
    fs::create_directories(staged("keep2"));
    B2B_ASSIGN(SwapJournalWriter journal, folder.begin_journal());
    for (SwapOperation const& operation : operations())
      B2B_TRY(journal.add(operation));
    B2B_TRY(folder.commit(journal, hook));
    auto outcome = folder.run(hook);
    if (!outcome) return outcome;
    B2B_TRY(folder.remove(hook));
    return outcome;
  }

  // What the next job does. Returns whether there was something to finish.
  Result<std::optional<SwapOutcome>> recover(SwapHook const& hook) const {
    B2B_ASSIGN(auto folder, SwapFolder::adopt(tree(), staging));
    std::optional<SwapOutcome> outcome;
    if (!folder) return outcome;
    if (folder->committed()) {
      B2B_ASSIGN(outcome, folder->run(hook));
    }
    B2B_TRY(folder->remove(hook));
    return outcome;
  }

  std::vector<SwapOperation> operations() const {
    std::string const s = staging + "/";
    NodeMetadata after;
    after.mode = 0600;
    after.mtime_ns = 1'700'000'000'123'456'789;
    NodeMetadata directory;
    directory.mode = 0750;
    NodeMetadata gone;
    gone.mode = 0755;
    return {
        {Kind::move, "db.sqlite-wal", s + "keep/db.sqlite-wal", "", {}, {}},
        {Kind::move, "dir_to_file", s + "keep/dir_to_file", "", {}, {}},
        {Kind::move, "extra.txt", s + "keep2/extra.txt", "", {}, {}},
        {Kind::move, "file_to_dir", s + "keep/file_to_dir", "", {}, {}},
        {Kind::move, "gone/only.txt", s + "keep/gone/only.txt", "", {}, {}},
        {Kind::move, "stays/only.txt", s + "keep/stays/only.txt", "", {}, {}},
        {Kind::make_directory, "file_to_dir", "", "", {}, {}},
        {Kind::make_directory, "fresh", "", "", {}, {}},
        {Kind::make_directory, "fresh/deep", "", "", {}, {}},
        {Kind::place, "a.txt", s + "new/1", s + "old/1", {}, {}},
        {Kind::place, "db.sqlite", s + "new/2", s + "keep/db.sqlite", {}, {}},
        {Kind::place, "dir_to_file", s + "new/3", "", {}, {}},
        {Kind::place, "file_to_dir/below", s + "new/4", "", {}, {}},
        {Kind::place, "fresh/deep/n.txt", s + "new/5", "", {}, {}},
        {Kind::place, "link", s + "new/6", s + "old/6", {}, {}},
        {Kind::metadata, "meta.txt", "", "", before_, after},
        {Kind::remove_directory, "stays", "", "", gone, {}},
        {Kind::remove_directory, "gone", "", "", gone, {}},
        {Kind::metadata, "fresh/deep", "", "", {}, directory},
        {Kind::metadata, "fresh", "", "", {}, directory},
        {Kind::publish, s + "keep", "b2backupd/quarantine-1", "", {}, {}},
        {Kind::publish, s + "keep2", "b2backupd/quarantine-2", "", {}, {}},
    };
  }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<TargetTree> tree_;
  NodeMetadata before_;
};

// Dies at step `last`, as with kill -9.
SwapHook dies_at(int last) {
  auto count = std::make_shared<int>(0);
  return [count, last](std::string_view) -> Result<void> {
    if (++*count == last) ::_exit(crashed);
    return {};
  };
}

// Runs `body` in a process of its own; true: it died at its step.
template <class Body>
bool dies(Body const& body) {
  pid_t const child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE((WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == crashed));
  return WEXITSTATUS(status) == crashed;
}

struct States {
  std::map<std::string, std::string> before, after;
  int steps = 0;
};

States states() {
  States out;
  Scenario scenario;
  out.before = fingerprint(scenario.root());
  auto const outcome = scenario.go([&](std::string_view) -> Result<void> {
    ++out.steps;
    return {};
  });
  REQUIRE(outcome);
  CHECK_FALSE(outcome->undone);
  out.after = fingerprint(scenario.root());
  return out;
}

// What differs, one line each, for the reader of a failure.
std::string difference(std::map<std::string, std::string> const& now,
                       std::map<std::string, std::string> const& wanted) {
  std::string out;
  for (auto const& [path, what] : now)
    if (!wanted.contains(path) || wanted.at(path) != what) out += "\n  is: " + path + ": " + what;
  for (auto const& [path, what] : wanted)
    if (!now.contains(path) || now.at(path) != what) out += "\n  wanted: " + path + ": " + what;
  return out;
}

// After everything was cleared up.
void check_is_whole(Scenario const& scenario, States const& known, std::string const& when) {
  INFO(when);
  auto const now = fingerprint(scenario.root());
  bool const whole = now == known.before || now == known.after;
  INFO("to the old state:" << difference(now, known.before)
                           << "\nto the new:" << difference(now, known.after));
  CHECK(whole);
  CHECK_FALSE(fs::exists(scenario.root() + "/" + staging));
  for (char const* const kept : {"quarantine-1/db.sqlite", "quarantine-2/extra.txt"})
    CHECK(fs::exists(scenario.root() + "/b2backupd/" + kept) == (now == known.after));
}

}  // namespace

TEST_CASE("swap: everything changes at once, and what goes is kept") {
  Scenario scenario;
  auto const outcome = scenario.go({});
  REQUIRE(outcome);
  CHECK_FALSE(outcome->undone);
  auto const now = fingerprint(scenario.root());
  CHECK(now.at("a.txt").ends_with("file new a"));
  CHECK(now.at("db.sqlite").ends_with("new database"));
  CHECK_FALSE(now.contains("db.sqlite-wal"));
  CHECK_FALSE(now.contains("extra.txt"));
  CHECK(now.at("dir_to_file").ends_with("now a file"));
  CHECK(now.at("file_to_dir/below").ends_with("below"));
  CHECK(now.at("link") == "link elsewhere");
  CHECK(now.at("meta.txt") == "384 file same 1700000000.123456789");
  CHECK_FALSE(now.contains("gone"));
  CHECK(now.contains("stays/other.txt"));  // a directory with something in it stays
  CHECK(now.at("fresh") == "488 directory");
  std::string const kept = scenario.root() + "/b2backupd/quarantine-1/";
  CHECK(read_file(kept + "db.sqlite", 100).value() == "old database");
  CHECK(read_file(kept + "db.sqlite-wal", 100).value() == "old wal");
  CHECK(read_file(kept + "dir_to_file/inside.txt", 100).value() == "inside");
  CHECK(read_file(kept + "gone/only.txt", 100).value() == "only");
  CHECK_FALSE(fs::exists(scenario.root() + "/" + staging));
}

TEST_CASE("swap: stopped at any step, the next job makes it whole") {
  States const known = states();
  CHECK(known.steps > 25);
  CHECK(known.before != known.after);
  int old_states = 0;
  int new_states = 0;
  for (int step = 1; step <= known.steps; ++step) {
    Scenario scenario;
    REQUIRE(dies([&] { static_cast<void>(scenario.go(dies_at(step))); }));
    auto const recovered = scenario.recover({});
    REQUIRE(recovered);
    check_is_whole(scenario, known, "stopped at step " + std::to_string(step));
    (fingerprint(scenario.root()) == known.after ? new_states : old_states) += 1;
  }
  CHECK(old_states == 2);  // before the journal is synced, and before it is committed
  CHECK(new_states == known.steps - 2);
}

TEST_CASE("swap: stopped again at any step of the recovery, it is still made whole") {
  States const known = states();
  for (int step = 1; step <= known.steps; step += 3) {
    for (int again = 1;; ++again) {
      Scenario scenario;
      REQUIRE(dies([&] { static_cast<void>(scenario.go(dies_at(step))); }));
      bool const died = dies([&] { static_cast<void>(scenario.recover(dies_at(again))); });
      REQUIRE(scenario.recover({}));
      check_is_whole(scenario, known,
                     "stopped at step " + std::to_string(step) + ", then at " + std::to_string(again));
      if (!died) break;
    }
  }
}

TEST_CASE("swap: a step that fails undoes everything") {
  States const known = states();
  for (int step = 3; step <= known.steps; ++step) {
    Scenario scenario;
    int count = 0;
    std::string failed;
    auto const outcome = scenario.go([&](std::string_view name) -> Result<void> {
      if (++count != step) return {};
      failed = name;
      return errno_error(ENOSPC, "do", name);
    });
    INFO("step " << step << ": " << failed);
    if (failed == "forget the journal" || failed.starts_with("remove a staging") ||
        failed.starts_with("remove the staging")) {
      // All is done by then; only clearing up is left to the next job.
      CHECK_FALSE(outcome);
      REQUIRE(scenario.recover({}));
      CHECK(fingerprint(scenario.root()) == known.after);
      continue;
    }
    REQUIRE(outcome);
    CHECK(outcome->undone);
    REQUIRE(outcome->cause);
    CHECK(outcome->cause->condition == Condition::no_space);
    CHECK(difference(fingerprint(scenario.root()), known.before) == "");
    CHECK_FALSE(fs::exists(scenario.root() + "/" + staging));
  }
}

TEST_CASE("swap: stopped at any step of the undoing, the next job makes it whole") {
  States const known = states();
  for (int step = 4; step <= known.steps; step += 4) {
    for (int again = 1;; ++again) {
      Scenario scenario;
      bool const died = dies([&] {
        int count = 0;
        int since = 0;
        static_cast<void>(scenario.go([&](std::string_view name) -> Result<void> {
          if (since > 0 && since++ == again) ::_exit(crashed);
          if (++count != step) return {};
          since = 1;
          return errno_error(EACCES, "do", name);
        }));
      });
      REQUIRE(scenario.recover({}));
      check_is_whole(
          scenario, known,
          "failed at step " + std::to_string(step) + ", stopped " + std::to_string(again) + " later");
      if (!died) break;
    }
  }
}

TEST_CASE("swap: when even undoing fails, everything is kept for the next try") {
  States const known = states();
  for (int step = 4; step < known.steps - 3; step += 5) {
    Scenario scenario;
    int count = 0;
    auto const outcome = scenario.go([&](std::string_view name) -> Result<void> {
      if (++count < step) return {};
      return errno_error(EIO, "do", name);
    });
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().advice.find("Nothing is lost") != std::string::npos);
    CHECK(fs::exists(scenario.root() + "/" + staging + "/journal"));
    REQUIRE(scenario.recover({}));
    check_is_whole(scenario, known, "everything failed from step " + std::to_string(step));
  }
}

TEST_CASE("swap: what appears or vanishes meanwhile is not overwritten") {
  States const known = states();
  SECTION("a file appeared where none was") {
    Scenario scenario;
    auto const outcome = scenario.go([&](std::string_view name) -> Result<void> {
      if (name == "place db.sqlite") write(scenario.root() + "/file_to_dir/below", "somebody else's");
      return {};
    });
    REQUIRE(outcome);
    CHECK(outcome->undone);
    CHECK(outcome->cause->condition == Condition::changed);
    // Where it lies there was a file before; neither is lost.
    CHECK(read_file(scenario.root() + "/file_to_dir", 100).value() == "was a file");
    CHECK(read_file(scenario.root() + "/file_to_dir.appeared-during-restore/below", 100).value() ==
          "somebody else's");
    CHECK(read_file(scenario.root() + "/a.txt", 100).value() == "old a");
  }
  SECTION("a file vanished") {
    Scenario scenario;
    auto const outcome = scenario.go([&](std::string_view name) -> Result<void> {
      if (name == "keep a.txt") fs::remove(scenario.root() + "/link");
      return {};
    });
    REQUIRE(outcome);
    CHECK(outcome->undone);
    CHECK(outcome->cause->condition == Condition::changed);
    CHECK_FALSE(fs::exists(fs::symlink_status(scenario.root() + "/link")));
    CHECK(read_file(scenario.root() + "/a.txt", 100).value() == "old a");
  }
}

TEST_CASE("swap: a live restore is left alone, a stranger's folder is not trusted") {
  Scenario scenario;
  auto folder = SwapFolder::create(scenario.tree(), staging, {});
  REQUIRE(folder);
  CHECK(dies([&] {
    auto const found = SwapFolder::adopt(scenario.tree(), staging);
    ::_exit(found && !*found ? crashed : 0);
  }));
  REQUIRE(folder->remove());
  fs::create_directories(scenario.root() + "/" + staging);
  fs::permissions(scenario.root() + "/" + staging, fs::perms(0777));
  auto const found = SwapFolder::adopt(scenario.tree(), staging);
  REQUIRE_FALSE(found);
  CHECK(found.error().condition == Condition::refused);
}

TEST_CASE("swap journal: what is written is read, in both directions") {
  Scenario scenario;
  fs::create_directories(scenario.root() + "/" + staging);
  std::string const path = staging + "/j";
  std::vector<SwapOperation> written = scenario.operations();
  // More than one chunk, with names of every kind.
  for (int i = 0; i < 2000; ++i) {
    SwapOperation operation;
    operation.kind = Kind::place;
    operation.path = "dir/na me\n%" +
                     std::string(1, static_cast<char>(1 + i % 255 == '/' ? 'x' : 1 + i % 255)) +
                     std::to_string(i);
    operation.other = staging + "/new/" + std::to_string(i);
    if (i % 2 == 0) operation.kept = std::string(static_cast<std::size_t>(i % 200 + 1), 'k');
    written.push_back(operation);
  }
  {
    auto writer = SwapJournalWriter::create(scenario.tree(), path);
    REQUIRE(writer);
    for (auto const& operation : written)
      REQUIRE(writer->add(operation));
    REQUIRE(writer->finish());
  }
  auto const journal = SwapJournal::open(scenario.tree(), path);
  REQUIRE(journal);
  CHECK(journal->count() == written.size());
  std::vector<SwapOperation> read;
  auto const collect = [&](SwapOperation const& operation) -> Result<void> {
    read.push_back(operation);
    return {};
  };
  REQUIRE(journal->forwards(collect));
  CHECK(read == written);
  read.clear();
  REQUIRE(journal->backwards(collect));
  std::reverse(read.begin(), read.end());
  CHECK(read == written);
}

TEST_CASE("swap journal: damage of any kind is noticed before anything is done") {
  Scenario scenario;
  fs::create_directories(scenario.root() + "/" + staging);
  std::string const path = staging + "/j";
  {
    auto writer = SwapJournalWriter::create(scenario.tree(), path);
    REQUIRE(writer);
    for (auto const& operation : scenario.operations())
      REQUIRE(writer->add(operation));
    REQUIRE(writer->finish());
  }
  std::string const whole = read_file(scenario.root() + "/" + path, 1 << 20).value();
  auto const opens = [&](std::string const& text) {
    write(scenario.root() + "/" + path, text);
    auto const journal = SwapJournal::open(scenario.tree(), path);
    if (!journal) CHECK(journal.error().condition == Condition::corrupt);
    return journal.has_value();
  };
  CHECK(opens(whole));
  for (std::size_t length = 0; length < whole.size(); length += 7)
    CHECK_FALSE(opens(whole.substr(0, length)));
  for (std::size_t at = 0; at < whole.size(); at += 11) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    CHECK_FALSE(opens(flipped));
  }
  CHECK_FALSE(opens(whole + "more\n"));
}

TEST_CASE("swap journal: a line that leads out of the root is refused") {
  for (char const* const line :
       {"move ../a b", "move a /etc/passwd", "place a b ../c", "place a%2f..%2fb b .", "make-directory .",
        "make-directory a//b", "metadata a 1:2:3:4", "metadata a x:-:-:- -:-:-:-", "unknown a", "move a"}) {
    INFO(line);
    auto const parsed = parse_operation(line);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().condition == Condition::corrupt);
  }
  CHECK(parse_operation("place a b .")->kept.empty());
}

TEST_CASE("target tree: nothing is written through a symbolic link") {
  Scenario scenario;
  auto const outside = TemporaryDirectory::create("/tmp", "b2b-outside-").value();
  fs::create_symlink(outside.path(), scenario.root() + "/out");
  fs::create_directory(scenario.root() + "/in");
  fs::create_symlink(outside.path(), scenario.root() + "/in/out");
  TargetTree const& tree = scenario.tree();
  for (std::string const path : {"out/x", "in/out/x", "in/out/deep/x"}) {
    INFO(path);
    CHECK(tree.open_new_file(path).error().condition == Condition::refused);
    CHECK(tree.make_directory(path, 0700).error().condition == Condition::refused);
    CHECK(tree.make_symlink("a", path).error().condition == Condition::refused);
    CHECK(tree.rename("a.txt", path).error().condition == Condition::refused);
    CHECK(tree.make_hard_link("a.txt", path).error().condition == Condition::refused);
    CHECK(tree.remove_file(path).error().condition == Condition::refused);
    CHECK(tree.anchor(path).error().condition == Condition::refused);
  }
  CHECK(tree.open_new_file("../x").error().condition == Condition::refused);
  CHECK_FALSE(tree.open_new_file("in/../../x"));
  CHECK(fs::is_empty(outside.path()));
  CHECK(fs::exists(scenario.root() + "/a.txt"));
  // A link as the last component is seen as one, and its metadata is its own.
  CHECK(tree.status("out").value()->type == NodeType::symlink);
}
