#include "core/notify/metrics_textfile.h"

#include <sys/stat.h>

#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;

TEST_CASE("metrics textfile: replaced whole, readable by all, nothing left beside it") {
  test::Scratch scratch;
  std::string const path = scratch / "b2backupd.prom";
  REQUIRE(write_metrics_textfile(path, "a 1\nb 2\n"));
  REQUIRE(write_metrics_textfile(path, "a 3\n"));
  CHECK(*read_file(path, 100) == "a 3\n");
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777u) == 0644u);
  std::size_t files = 0;
  for (auto const& entry : std::filesystem::directory_iterator(scratch.path()))
    files += entry.path() == path ? 1 : 100;
  CHECK(files == 1);
}

TEST_CASE("metrics textfile: an error names the file and the key") {
  test::Scratch scratch;
  auto const written = write_metrics_textfile(scratch / "missing/x.prom", "a 1\n");
  REQUIRE(written.has_error());
  CHECK(written.error().text().find(scratch / "missing") != std::string::npos);
  // A failure leaves the old file.
  REQUIRE(::mkdir((scratch / "x.prom").c_str(), 0700) == 0);
  CHECK(write_metrics_textfile(scratch / "x.prom", "a 1\n").has_error());
  CHECK(std::filesystem::is_directory(scratch / "x.prom"));
  CHECK(std::distance(std::filesystem::directory_iterator(scratch.path()), {}) == 1);
}
