#include "core/snapshot/manifest.h"
#include "tests/support/catch.h"

using namespace b2b;

TEST_CASE("clean relative paths have no problem") {
  for (std::string const path : {"a", "a/b", "workspace/MEMORY.md", "...", "..a", "a..", ".hidden", "a/.../b",
                                 " ", "a\\..\\b", "caf\xE9", "new\nline", "manifest.json"})
    CHECK(path_problem(path).empty());
}

TEST_CASE("paths that could lead out of the target are named") {
  CHECK(path_problem("") == "is empty");
  CHECK(path_problem("/etc/passwd") == "is absolute");
  CHECK(path_problem("/") == "is absolute");
  CHECK(path_problem("..") == "has a '..' component");
  CHECK(path_problem("../x") == "has a '..' component");
  CHECK(path_problem("a/../../x") == "has a '..' component");
  CHECK(path_problem("a/..") == "has a '..' component");
  CHECK(path_problem(".") == "has a '.' component");
  CHECK(path_problem("./a") == "has a '.' component");
  CHECK(path_problem("a/./b") == "has a '.' component");
  CHECK(path_problem("a//b") == "has an empty component");
  CHECK(path_problem("a/") == "has an empty component");
  CHECK(path_problem(std::string("a\0b", 3)) == "has a NUL byte");
  CHECK(path_problem(std::string("\0", 1)) == "has a NUL byte");
}
