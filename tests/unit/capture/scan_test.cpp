#include "core/capture/scan.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>

#include "capture_support.h"

using namespace b2b;
using namespace b2b::test;

TEST_CASE("a scan names files, directories and links with their metadata, and follows nothing") {
  Place const place;
  place.write("workspace/notes.md", "hello");
  place.directory("workspace/empty");
  REQUIRE(::chmod(place.at("workspace/notes.md").c_str(), 0640) == 0);
  REQUIRE(::symlink("/etc", place.at("workspace/outside").c_str()) == 0);
  REQUIRE(::symlink("..", place.at("workspace/loop").c_str()) == 0);
  std::string const long_target(3000, 'x');
  REQUIRE(::symlink(long_target.c_str(), place.at("workspace/dangling").c_str()) == 0);
  REQUIRE(::link(place.at("workspace/notes.md").c_str(), place.at("workspace/twin.md").c_str()) == 0);
  place.write("cache/large", "regenerable");
  place.write("other/file", "not ours");

  auto const found = scan_all({{"", place.root()}}, need(Scope::build({}, {})));
  std::vector<std::string> names;
  for (auto const& [path, item] : found.items) names.push_back(path);
  CHECK(names == std::vector<std::string>{"workspace", "workspace/dangling", "workspace/empty", "workspace/loop",
                                          "workspace/notes.md", "workspace/outside", "workspace/twin.md"});
  CHECK(found.skips.empty());

  auto const& notes = found.items.at("workspace/notes.md");
  struct stat status {};
  REQUIRE(::lstat(place.at("workspace/notes.md").c_str(), &status) == 0);
  CHECK(notes.entry.type == EntryType::file);
  CHECK(notes.entry.mode == 0640);
  CHECK(notes.entry.uid == status.st_uid);
  CHECK(notes.entry.gid == status.st_gid);
  CHECK(notes.entry.mtime_ns == std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec);
  CHECK(notes.entry.stat.inode == status.st_ino);
  CHECK(notes.entry.stat.size == 5);
  CHECK(notes.entry.captured_at_ns == 0);
  CHECK(notes.absolute == place.at("workspace/notes.md"));
  CHECK(notes.root_bytes == place.root().size());
  CHECK(notes.links == 2);
  CHECK(notes.entry.stat.inode == found.items.at("workspace/twin.md").entry.stat.inode);
  CHECK(notes.device == found.items.at("workspace/twin.md").device);
  CHECK(found.items.at("workspace/empty").entry.type == EntryType::directory);
  CHECK(found.items.at("workspace/outside").entry.type == EntryType::symlink);
  CHECK(found.items.at("workspace/outside").entry.target == "/etc");
  CHECK(found.items.at("workspace/loop").entry.target == "..");
  CHECK(found.items.at("workspace/dangling").entry.target == long_target);
}

TEST_CASE("directories come before what lies in them, and only when something does") {
  Place const place;
  for (int i = 0; i < 40; ++i)
    for (int j = 0; j < 10; ++j)
      place.write("agents/a" + std::to_string(i) + "/sessions/" + std::to_string(j) + ".jsonl", "x");
  place.directory("agents/idle/other");
  auto const found = scan_all({{"", place.root() + "/"}}, need(Scope::build({}, {})), 8);
  CHECK(found.items.size() == 1 + 40 * 12);
  CHECK_FALSE(found.items.contains("agents/idle"));
  std::map<std::string, std::size_t> position;
  for (std::size_t i = 0; i < found.order.size(); ++i) position[found.order[i]] = i;
  for (auto const& path : found.order) {
    auto const above = parent_path(path);
    if (!above.empty()) CHECK(position.at(above) < position.at(path));
  }
}

TEST_CASE("sockets and FIFOs are left out by rule") {
  Place const place;
  place.directory("workspace");
  REQUIRE(::mkfifo(place.at("workspace/pipe").c_str(), 0600) == 0);
  int const fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, place.at("workspace/gate").c_str(), sizeof address.sun_path - 1);
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  ::close(fd);
  auto const found = scan_all({{"", place.root()}}, everything());
  REQUIRE(found.skips.size() == 2);
  CHECK(found.skips.at("workspace/pipe").reason == SkipReason::by_rule);
  CHECK(found.skips.at("workspace/pipe").detail == "is a FIFO");
  CHECK(found.skips.at("workspace/gate").detail == "is a socket");
  CHECK(found.items.size() == 1);
}

TEST_CASE("any name a file system allows is found") {
  Place const place;
  std::vector<std::string> const names{"new\nline", "not-utf8-\xff\xfe", "tab\tand\x01", std::string(255, 'n'), "back\\slash",
                                       "star*[x]", " leading", "trailing ", "\xf0\x9f\xa6\x9e"};
  for (auto const& name : names) place.write("workspace/" + name, name);
  auto const found = scan_all({{"", place.root()}}, need(Scope::build({}, {})));
  CHECK(found.skips.empty());
  for (auto const& name : names) {
    INFO(name);
    REQUIRE(found.items.contains("workspace/" + name));
    auto const file = only_file(test::capture(place, "workspace/" + name));
    CHECK(body_of(*file.body) == name);
  }
}

TEST_CASE("a tree deeper than the longest path is scanned and captured") {
  Place const place;
  place.directory("workspace");
  std::string const step(200, 'd');
  std::string relative = "workspace";
  UniqueFd here(::open(place.at("workspace").c_str(), O_PATH | O_DIRECTORY));
  for (int depth = 0; depth < 40; ++depth) {
    REQUIRE(::mkdirat(here.get(), step.c_str(), 0755) == 0);
    here = UniqueFd(::openat(here.get(), step.c_str(), O_PATH | O_DIRECTORY));
    relative += "/" + step;
  }
  UniqueFd const file(::openat(here.get(), "bottom.txt", O_WRONLY | O_CREAT, 0644));
  need(write_all(file.get(), as_bytes("deep"), "bottom.txt"));
  relative += "/bottom.txt";

  auto const found = scan_all({{"", place.root()}}, need(Scope::build({}, {})));
  CHECK(found.skips.empty());
  REQUIRE(found.items.contains(relative));
  auto const captured = need(capture_file(found.items.at(relative), spool_in(place.path() + "/spool"), {}, system_clock(), {}));
  CHECK(body_of(*only_file(captured).body) == "deep");
}

TEST_CASE("private captures and our own folder are never taken") {
  Place const place;
  place.write("workspace/copy/.openclaw-private-update-capture", "");
  place.write("workspace/copy/inside/secret", "x");
  place.write("b2backupd/lock", "");
  place.write("x.update-captures/a", "");
  place.write("workspace/fine", "x");
  auto const found = scan_all({{"", place.root()}}, everything());
  CHECK(found.items.size() == 2);
  CHECK(found.items.contains("workspace/fine"));
  CHECK(found.skips.empty());

  place.write(".openclaw-private-update-capture", "");
  auto const refused = scan({{"", place.root()}}, everything(), 1, {[](ScanItem&&) {}, [](Skip&&) {}}, {});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().condition == Condition::refused);
}

TEST_CASE("labelled roots carry their label") {
  Place const place;
  place.write("workspace/a", "1");
  need(make_directories(place.path() + "/elsewhere/sub"));
  std::ofstream(place.path() + "/elsewhere/sub/b") << "22";
  std::vector<Root> const roots{{"", place.root()}, {"outside", place.path() + "/elsewhere"}};
  auto const found = scan_all(roots, need(Scope::build({}, {}, {"outside"})));
  CHECK(found.items.size() == 5);
  CHECK(found.items.at("outside").entry.type == EntryType::directory);
  CHECK(found.items.at("outside/sub/b").absolute == place.path() + "/elsewhere/sub/b");
  CHECK(found.items.at("outside/sub/b").root_bytes == place.path().size() + 10);
}

TEST_CASE("a labelled root that contains another leaves it out") {
  Place const place;
  place.write("workspace/a", "1");
  std::ofstream(place.path() + "/notes.md") << "beside the state directory";
  std::vector<Root> const roots{{"", place.root()}, {"@workspace", place.path(), {place.root()}}};
  auto const found = scan_all(roots, need(Scope::build({}, {}, {"@workspace"})));
  CHECK(found.items.contains("workspace/a"));
  CHECK(found.items.contains("@workspace/notes.md"));
  for (auto const& [path, item] : found.items)
    CHECK((!path.starts_with("@workspace/") || item.absolute.find(place.root()) == std::string::npos));
}

TEST_CASE("a labelled root that cannot be listed is named, and the rest is scanned") {
  Place const place;
  place.write("workspace/a", "1");
  auto const found = scan_all({{"", place.root()}, {"@workspace", place.path() + "/missing"}}, need(Scope::build({}, {}, {"@workspace"})));
  CHECK(found.items.contains("workspace/a"));
  REQUIRE(found.skips.size() == 1);
  CHECK(found.skips.at("@workspace").reason == SkipReason::vanished);
}

TEST_CASE("a root that cannot be listed fails the scan; a directory that cannot is named") {
  Place const place;
  place.write("workspace/locked/file", "x");
  place.write("workspace/open", "x");
  ScanCallbacks const ignore{[](ScanItem&&) {}, [](Skip&&) {}};
  auto const missing = scan({{"", place.at("missing")}}, everything(), 1, ignore, {});
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().condition == Condition::not_found);
  CHECK(missing.error().text().find(place.at("missing")) != std::string::npos);

  REQUIRE(::chmod(place.at("workspace/locked").c_str(), 0) == 0);
  REQUIRE(::chmod(place.path().c_str(), 0755) == 0);
  REQUIRE(::chmod(place.root().c_str(), 0755) == 0);
  Scope const scope = everything();
  {
    WithoutPrivileges const other_user;
    auto const found = scan_all({{"", place.root()}}, scope);
    REQUIRE(found.skips.size() == 1);
    CHECK(found.skips.at("workspace/locked").reason == SkipReason::unreadable);
    CHECK(found.skips.at("workspace/locked").detail == "permission denied");
    CHECK(found.items.contains("workspace/open"));
    CHECK(found.items.contains("workspace/locked"));  // it is known to be there
  }
  REQUIRE(::chmod(place.root().c_str(), 0) == 0);
  {
    WithoutPrivileges const other_user;
    auto const denied = scan({{"", place.root()}}, scope, 1, ignore, {});
    REQUIRE_FALSE(denied.has_value());
    CHECK(denied.error().condition == Condition::permission);
  }
  REQUIRE(::chmod(place.root().c_str(), 0755) == 0);
  REQUIRE(::chmod(place.at("workspace/locked").c_str(), 0755) == 0);
}

TEST_CASE("a stopped scan says so") {
  Place const place;
  for (int i = 0; i < 50; ++i) place.write("workspace/d" + std::to_string(i) + "/f", "x");
  std::stop_source stop;
  std::size_t seen = 0;
  ScanCallbacks const callbacks{[&](ScanItem&&) {
                                  if (++seen == 5) stop.request_stop();
                                },
                                [](Skip&&) {}};
  auto const result = scan({{"", place.root()}}, everything(), 4, callbacks, stop.get_token());
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().condition == Condition::cancelled);
  CHECK(seen == 5);
}

TEST_CASE("a tree that changes under the scan yields what held still") {
  Place const place;
  for (int i = 0; i < 200; ++i) place.write("workspace/stay/" + std::to_string(i), "x");
  std::atomic<bool> done = false;
  std::thread churn([&] {
    for (int round = 0; !done; ++round) {
      std::string const name = place.at("workspace/go" + std::to_string(round % 7));
      std::error_code ignored;
      std::filesystem::create_directories(name + "/sub", ignored);
      std::ofstream(name + "/sub/file") << round;
      std::filesystem::remove_all(name, ignored);
      std::filesystem::create_symlink("/etc", name, ignored);
      std::filesystem::remove(name, ignored);
    }
  });
  for (int round = 0; round < 30; ++round) {
    auto const found = scan_all({{"", place.root()}}, everything());
    auto const stayed = std::count_if(found.order.begin(), found.order.end(),
                                      [](auto const& path) { return path.starts_with("workspace/stay/"); });
    CHECK(stayed == 200);
    for (auto const& [path, skip] : found.skips) CHECK(skip.reason == SkipReason::vanished);
    for (auto const& path : found.order) CHECK(path.find("passwd") == std::string::npos);
  }
  done = true;
  churn.join();
}

TEST_CASE("extended attributes are recorded where the file system has them") {
  Place const place;
  place.write("workspace/file", "x");
  if (::setxattr(place.at("workspace/file").c_str(), "user.origin", "here\0too", 8, 0) != 0) {
    WARN("skipped: /tmp has no extended attributes");
    return;
  }
  REQUIRE(::setxattr(place.at("workspace").c_str(), "user.colour", "", 0, 0) == 0);
  auto const found = scan_all({{"", place.root()}}, everything());
  CHECK(found.items.at("workspace/file").entry.xattrs ==
        std::map<std::string, std::string>{{"user.origin", std::string("here\0too", 8)}});
  CHECK(found.items.at("workspace").entry.xattrs == std::map<std::string, std::string>{{"user.colour", ""}});
  CHECK(only_file(test::capture(place, "workspace/file")).entry.xattrs == found.items.at("workspace/file").entry.xattrs);
}

TEST_CASE("a commit that touches only the -wal changes the key") {
  Place const place;
  auto live = create_database(place.at("state/openclaw.sqlite"),
                              "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x); INSERT INTO t VALUES(1);"
                              "PRAGMA wal_checkpoint(TRUNCATE);");
  auto key = [&] { return scan_all({{"", place.root()}}, need(Scope::build({}, {}))).items.at("state/openclaw.sqlite").entry.stat; };
  StatKey const empty_wal = key();
  CHECK(empty_wal.wal_size == 0);
  CHECK(empty_wal.wal_mtime_ns == 0);  // an empty log is as good as none

  need(live.execute("INSERT INTO t VALUES(2)"));
  StatKey const first = key();
  CHECK(first.wal_size > 0);
  CHECK(first.wal_salt != 0);
  CHECK(first != empty_wal);

  need(live.execute("INSERT INTO t VALUES(3)"));
  StatKey const second = key();
  CHECK(second.size == first.size);
  CHECK(second.mtime_ns == first.mtime_ns);
  CHECK(second.ctime_ns == first.ctime_ns);
  CHECK(second != first);

  // The log starts over: the same size again, but other salts.
  need(live.execute("PRAGMA wal_checkpoint(RESTART)"));
  need(live.execute("INSERT INTO t VALUES(4)"));
  need(live.execute("INSERT INTO t VALUES(5)"));
  StatKey const restarted = key();
  CHECK(restarted.wal_size == second.wal_size);
  CHECK(restarted.wal_salt != second.wal_salt);

  StatKey read;
  read_wal_key(place.at("state/openclaw.sqlite"), read);
  CHECK(read.wal_salt == restarted.wal_salt);
  read_wal_key(place.at("state/none.sqlite"), read);
  CHECK(read == StatKey{});
}

TEST_CASE("attributes over the limit are left out and named, the file and the others stay") {
  Place const place("/dev/shm");  // most file systems on disks do not hold so many
  place.write("workspace/fat", "content");
  place.write("workspace/slim", "content");
  std::string const value(60'000, '\xff');
  for (char c = 'a'; c <= 'z'; ++c) {
    std::string const name = std::string("user.") + c;
    for (auto const* path : {"workspace", "workspace/fat"}) {
      if (::setxattr(place.at(path).c_str(), name.c_str(), value.data(), value.size(), 0) == 0) continue;
      WARN("no room for large extended attributes in /dev/shm: " << std::strerror(errno));
      return;
    }
  }
  REQUIRE(::setxattr(place.at("workspace/fat").c_str(), "user.z", "small", 5, 0) == 0);
  REQUIRE(::setxattr(place.at("workspace/slim").c_str(), "user.z", value.data(), value.size(), 0) == 0);

  auto const found = scan_all({{"", place.root()}}, need(Scope::build({}, {})));
  REQUIRE(found.skips.size() == 2);
  for (auto const* path : {"workspace", "workspace/fat"}) {
    CHECK(found.skips.at(path).reason == SkipReason::attributes);
    CHECK(found.items.at(path).entry.xattrs.size() < 26);
    CHECK(found.items.at(path).entry.xattrs.at("user.a") == value);
  }
  auto const& fat = found.items.at("workspace/fat").entry.xattrs;
  CHECK(fat.at("user.z") == "small");  // what still fits is taken
  std::size_t const left_out = 26 - fat.size();
  REQUIRE(left_out > 3);
  CHECK(found.skips.at("workspace/fat").detail.find(" and " + std::to_string(left_out - 3) + " more are left out") !=
        std::string::npos);
  CHECK(found.items.at("workspace/slim").entry.xattrs.at("user.z") == value);

  auto item = found.items.at("workspace/fat");
  auto const spool = spool_in(place.path() + "/spool");
  CHECK(only_file(need(capture_file(item, spool, {}, system_clock(), {}))).entry.xattrs == fat);  // told by the scan
  item.entry.xattrs.clear();
  auto const since = need(capture_file(item, spool, {}, system_clock(), {}));
  REQUIRE(since.files.size() == 1);
  REQUIRE(since.skips.size() == 1);
  CHECK(since.skips[0].reason == SkipReason::attributes);
}
