#include "core/gateway/installed.h"

#include <filesystem>

#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using b2b::test::Scratch;

TEST_CASE("the installed OpenClaw says its version") {
  Scratch const scratch;
  std::string const bin = scratch.path() + "/bin", program = bin + "/openclaw";
  std::filesystem::create_directory(bin);
  EnvironmentMap const environment{{"PATH", bin + ":/usr/bin:/bin"}};
  auto const asked = [&](std::string const& script) {
    REQUIRE(atomic_write_file(program, "#!/bin/sh\n" + script));
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    return installed_openclaw(scratch.path(), scratch.path(), environment, {}, system_clock());
  };
  CHECK(asked("[ \"$*\" = --version ] && echo 'OpenClaw 2026.9.6 (eb377ac)'") == "2026.9.6");
  CHECK(asked("echo 2026.9.6; exit 1").empty());
  CHECK(asked("echo Welcome").empty());
  std::filesystem::remove(program);
  CHECK(installed_openclaw(scratch.path(), scratch.path(), environment, {}, system_clock()).empty());
}
