// What /proc says about one process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace b2b {

struct ProcessInfo {
  std::string command;            // name of the program, at most 15 characters
  bool kernel_thread = false;     // has no files
  bool zombie = false;            // has ended; only its number is left
  std::uint64_t start_ticks = 0;  // clock ticks from the start of the system to its own
};

// nullopt: there is no such process (or it cannot be seen from here).
std::optional<ProcessInfo> process_info(int pid);

// Wall-clock time of the process's start in milliseconds since the epoch; nullopt when the system does not say when it
// started itself.
std::optional<std::int64_t> start_time_ms(ProcessInfo const& process);

// Does anybody listen on this TCP port, on any address? nullopt: cannot be told.
std::optional<bool> somebody_listens(std::uint16_t port);

}  // namespace b2b
