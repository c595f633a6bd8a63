#include "core/control/responder.h"

namespace b2b::control {

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    abandon();
    target_ = std::move(other.target_);
  }
  return *this;
}

Responder::~Responder() {
  abandon();
}

void Responder::send(Response response) {
  auto const target = std::exchange(target_, nullptr);
  B2B_ASSERT(target != nullptr);
  target->answer(std::move(response));
}

void Responder::abandon() {
  if (target_ == nullptr) return;
  send(Response::failed(make_error(Condition::internal, "the daemon did not finish this request",
                                   "Look into the daemon's log, then try again")));
}

}  // namespace b2b::control
