// The pool of connections to one endpoint: idle ones are kept for a short while and used again, at most
// `transfers` exchanges run at once, others wait their turn. Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "core/store/s3/connection.h"
#include "core/store/s3/resolver.h"

namespace b2b::s3 {

struct TransportSettings {
  ConnectionSettings connection;
  std::string ca_file;
  std::size_t transfers = 32;
  std::uint64_t upload_bytes_per_second = 0;
  std::uint64_t download_bytes_per_second = 0;
};

class Transport {
 public:
  static Result<std::unique_ptr<Transport>> create(TransportSettings const& settings, Clock& clock);
  ~Transport();

  // One request and its answer. A kept connection that turns out to be closed before anything came back is
  // replaced at once, without that counting as a failure. `fresh` asks for a new connection from the start
  // (retries).
  Result<Answer> exchange(Exchange const& exchange, bool fresh, Traffic& traffic,
                          std::stop_token const& stop);
  std::optional<std::chrono::nanoseconds> silent_since() const {
    return settings_.connection.silence ? settings_.connection.silence->since() : std::nullopt;
  }

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    std::chrono::nanoseconds since;
  };

  Transport(TransportSettings const& settings, std::unique_ptr<TlsContext> tls, Clock& clock);
  Result<std::unique_ptr<Connection>> connect(std::stop_token const& stop);
  std::unique_ptr<Connection> take_idle();
  void keep(std::unique_ptr<Connection> connection);
  Result<Answer> exchange_now(Exchange const& exchange, bool fresh, Traffic& traffic,
                              std::stop_token const& stop);

  TransportSettings const settings_;
  std::unique_ptr<TlsContext> tls_;
  Clock& clock_;
  Bandwidth upload_;
  Bandwidth download_;
  Resolver resolver_;
  std::mutex mutex_;
  std::condition_variable_any turn_;
  std::size_t running_ = 0;
  std::vector<Idle> idle_;  // the one used last is at the end
};

}  // namespace b2b::s3
