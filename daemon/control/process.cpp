#include "daemon/control/process.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

namespace b2b::control {

void harden_process() {
  rlimit const no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
#ifndef __SANITIZE_ADDRESS__  // the leak check needs to look at its own process
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
  ::signal(SIGPIPE, SIG_IGN);
  ::umask(077);
  ::mallopt(M_ARENA_MAX, 2);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 20);
  ::mallopt(M_MMAP_THRESHOLD, 256 << 10);
}

std::stop_token stop_on_signals() {
  static std::stop_source source;
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals] {
    for (int count = 0;;) {
      int signal = 0;
      if (::sigwait(&signals, &signal) != 0) continue;
      if (++count > 1) ::_exit(130);
      source.request_stop();
    }
  }).detach();
  return source.get_token();
}

}  // namespace b2b::control
