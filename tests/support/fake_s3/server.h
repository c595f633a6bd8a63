// A strict S3 server for tests and benchmarks: in memory, versioned, over HTTP or HTTPS on loopback, a thread
// per connection. It verifies signatures and digests, refuses what B2 refuses, and does wrong what it is told
// to (Faults).
//
// Besides S3 it answers GET /b2api/v{2,3,4}/b2_authorize_account, GET /__control/stats and POST /__control
// ({"faults":[…],"clear":true,"latencyMs":50,"clockOffsetSeconds":7200}); control requests need no signature.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "tests/support/fake_s3/faults.h"
#include "tests/support/fake_s3/http.h"

namespace b2b::test {

struct FakeServerOptions {
  FakeOptions s3;
  std::uint16_t port = 0;        // 0: any free one
  std::string certificate_file;  // PEM; both set: TLS
  std::string private_key_file;
};

class FakeServer {
 public:
  explicit FakeServer(FakeServerOptions options);  // starts; throws std::runtime_error when it cannot
  FakeServer(FakeServer const&) = delete;
  FakeServer& operator=(FakeServer const&) = delete;
  ~FakeServer();  // closes all connections and joins all threads

  std::uint16_t port() const;
  std::string url() const;  // "http://127.0.0.1:PORT"
  FakeOptions const& options() const;

  Faults& faults();
  FakeObjects& objects();
  void set_latency_ms(unsigned latency);  // before each answer
  void set_clock_offset_seconds(std::int64_t offset);
  void close_connections();  // all that are open now, as a server that restarts
  std::string stats_json()
      const;  // {"requests":{"GET":1},"refused":0,"connections":2,"bytesIn":0,…,"cpuSeconds":0.1}
  std::uint64_t requests(std::string const& method = {}) const;
  std::uint64_t connections() const;  // accepted so far
  std::uint64_t refused() const;      // requests with wrong signatures, digests or headers

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace b2b::test
