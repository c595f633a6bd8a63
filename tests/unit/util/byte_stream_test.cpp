#include "core/util/byte_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using b2b::test::Scratch;

namespace {

std::string read_all(ByteReader& reader, std::size_t step) {
  std::string all;
  std::vector<std::uint8_t> buffer(step);
  for (;;) {
    auto const got = reader.read(buffer).value();
    all.append(as_text({buffer.data(), got}));
    if (got < step) return all;
  }
}

}  // namespace

TEST_CASE("a source in memory can be read again") {
  MemorySource const source("0123456789");
  CHECK(source.size() == 10);
  for (std::size_t step : {1U, 3U, 10U, 64U}) CHECK(read_all(*source.open().value(), step) == "0123456789");
  CHECK(read_all(*MemorySource("").open().value(), 4).empty());
}

TEST_CASE("a file source reads its part of the file") {
  Scratch const scratch;
  auto const path = scratch / "file";
  REQUIRE(atomic_write_file(path, "0123456789"));
  FileSource const part(path, 2, 5);
  CHECK(part.size() == 5);
  CHECK(read_all(*part.open().value(), 2) == "23456");
  CHECK(read_all(*part.open().value(), 100) == "23456");
  CHECK(read_all(*FileSource(path, 10, 0).open().value(), 3).empty());
  CHECK(FileSource(path, 6, 5).open().error().condition == Condition::changed);
  CHECK(FileSource(path, 11, 0).open().error().condition == Condition::changed);
  CHECK(FileSource(path, ~std::uint64_t{0}, 2).open().error().condition == Condition::changed);
  CHECK(FileSource(scratch / "none", 0, 1).open().error().condition == Condition::not_found);
}

TEST_CASE("a file that shrinks while it is read is noticed") {
  Scratch const scratch;
  auto const path = scratch / "file";
  REQUIRE(atomic_write_file(path, "0123456789"));
  auto const reader = FileSource(path, 0, 10).open().value();
  std::vector<std::uint8_t> buffer(4);
  REQUIRE(reader->read(buffer).value() == 4);
  REQUIRE(::truncate(path.c_str(), 5) == 0);
  CHECK(reader->read(buffer).error().condition == Condition::changed);
}

TEST_CASE("a string sink keeps to its limit") {
  StringSink sink(5);
  CHECK(sink.write(as_bytes("abc")));
  CHECK(sink.write(as_bytes("def")).error().condition == Condition::limit);
  CHECK(sink.text() == "abc");
  CHECK(sink.restart());
  CHECK(sink.write(as_bytes("12345")));
  CHECK(sink.take() == "12345");
}

TEST_CASE("a file sink writes a new private file and starts over when told") {
  Scratch const scratch;
  auto const path = scratch / "new";
  {
    auto const sink = FileSink::create(path).value();
    CHECK(sink->write(as_bytes("first try, longer")));
    CHECK(sink->restart());
    CHECK(sink->write(as_bytes("second")));
    CHECK(sink->sync());
  }
  CHECK(read_file(path, 100).value() == "second");
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(FileSink::create(path).error().system_errno == EEXIST);
  REQUIRE(FileSink::create(scratch / "open", 0644));
  REQUIRE(::stat((scratch / "open").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0644);
}

TEST_CASE("a full disk is an error of its own") {
  if (::access("/dev/full", W_OK) != 0) {
    WARN("skipped: no /dev/full here");
    return;
  }
  auto const fd = open_file("/dev/full", O_WRONLY, "open").value();
  CHECK(write_all(fd.get(), as_bytes("x"), "/dev/full").error().condition == Condition::no_space);
}
