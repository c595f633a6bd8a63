// Keeps every gateway of a state directory from starting, while databases are changed in it.
//
// What OpenClaw 2026.9 asks before it starts: SQLite's lock bytes of
// <stateDir>/tmp/openclaw-<uid>/gateway.state.lock.sqlite (probe.h). The fence holds them as BEGIN EXCLUSIVE
// would, so that the gateway gives up ("gateway already running", exit code 78 under a supervisor). It is an
// open-file-description lock: unlike a lock of the process, it does not go when another part of this process
// opens and closes that file. It goes with its holder, however that ends; what outlasts a crash is that the
// swap moves openclaw.json away first (restore_commit.h).
//
// What it does not keep out: releases up to 2026.2, which ask files in the temporary directory and take only
// a gateway's word there; `openclaw agent` and other commands that take no lock. Whoever changes databases
// asks open_by() for those.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/util/error.h"
#include "core/util/fd.h"

namespace b2b {

class GatewayFence {
 public:
  // Makes the lock file and its directories when they are missing, with the modes that OpenClaw gives them;
  // what was made goes again with the fence. refused: somebody (a gateway, most likely) holds the lock.
  static Result<GatewayFence> raise(std::string const& state_dir);

  GatewayFence(GatewayFence&& other) noexcept
      : fd_(std::move(other.fd_)), id_(std::exchange(other.id_, {})), made_(std::exchange(other.made_, {})) {}
  GatewayFence& operator=(GatewayFence&&) = delete;
  ~GatewayFence();

  using FileId = std::pair<std::uint64_t, std::uint64_t>;  // device, inode
  // Is this file held by a fence of this process? Thread-safe; for probe_gateway(), to which our lock is no
  // gateway.
  static bool holds(FileId const& file);

 private:
  GatewayFence(UniqueFd fd, FileId id, std::vector<std::string> made)
      : fd_(std::move(fd)), id_(id), made_(std::move(made)) {}
  UniqueFd fd_;
  FileId id_;
  std::vector<std::string> made_;  // by us: the lock file, then its directories, deepest first
};

}  // namespace b2b
