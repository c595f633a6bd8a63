#include "core/util/journal_stream.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;

TEST_CASE("the journal's stream is a device and an inode") {
  CHECK(parse_journal_stream("9:12345") == JournalStream{9, 12345});
  CHECK(parse_journal_stream("0:18446744073709551615") == JournalStream{0, UINT64_MAX});
  for (char const* wrong :
       {"", ":", "9", "9:", ":9", "9:1x", "x9:1", " 9:1", "9:1 ", "-9:1", "9:1:2", "9:18446744073709551616"})
    CHECK_FALSE(parse_journal_stream(wrong));
}

TEST_CASE("the journal is known by what the descriptor really is") {
  test::Scratch scratch;
  auto const ours = open_file(scratch / "ours", O_CREAT | O_WRONLY, "open").value();
  auto const other = open_file(scratch / "other", O_CREAT | O_WRONLY, "open").value();
  struct stat status {};
  REQUIRE(::fstat(ours.get(), &status) == 0);
  std::string const stream = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  CHECK(is_journal(stream, ours.get()));
  CHECK_FALSE(is_journal(stream, other.get()));
  CHECK_FALSE(is_journal("", ours.get()));
  CHECK_FALSE(is_journal(stream, -1));
}
