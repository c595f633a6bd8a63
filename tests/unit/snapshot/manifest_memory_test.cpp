// Peak memory of reading a manifest of 200,000 files, measured in a child process of its own.
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/snapshot/manifest_support.h"

using namespace b2b;
using namespace b2b::test;

namespace {

constexpr int entries = 200000;

long peak_kb() {
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

struct Outcome {
  long grown_kb;
  long visited;
};

// Reads `path` in a child; what its peak grew by meanwhile.
Outcome read_in_child(std::string const& path, Keyring& keyring) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  ::malloc_trim(0);  // what earlier tests freed must not serve the child
  pid_t const child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    long const before = peak_kb();
    Outcome outcome{0, 0};
    auto const result = read_manifest(path, test_id(), keyring, [&](ManifestEntry&&) -> Result<void> {
      ++outcome.visited;
      return {};
    });
    outcome.grown_kb = result ? peak_kb() - before : -1;
    bool const told = ::write(ends[1], &outcome, sizeof outcome) == ssize_t{sizeof outcome};
    ::_exit(told ? 0 : 1);
  }
  ::close(ends[1]);
  Outcome outcome{-1, 0};
  CHECK(::read(ends[0], &outcome, sizeof outcome) == ssize_t{sizeof outcome});
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  return outcome;
}

std::string path_of(int number) {
  std::string const digits = std::to_string(1000000 + number);
  return "workspace/some-directory-" + digits.substr(0, 4) + "/a-file-with-an-ordinary-name-" + digits +
         ".md";
}

}  // namespace

TEST_CASE("200,000 files of ours are read in a few megabytes") {
  Scratch scratch;
  auto const path = scratch / "m";
  Keyring keyring = keyring_of({"pass"});
  Key const key =
      manifest_digest_key(keyring.key(0, test_salt()).value());  // derived here, not in the child: 16 MB
  {
    auto sink = FileSink::create(path).value();
    SnapshotInfo info = small_manifest().info;
    info.key_salt_hex = to_hex(test_salt());
    info.files = entries;
    info.bytes = std::uint64_t{entries} * 7;
    ManifestWriter writer(*sink, info, &key, test_key_room);
    for (int i = 0; i < entries; ++i)
      REQUIRE(writer.add_file(file_entry(path_of(i))).has_value());
    REQUIRE(writer.finish().has_value());
  }
  auto const outcome = read_in_child(path, keyring);
  CHECK(outcome.visited == entries);
  WARN("peak grew by " << outcome.grown_kb << " KB");
  CHECK(outcome.grown_kb >= 0);
  if (!under_sanitizer) CHECK(outcome.grown_kb < 6 * 1024);
}

TEST_CASE("200,000 files of the plugin are read in a few megabytes more") {
  Scratch scratch;
  auto const path = scratch / "m";
  Keyring keyring = keyring_of({});
  {
    auto sink = FileSink::create(path).value();
    std::string const file = R"({"hash":")" + to_hex(sha256("content")) + R"(","size":7})";
    REQUIRE(sink->write(as_bytes(R"({"version":1,"timestamp":"t","files":{)")).has_value());
    for (int i = 0; i < entries; ++i)
      REQUIRE(sink->write(as_bytes((i == 0 ? "\"" : ",\"") + path_of(i) + "\":" + file)));
    REQUIRE(sink->write(as_bytes("}}")).has_value());
  }
  auto const outcome = read_in_child(path, keyring);
  CHECK(outcome.visited == entries);
  WARN("peak grew by " << outcome.grown_kb << " KB");
  CHECK(outcome.grown_kb >= 0);
  if (!under_sanitizer) CHECK(outcome.grown_kb < 8 * 1024);
}
