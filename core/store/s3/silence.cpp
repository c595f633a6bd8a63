#include "core/store/s3/silence.h"

#include <sys/ioctl.h>

#include <algorithm>

namespace b2b::s3 {
namespace {

constexpr std::uint64_t taken_by_the_network = 512 * 1024;

}  // namespace

void Silence::begins() {
  std::scoped_lock lock(mutex_);
  ++waiting_;
  if (!since_) since_ = clock_.monotonic();
}

void Silence::sign_of_life() {
  std::scoped_lock lock(mutex_);
  since_ = clock_.monotonic();
}

void Silence::ends(End how) {
  std::scoped_lock lock(mutex_);
  --waiting_;
  if (how == End::answered) since_ = clock_.monotonic();
  if (waiting_ == 0 && how != End::unanswered) since_.reset();
}

std::optional<std::chrono::nanoseconds> Silence::since() const {
  std::scoped_lock lock(mutex_);
  return since_;
}

bool TakenBytes::more(int socket) {
  int queued = 0;
  if (::ioctl(socket, TIOCOUTQ, &queued) != 0 || queued < 0) return false;
  auto const taken = written_ - std::min<std::uint64_t>(written_, static_cast<std::uint64_t>(queued));
  if (taken <= std::max(taken_, taken_by_the_network)) return false;
  taken_ = taken;
  return true;
}

}  // namespace b2b::s3
