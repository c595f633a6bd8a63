// The fake S3 server in a process of its own: for tests that measure or kill this one, and for benchmarks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace b2b::test {

class FakeServerProcess {
 public:
  // Starts b2b_fake_s3 from the build directory with these arguments and waits until it listens. Throws
  // std::runtime_error. `scratch` is a directory for its port file.
  FakeServerProcess(std::string const& scratch, std::vector<std::string> const& arguments = {});
  FakeServerProcess(FakeServerProcess const&) = delete;
  FakeServerProcess& operator=(FakeServerProcess const&) = delete;
  ~FakeServerProcess();

  std::uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // POST /__control with this JSON; GET /__control/stats. Plain HTTP only. Throw std::runtime_error.
  void control(std::string const& json) const;
  std::string stats() const;
  void stop();  // SIGTERM, and waits

 private:
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace b2b::test
