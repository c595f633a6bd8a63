// What a service tells the service manager that started it: that it is ready, what it is doing, that it still lives.
// On Linux this is systemd's notification protocol (a datagram to $NOTIFY_SOCKET), elsewhere nothing.
//
// Nothing here ever blocks or fails: without a service manager every call does nothing, and a manager that cannot be
// reached is warned about once. A state (ready, reloading, stopping) that found its queue full goes out in front of the
// next message of any kind. Thread-safe.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/util/fd.h"

namespace b2b {

// The variables that a service manager sets; empty: not set.
struct ServiceEnvironment {
  std::string notify_socket;   // NOTIFY_SOCKET: a path, or '@' and an abstract name
  std::string watchdog_usec;   // WATCHDOG_USEC
  std::string watchdog_pid;    // WATCHDOG_PID: whom the watchdog is for
};

// Reads the variables and removes them from the environment, so that no command that we start takes them for its own.
// Call it once, before there are threads.
ServiceEnvironment take_service_environment();

class ServiceManager {
 public:
  // Warns when the variables are there and cannot be used. `own_pid`: what WATCHDOG_PID is compared with.
  ServiceManager(ServiceEnvironment const& environment, int own_pid);
  ServiceManager(ServiceManager const&) = delete;
  ServiceManager& operator=(ServiceManager const&) = delete;

  bool present() const { return static_cast<bool>(socket_); }

  void ready();                                              // start, or reload, is complete
  void status(std::string_view text);                        // one line for people; long ones are cut
  void reloading(std::chrono::microseconds monotonic_now);   // Clock::monotonic(); ready() says that it is over
  void stopping();
  void watchdog();                                           // I live

  // The start, reload or stop under way needs this much longer, counted from now. Repeat it before that time is over.
  void extend_timeout(std::chrono::microseconds by);

  // How often watchdog() wants to be called: half of what the manager allows. nullopt: it does not watch us.
  std::optional<std::chrono::microseconds> watchdog_interval() const { return watchdog_interval_; }

 private:
  enum class Kind { state, news };
  void send(Kind kind, std::string_view message);

  UniqueFd socket_;
  std::string address_;   // as the operating system takes it
  std::optional<std::chrono::microseconds> watchdog_interval_;
  std::mutex mutex_;
  std::string unsent_state_;
  bool warned_ = false;
};

}  // namespace b2b
