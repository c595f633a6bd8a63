// Says at once that a restore waits for a person: whoever asked for --stop-gateway expects something to happen. While it lives
// it asks the daemon for its status on a thread of its own, until the restore waits or is at work.
#pragma once

#include <thread>

#include "core/control/client.h"
#include "daemon/control/console.h"

namespace b2b::daemonctl {

class TellWaiting {
 public:
  // Both must outlive it.
  TellWaiting(control::Client const& client, Console& console);

 private:
  void run(std::stop_token const& done);
  control::Client const& client_;
  Console& console_;
  std::jthread thread_;
};

// Pure. What to say to somebody whose restore this is the status of; nullopt: nothing (yet). `settled`: nor will there be.
std::optional<std::string> waiting_text(boost::json::object const& status, bool& settled);

}  // namespace b2b::daemonctl
