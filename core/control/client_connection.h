// The client's connection: found, checked, connected; bytes out and in, each with a limit to how long nothing
// may happen. Ends as soon as a stop is requested.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>

#include "core/control/client.h"
#include "core/util/fd.h"

namespace b2b::control {

class ClientConnection {
 public:
  static Result<std::unique_ptr<ClientConnection>> open(ClientSettings const& settings,
                                                        std::stop_token const& stop);

  // All of it, or until the other side closes (which is no error here: its answer may be waiting).
  Result<void> send(std::string_view bytes, std::chrono::milliseconds progress_timeout);
  // At least one byte; zero at the end.
  Result<std::size_t> receive(std::span<char> buffer, std::chrono::milliseconds progress_timeout);

 private:
  explicit ClientConnection(std::stop_token stop) : stop_(std::move(stop)) {}
  Result<void> prepare();
  Result<void> connect(std::string const& path, std::chrono::milliseconds timeout);
  // False when nothing happened in that time. A zero timeout is none.
  Result<bool> wait(short events, std::chrono::milliseconds timeout);

  std::stop_token const stop_;
  UniqueFd socket_;
  UniqueFd stop_read_;  // readable once a stop was requested
  UniqueFd stop_write_;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;  // the first to go
};

}  // namespace b2b::control
