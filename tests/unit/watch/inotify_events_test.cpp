#include "core/watch/inotify_events.h"

#include <sys/inotify.h>

#include <cstring>
#include <vector>

#include "tests/support/catch.h"

using namespace b2b;

namespace {

void append(std::vector<std::uint8_t>& bytes, int watch, std::uint32_t mask, std::string_view name, std::uint32_t padded) {
  inotify_event const head{watch, mask, 0, padded};
  auto const at = bytes.size();
  bytes.resize(at + sizeof(head) + padded);
  std::memcpy(bytes.data() + at, &head, sizeof(head));
  std::memcpy(bytes.data() + at + sizeof(head), name.data(), name.size());
}

}  // namespace

TEST_CASE("events follow each other, with padded names or none") {
  std::vector<std::uint8_t> bytes;
  append(bytes, 1, IN_CREATE, "a name", 16);
  append(bytes, 2, IN_DELETE_SELF, "", 0);
  append(bytes, 3, IN_MODIFY, "0123456789abcdef", 16);  // not padded at all: the length ends it
  std::span<std::uint8_t const> rest(bytes);
  auto event = next_inotify_event(rest);
  REQUIRE(event);
  CHECK((event->watch == 1 && event->mask == IN_CREATE && event->name == "a name"));
  event = next_inotify_event(rest);
  REQUIRE(event);
  CHECK((event->watch == 2 && event->name.empty()));
  event = next_inotify_event(rest);
  REQUIRE(event);
  CHECK(event->name == "0123456789abcdef");
  CHECK(rest.empty());
  CHECK_FALSE(next_inotify_event(rest));
}

TEST_CASE("bytes that end too early, and names that are paths, are refused and stay") {
  std::vector<std::uint8_t> bytes;
  append(bytes, 1, IN_CREATE, "name", 16);
  for (std::size_t length = 1; length < bytes.size(); ++length) {
    auto rest = std::span<std::uint8_t const>(bytes).first(length);
    CHECK_FALSE(next_inotify_event(rest));
    CHECK(rest.size() == length);
  }
  for (auto const* name : {"a/b", "..", "."}) {
    std::vector<std::uint8_t> bad;
    append(bad, 1, IN_CREATE, name, 16);
    std::span<std::uint8_t const> rest(bad);
    CHECK_FALSE(next_inotify_event(rest));
    CHECK(rest.size() == bad.size());
  }
}
