#include "core/capture/plain_copy.h"

#include <sys/stat.h>

#include "capture_support.h"
#include "core/capture/beneath.h"

using namespace b2b;
using namespace b2b::test;
using Verdict = CopyAttempt::Verdict;

namespace {

constexpr std::int64_t long_after = std::int64_t{1} << 62;  // no file changed "just now" at that time

struct Copied {
  CopyAttempt attempt;
  std::string bytes;
};

// Copies with something that happens after the first piece was read.
Copied copy_while(std::vector<std::string> const& paths, std::function<void()> meddle, std::int64_t wall_now_ns = long_after) {
  std::vector<LiveFile> files;
  for (auto const& path : paths) files.push_back(need(open_live(path, 0)));
  Copied out;
  bool first = true;
  out.attempt = need(copy_once(
      files,
      [&](std::size_t, auto bytes) -> Result<void> {
        out.bytes.append(as_text(bytes));
        if (first) meddle();
        first = false;
        return {};
      },
      wall_now_ns, {}));
  return out;
}

std::string const large(300 << 10, 'a');

}  // namespace

TEST_CASE("a file at rest is copied, with its digest") {
  Place const place;
  auto const path = place.write("file", large);
  auto const copied = copy_while({path}, [] {});
  CHECK(copied.attempt.verdict == Verdict::stable);
  CHECK(copied.bytes == large);
  CHECK(copied.attempt.sizes == std::vector<std::uint64_t>{large.size()});
  CHECK(copied.attempt.hashes[0] == sha256(large));
  auto const empty = copy_while({place.write("empty", "")}, [] {});
  CHECK(empty.attempt.verdict == Verdict::stable);
  CHECK(empty.attempt.hashes[0] == sha256(""));
}

TEST_CASE("growth is told apart from any other change") {
  Place const place;
  auto const path = place.write("file", large);
  SECTION("appended") {
    auto const copied = copy_while({path}, [&] { append(path, "more"); });
    CHECK(copied.attempt.verdict == Verdict::grew);
    CHECK(copied.bytes == large);
  }
  SECTION("appended, and changed in the part that was copied") {
    auto const copied = copy_while({path}, [&] {
      append(path, "more");
      UniqueFd const fd(::open(path.c_str(), O_WRONLY));
      REQUIRE(::pwrite(fd.get(), "X", 1, 10) == 1);
    });
    CHECK(copied.attempt.verdict == Verdict::changed);
  }
  SECTION("cut off") {
    CHECK(copy_while({path}, [&] { REQUIRE(::truncate(path.c_str(), 1000) == 0); }).attempt.verdict == Verdict::changed);
  }
  SECTION("replaced by another file") {
    place.write("new", large);
    CHECK(copy_while({path}, [&] { std::filesystem::rename(place.at("new"), path); }).attempt.verdict == Verdict::changed);
  }
  SECTION("removed") {
    CHECK(copy_while({path}, [&] { std::filesystem::remove(path); }).attempt.verdict == Verdict::changed);
  }
  SECTION("another mode, same bytes") {
    // The change time is a clock tick of the kernel's; let it be another one than the file's making.
    struct timespec const old[2] = {{1000, 0}, {1000, 0}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), old, 0) == 0);
    auto const copied = copy_while({path}, [&] {
      struct stat status {};
      auto const before = (::stat(path.c_str(), &status), status.st_ctim.tv_nsec);
      do {
        REQUIRE(::chmod(path.c_str(), 0600) == 0);
        REQUIRE(::stat(path.c_str(), &status) == 0);
      } while (status.st_ctim.tv_nsec == before);
    });
    CHECK(copied.attempt.verdict == Verdict::changed);
  }
  SECTION("of several files, growth of one is a change") {
    auto const other = place.write("other", "x");
    CHECK(copy_while({path, other}, [&] { append(other, "y"); }).attempt.verdict == Verdict::changed);
  }
}

TEST_CASE("a second change within the same tick of the kernel's clock is seen") {
  Place const place;
  auto const path = place.write("file", large);
  // Put the times back after changing a byte that was already copied: mtime says nothing, and ctime may be the same tick.
  auto meddle = [&] {
    UniqueFd const fd(::open(path.c_str(), O_WRONLY));
    REQUIRE(::pwrite(fd.get(), "X", 1, 10) == 1);
  };
  std::int64_t const now = system_clock().now().time_since_epoch().count();
  CHECK(copy_while({path}, meddle, now).attempt.verdict == Verdict::changed);
}

TEST_CASE("opening: links, FIFOs and directories are no regular files") {
  Place const place;
  place.write("real", "x");
  REQUIRE(::symlink("real", place.at("link").c_str()) == 0);
  REQUIRE(::symlink(".", place.at("here").c_str()) == 0);
  REQUIRE(::mkfifo(place.at("pipe").c_str(), 0600) == 0);
  CHECK_FALSE(open_live(place.at("link"), 0).has_value());
  CHECK_FALSE(open_live(place.at("here/real"), place.root().size()).has_value());
  CHECK(open_live(place.at("here/real"), 0).has_value());  // no root was named: the way there is trusted
  CHECK(open_live(place.at("real"), place.root().size()).has_value());
  auto const pipe = open_live(place.at("pipe"), 0);
  REQUIRE_FALSE(pipe.has_value());
  CHECK(pipe.error().condition == Condition::unsupported);
  auto const missing = open_live(place.at("missing"), 0);
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().condition == Condition::not_found);
}

TEST_CASE("opening below a directory goes through no link, in the last component or before") {
  Place const place;
  place.write("a/b/file", "x");
  REQUIRE(::symlink("a", place.at("link").c_str()) == 0);
  REQUIRE(::symlink("file", place.at("a/b/link").c_str()) == 0);
  UniqueFd const root(::open(place.root().c_str(), O_PATH | O_DIRECTORY));
  CHECK(open_beneath(root.get(), "a/b/file", O_RDONLY));
  CHECK_FALSE(open_beneath(root.get(), "link/b/file", O_RDONLY));
  CHECK_FALSE(open_beneath(root.get(), "a/b/link", O_RDONLY));
  CHECK_FALSE(open_beneath(root.get(), "a/none/file", O_RDONLY));
}

TEST_CASE("errors of the target and stops end a copy") {
  Place const place;
  std::vector<LiveFile> files;
  files.push_back(need(open_live(place.write("file", large), 0)));
  auto const full = copy_once(
      files, [](std::size_t, auto) -> Result<void> { return make_error(Condition::no_space, "full"); }, long_after, {});
  REQUIRE_FALSE(full.has_value());
  CHECK(full.error().condition == Condition::no_space);
  std::stop_source stop;
  auto const stopped = copy_once(
      files,
      [&](std::size_t, auto) -> Result<void> {
        stop.request_stop();
        return {};
      },
      long_after, stop.get_token());
  REQUIRE_FALSE(stopped.has_value());
  CHECK(stopped.error().condition == Condition::cancelled);
}

TEST_CASE("what cannot be read is not a change") {
  Place const place;
  LiveFile file;
  file.path = place.root();
  file.fd = UniqueFd(::open(place.root().c_str(), O_RDONLY | O_DIRECTORY));  // reading it gives EISDIR
  file.before.st_size = 10;
  std::vector<LiveFile> files;
  files.push_back(std::move(file));
  auto const attempt = need(copy_once(files, [](std::size_t, auto) { return Result<void>(); }, long_after, {}));
  CHECK(attempt.verdict == Verdict::unreadable);
  CHECK(attempt.read_errno == EISDIR);
}
