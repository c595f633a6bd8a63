#include "daemon/keys/secret_input.h"

#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::daemonctl;

TEST_CASE("secrets from files: one line break at the end is none of it") {
  test::Scratch scratch;
  std::string const path = scratch / "secret";
  auto const read = [&](std::string const& text) {
    REQUIRE(atomic_write_file(path, text));
    return secret_from_file(path);
  };
  CHECK(read("correct horse\n").value() == Secret("correct horse"));
  CHECK(read("correct horse\r\n").value() == Secret("correct horse"));
  CHECK(read(" correct horse ").value() == Secret(" correct horse "));
  CHECK(read("two\n\n").value() == Secret("two\n"));
  std::string const longest(setup::line_bytes_max, 'x');
  CHECK(read(longest + "\r\n").value() == Secret(longest));
}

TEST_CASE("secrets from files: what is none is refused and not repeated") {
  test::Scratch scratch;
  std::string const path = scratch / "secret";
  for (std::string const& text :
       {std::string(), std::string("\n"), std::string("\r\n"), std::string(setup::line_bytes_max + 1, 'x'),
        std::string(setup::line_bytes_max * 3, 'x')}) {
    REQUIRE(atomic_write_file(path, text));
    auto const failed = secret_from_file(path);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().condition == Condition::usage);
    CHECK(failed.error().text().find("xx") == std::string::npos);
  }
  auto const none = secret_from_file(scratch / "nothing");
  REQUIRE_FALSE(none);
  CHECK(none.error().condition == Condition::not_found);
}
