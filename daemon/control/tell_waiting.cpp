#include "daemon/control/tell_waiting.h"

#include <unistd.h>

#include <cstdio>

#include "core/util/encoding.h"
#include "core/util/wait.h"
#include "daemon/control/members.h"
#include "daemon/control/status_text.h"

namespace b2b::daemonctl {
namespace {

constexpr std::chrono::milliseconds period{250};
constexpr std::chrono::milliseconds moment{5'000};

}  // namespace

std::optional<std::string> waiting_text(boost::json::object const& status, bool& settled) {
  settled = false;
  boost::json::object const& restore = object_of(status, "restore");
  if (!restore_is_active(status)) return std::nullopt;  // the last one, or none: ours is still being prepared
  if (flag_of(restore, "waits")) {
    settled = true;
    return printable(text_of(restore, "text")) + " To give it up: Ctrl-C, or daemonctl cancel " + count_of(restore, "job");
  }
  settled = text_of(restore, "state") != "queued";
  return std::nullopt;
}

TellWaiting::TellWaiting(control::Client const& client, Console& console)
    : client_(client), console_(console), thread_([this](std::stop_token const& done) { run(done); }) {}

void TellWaiting::run(std::stop_token const& done) {
  for (bool settled = false; !settled && wait_unless_stopped(period, done);) {
    control::Call call;
    call.target = "/v1/status";
    call.progress_timeout = moment;
    auto const status = client_.call_json(call, done);
    if (!status) continue;
    auto const text = waiting_text(*status, settled);
    if (!text) continue;
    if (::isatty(STDERR_FILENO) == 1) std::fputs("\r\033[K", stderr);  // where a progress line may stand
    console_.warn(*text);
  }
}

}  // namespace b2b::daemonctl
