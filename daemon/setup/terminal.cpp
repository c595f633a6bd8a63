// The person at the terminal. Ctrl-C at a question ends it at once: the signals are taken by a thread of
// their own (daemon/control/process.h), so each wait for input also waits for the stop.
#include <array>
#include <cerrno>
#include <cstdio>

#include <poll.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include "core/util/fd.h"
#include "daemon/setup/asker.h"

namespace b2b::setup {
namespace {

Error gone() {
  return make_error(Condition::cancelled, "interrupted");
}

// Echo off while it lives. What was typed ahead is dropped: it was not meant for this question.
class NoEcho {
 public:
  NoEcho() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK);
    quiet.c_lflag |= ECHONL;
    active_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  NoEcho(NoEcho const&) = delete;
  ~NoEcho() {
    if (active_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  bool active() const { return active_; }

 private:
  termios before_{};
  bool active_ = false;
};

class Terminal final : public Asker {
 public:
  Terminal(bool wanted, std::stop_token stop)
      : wanted_(wanted), stop_(std::move(stop)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  bool is_there() const override { return wanted_; }

  Result<std::string> line(std::string_view question) override {
    show(question);
    return read_line();
  }

  Result<Secret> hidden(std::string_view question) override {
    NoEcho const quiet;
    if (!quiet.active())
      return make_error(Condition::unsupported, "this terminal cannot be kept from showing what is typed",
                        "Give the key in a file (--key-file) or in the environment (B2_APPLICATION_KEY)");
    show(question);
    B2B_ASSIGN(std::string typed, read_line());
    Secret out(typed);
    wipe(typed.data(), typed.size());
    return out;
  }

 private:
  static void show(std::string_view question) {
    std::fwrite(question.data(), 1, question.size(), stderr);
    std::fflush(stderr);
  }

  // Byte by byte is enough for what is typed, and takes nothing that the next question needs.
  Result<std::string> read_line() {
    std::stop_callback const poke(stop_, [fd = wake_.get()] {
      std::uint64_t const one = 1;
      [[maybe_unused]] auto const written = ::write(fd, &one, sizeof one);
    });
    std::string out;
    out.reserve(line_bytes_max);  // so that no copy of a secret is left behind
    for (;;) {
      std::array<pollfd, 2> waiting{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
      if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return gone();
      if (stop_.stop_requested()) {
        show("\n");
        wipe(out.data(), out.size());
        return gone();
      }
      if (waiting[0].revents == 0) continue;
      char byte = 0;
      auto const got = ::read(STDIN_FILENO, &byte, 1);
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got <= 0) {
        show("\n");
        return gone();
      }
      if (byte == '\n') return out;
      if (out.size() < line_bytes_max) out.push_back(byte);
    }
  }

  bool const wanted_;
  std::stop_token const stop_;
  UniqueFd const wake_;
};

}  // namespace

std::unique_ptr<Asker> terminal_asker(bool wanted, std::stop_token stop) {
  return std::make_unique<Terminal>(wanted, std::move(stop));
}

}  // namespace b2b::setup
