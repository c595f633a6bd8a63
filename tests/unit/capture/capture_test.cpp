#include "core/capture/capture.h"

#include <sys/stat.h>

#include "capture_support.h"

using namespace b2b;
using namespace b2b::test;

TEST_CASE("a plain file is captured with all that an entry needs") {
  Place const place;
  auto const path = place.write("workspace/notes.md", "hello");
  REQUIRE(::chmod(path.c_str(), 04750) == 0);
  std::int64_t const before = system_clock().now().time_since_epoch().count();
  auto const file = only_file(test::capture(place, "workspace/notes.md"));
  CHECK(file.entry.path == "workspace/notes.md");
  CHECK(file.entry.type == EntryType::file);
  CHECK(file.entry.size == 5);
  CHECK(file.entry.hash == sha256("hello"));
  CHECK(file.entry.mode == 04750);
  CHECK(file.entry.captured_at_ns >= before);
  CHECK(file.entry.stat == scan_all({{"", place.root()}}, everything()).items.at("workspace/notes.md").entry.stat);
  CHECK_FALSE(file.entry.database);
  CHECK_FALSE(file.entry.damaged);
  CHECK_FALSE(file.entry.cut);
  CHECK(body_of(*file.body) == "hello");
}

TEST_CASE("a log that grows during every try is cut at the length it had") {
  Place const place;
  auto const path = place.write("workspace/log", "line 0\n");
  MeddlingClock clock([&](unsigned call) {
    if (call > 0) append(path, "line " + std::to_string(call) + "\n");
  });
  CaptureOptions options;
  options.stable_copy_attempts = 3;
  auto const file = only_file(test::capture(place, "workspace/log", options, clock));
  CHECK(file.entry.cut);
  CHECK(body_of(*file.body) == "line 0\nline 1\nline 2\n");  // what it held when the third try opened it
  CHECK(file.entry.hash == sha256("line 0\nline 1\nline 2\n"));
  auto const now = scan_all({{"", place.root()}}, everything()).items.at("workspace/log").entry.stat;
  CHECK_FALSE(unchanged_since(file.entry, now));
}

TEST_CASE("a file that changes during one try is copied again") {
  Place const place;
  auto const path = place.write("workspace/file", std::string(1000, 'a'));
  MeddlingClock clock([&](unsigned call) {
    if (call == 1) place.write("workspace/file", "short");
  });
  auto const file = only_file(test::capture(place, "workspace/file", {}, clock));
  CHECK(body_of(*file.body) == "short");
  CHECK_FALSE(file.entry.cut);
}

TEST_CASE("a file that changes during every try is skipped as unstable") {
  Place const place;
  auto const path = place.write("workspace/file", std::string(1000, 'a'));
  MeddlingClock clock([&](unsigned call) { REQUIRE(::truncate(path.c_str(), 900 - static_cast<off_t>(call)) == 0); });
  CaptureOptions options;
  options.stable_copy_attempts = 3;
  auto const result = test::capture(place, "workspace/file", options, clock);
  CHECK(result.files.empty());
  REQUIRE(result.skips.size() == 1);
  CHECK(result.skips[0].reason == SkipReason::unstable);
  CHECK(result.skips[0].path == "workspace/file");
}

TEST_CASE("vanished, replaced and unreadable files are skipped by name") {
  Place const place;
  place.directory("workspace");
  auto skip = [&](char const* path) {
    auto const result = test::capture(place, path);
    REQUIRE(result.skips.size() == 1);
    CHECK(result.files.empty());
    return result.skips[0];
  };
  CHECK(skip("workspace/gone").reason == SkipReason::vanished);

  auto const path = place.write("workspace/going", std::string(1000, 'a'));
  MeddlingClock clock([&](unsigned call) {
    if (call == 1) std::filesystem::remove(path);
  });
  auto const during = test::capture(place, "workspace/going", {}, clock);
  REQUIRE(during.skips.size() == 1);
  CHECK(during.skips[0].reason == SkipReason::vanished);

  REQUIRE(::symlink("/etc/passwd", place.at("workspace/link").c_str()) == 0);
  CHECK(skip("workspace/link").reason == SkipReason::vanished);
  REQUIRE(::mkfifo(place.at("workspace/pipe").c_str(), 0600) == 0);
  CHECK(skip("workspace/pipe").reason == SkipReason::vanished);

  place.write("workspace/private", "x");
  create_database(place.at("workspace/private.sqlite"), "CREATE TABLE t(x)");
  REQUIRE(::chmod(place.at("workspace/private").c_str(), 0) == 0);
  REQUIRE(::chmod(place.at("workspace/private.sqlite").c_str(), 0) == 0);
  need(make_directories(place.path() + "/other"));
  for (auto const& open_to_all : {place.path(), place.root(), place.at("workspace"), place.path() + "/other"})
    REQUIRE(::chmod(open_to_all.c_str(), 0777) == 0);
  WithoutPrivileges const other_user;
  for (auto const* name : {"workspace/private", "workspace/private.sqlite"}) {
    auto const result = need(capture_file(item_for(place, name), spool_in(place.path() + "/other/spool"), {}, system_clock(), {}));
    REQUIRE(result.skips.size() == 1);
    CHECK(result.skips[0].reason == SkipReason::unreadable);
    CHECK(result.skips[0].detail == "permission denied");
  }
}

TEST_CASE("only a stop and a spool that is full for small files too are errors") {
  Place const place;
  place.write("workspace/file", std::string(2'000'000, 'x'));
  std::stop_source stop;
  stop.request_stop();
  auto const stopped = capture_file(item_for(place, "workspace/file"), spool_in(place.path() + "/spool"), {}, system_clock(),
                                    stop.get_token());
  REQUIRE_FALSE(stopped.has_value());
  CHECK(stopped.error().condition == Condition::cancelled);

  SpoolOptions full;
  full.keep_free_bytes = 1ull << 60;
  auto const spool = need(Spool::open(place.path() + "/full", full));
  create_database(place.at("workspace/db.sqlite"), "CREATE TABLE t(x)");
  for (auto const* name : {"workspace/file", "workspace/db.sqlite"}) {
    auto const refused = capture_file(item_for(place, name), spool, {}, system_clock(), {});
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().condition == Condition::no_space);
  }
}

TEST_CASE("a file that alone is too large for the spool's disk is skipped by name, the others are not") {
  Place const place;
  create_database(place.at("workspace/large.sqlite"), "CREATE TABLE t(x)");
  place.write("workspace/large.bin", "x");
  place.write("workspace/small.bin", std::string(100'000, 'x'));
  auto const spool = spool_in(place.path() + "/spool");
  std::uintmax_t const too_large = 2 * std::filesystem::space(place.path()).capacity;
  for (auto const* name : {"workspace/large.bin", "workspace/large.sqlite"}) {
    std::filesystem::resize_file(place.at(name), too_large);  // sparse
    auto const result = need(capture_file(item_for(place, name), spool, {}, system_clock(), {}));
    CHECK(result.files.empty());
    REQUIRE(result.skips.size() == 1);
    CHECK(result.skips[0].path == name);
    CHECK(result.skips[0].reason == SkipReason::no_space);
    CHECK(result.skips[0].detail.find(std::to_string(too_large)) != std::string::npos);
  }
  CHECK(only_file(need(capture_file(item_for(place, "workspace/small.bin"), spool, {}, system_clock(), {}))).entry.size ==
        100'000);
  CHECK(spool->held_on_disk() == 0);
}

TEST_CASE("a capture holds its room for as long as its body lives") {
  Place const place;
  place.write("workspace/file", std::string(2'000'000, 'x'));
  auto const spool = spool_in(place.path() + "/spool");
  {
    auto const result = need(capture_file(item_for(place, "workspace/file"), spool, {}, system_clock(), {}));
    CHECK(spool->held_on_disk() == 2'000'000);
    CHECK(result.files[0].in_memory.empty());
    place.write("workspace/file", "changed meanwhile");
    CHECK(body_of(*result.files[0].body) == std::string(2'000'000, 'x'));
  }
  CHECK(spool->held_on_disk() == 0);
  CHECK(std::filesystem::is_empty(place.path() + "/spool"));
}

TEST_CASE("a small capture stays in memory, where it was hashed") {
  Place const place;
  std::string const content(300'000, 'y');
  place.write("workspace/file", content);
  auto const spool = spool_in(place.path() + "/spool");
  {
    auto const result = need(capture_file(item_for(place, "workspace/file"), spool, {}, system_clock(), {}));
    CHECK(spool->held_in_memory() == content.size());
    place.write("workspace/file", "changed meanwhile");
    CHECK(as_text(result.files[0].in_memory) == content);
    CHECK(body_of(*result.files[0].body) == content);
    CHECK(result.files[0].entry.hash == sha256(content));
    CHECK(std::filesystem::is_empty(place.path() + "/spool"));
  }
  CHECK(spool->held_in_memory() == 0);
}

TEST_CASE("unchanged means the same key, and times well before the capture") {
  constexpr std::int64_t second = 1'000'000'000;
  Entry previous;
  previous.captured_at_ns = 100 * second;
  previous.stat = {1, 2, 90 * second, 91 * second, 3, 92 * second, 4};
  StatKey const same = previous.stat;
  CHECK(unchanged_since(previous, same));
  for (auto member : {&StatKey::inode, &StatKey::size, &StatKey::wal_size, &StatKey::wal_salt}) {
    StatKey other = same;
    ++(other.*member);
    CHECK_FALSE(unchanged_since(previous, other));
  }
  for (auto member : {&StatKey::mtime_ns, &StatKey::ctime_ns, &StatKey::wal_mtime_ns}) {
    StatKey other = same;
    ++(other.*member);
    CHECK_FALSE(unchanged_since(previous, other));
    // The same on both sides, but too fresh: a second change in the same tick would look the same.
    for (auto const& [time, unchanged] : {std::pair{98 * second - 1, true}, std::pair{98 * second, false}, std::pair{99 * second, false},
                                         std::pair{200 * second, false}}) {
      Entry fresh = previous;
      fresh.stat.*member = time;
      CHECK(unchanged_since(fresh, fresh.stat) == unchanged);
    }
  }
  Entry unknown = previous;
  unknown.captured_at_ns = 0;
  CHECK_FALSE(unchanged_since(unknown, same));
  unknown = previous;
  unknown.stat = {};
  CHECK_FALSE(unchanged_since(unknown, {}));
  Entry damaged = previous;
  damaged.damaged = true;
  CHECK_FALSE(unchanged_since(damaged, same));
}

TEST_CASE("a file changed twice within one second at the same size is not unchanged") {
  Place const place;
  place.write("workspace/file", "first");
  auto const captured = only_file(test::capture(place, "workspace/file"));
  {
    UniqueFd const fd(::open(place.at("workspace/file").c_str(), O_WRONLY));
    REQUIRE(::pwrite(fd.get(), "again", 5, 0) == 5);
  }
  // Even where the file system's clock is so coarse that the times are the same.
  struct timespec const times[2] = {{0, UTIME_OMIT}, {captured.entry.mtime_ns / 1'000'000'000, captured.entry.mtime_ns % 1'000'000'000}};
  REQUIRE(::utimensat(AT_FDCWD, place.at("workspace/file").c_str(), times, 0) == 0);
  auto const now = scan_all({{"", place.root()}}, everything()).items.at("workspace/file").entry.stat;
  CHECK_FALSE(unchanged_since(captured.entry, now));
  CHECK_FALSE(unchanged_since(captured.entry, captured.entry.stat));
  CHECK(body_of(*only_file(test::capture(place, "workspace/file")).body) == "again");
}
