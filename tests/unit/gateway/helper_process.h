// A second process for a test: does something, then holds still until the test lets it go.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "core/util/fd.h"
#include "tests/support/catch.h"

namespace b2b::test {

class HelperProcess {
 public:
  // `work` runs in the new process, which ends at once when it returns false. Returns when the work is done.
  explicit HelperProcess(std::function<bool()> const& work) {
    int ready[2], release[2];
    REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(release, O_CLOEXEC) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::close(release[1]);
      char byte = work() ? 'y' : 'n';
      if (::write(ready[1], &byte, 1) == 1 && byte == 'y' && ::read(release[0], &byte, 1) < 0) ::_exit(1);
      ::_exit(0);
    }
    ::close(ready[1]);
    ::close(release[0]);
    release_ = UniqueFd(release[1]);
    UniqueFd const answer(ready[0]);
    char byte = 'n';
    REQUIRE(::read(answer.get(), &byte, 1) == 1);
    REQUIRE(byte == 'y');
  }
  ~HelperProcess() { end(); }
  HelperProcess(HelperProcess const&) = delete;
  HelperProcess& operator=(HelperProcess const&) = delete;

  pid_t pid() const { return pid_; }
  void end() {
    if (pid_ < 0) return;
    release_.reset();
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  UniqueFd release_;
};

}  // namespace b2b::test
