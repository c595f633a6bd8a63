#include "core/util/fd.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/support/catch.h"

using namespace b2b;

namespace {
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }
int any_fd() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
}  // namespace

TEST_CASE("a descriptor is closed with its owner") {
  int raw = -1;
  {
    UniqueFd const fd(any_fd());
    raw = fd.get();
    REQUIRE(is_open(raw));
    CHECK(fd);
  }
  CHECK_FALSE(is_open(raw));
  CHECK_FALSE(UniqueFd());
}

TEST_CASE("moving a descriptor hands it over and closes what was there") {
  UniqueFd a(any_fd());
  UniqueFd b(any_fd());
  int const raw_a = a.get();
  int const raw_b = b.get();
  b = std::move(a);
  CHECK(b.get() == raw_a);
  CHECK_FALSE(is_open(raw_b));
  UniqueFd c(std::move(b));
  CHECK(c.get() == raw_a);
  int const released = c.release();
  CHECK_FALSE(c);
  CHECK(is_open(released));
  ::close(released);
}
