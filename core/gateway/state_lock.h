// Where a gateway of OpenClaw 2026.9 keeps the lock of its state directory, and which bytes of it are the
// lock.
#pragma once

#include <string>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "core/util/file.h"

namespace b2b {

constexpr std::string_view gateway_lock_name = "gateway.state.lock.sqlite";

inline std::string gateway_lock_directory(std::string const& state_dir) {
  return join_path(join_path(state_dir, "tmp"), "openclaw-" + std::to_string(::geteuid()));
}

// SQLite's PENDING_BYTE, then the reserved and the shared bytes.
inline struct flock gateway_lock_bytes(short type) {
  struct flock out {};
  out.l_type = type;
  out.l_whence = SEEK_SET;
  out.l_start = 0x40000000;
  out.l_len = 512;
  return out;
}

}  // namespace b2b
