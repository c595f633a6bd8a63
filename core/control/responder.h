// The answer that a handler owes. Move-only; may be kept, moved to another thread and answered there, once.
// One that is destroyed unanswered answers with status 500, so that no client waits for ever. When the client
// has gone, or the server, the answer is dropped.
#pragma once

#include <memory>
#include <utility>

#include "core/control/message.h"

namespace b2b::control {

// Who gets the answer. Both functions may be called from any thread.
class AnswerTarget {
 public:
  virtual ~AnswerTarget() = default;
  virtual void answer(Response response) = 0;
  virtual bool gone() const = 0;
};

class Responder {
 public:
  explicit Responder(std::shared_ptr<AnswerTarget> target) : target_(std::move(target)) {}
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&& other) noexcept;
  Responder(Responder const&) = delete;
  Responder& operator=(Responder const&) = delete;
  ~Responder();

  // One of these, once.
  void send(Response response);
  void ok(boost::json::object answer = {}) { send(Response::ok(std::move(answer))); }
  void fail(Error const& error) { send(Response::failed(error)); }

  // Nobody waits for the answer any more. A job whose only use is its answer may stop early then.
  bool client_gone() const { return target_ == nullptr || target_->gone(); }

 private:
  void abandon();
  std::shared_ptr<AnswerTarget> target_;  // empty once answered
};

}  // namespace b2b::control
