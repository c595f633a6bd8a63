// Where a reading job reads: the bucket as it is, or as it was at the time that its parameter `at` names.
#pragma once

#include <memory>

#include "core/engine/at_time.h"
#include "daemon/jobs/parameters.h"

namespace b2b::jobs {

class ReadFrom {
 public:
  // `now` must outlive it. Errors: as AtTime::open().
  static Result<ReadFrom> open(EngineContext& now, ReadAt const& at) {
    if (!at) return ReadFrom(now, nullptr);
    B2B_ASSIGN(auto then, AtTime::open(now, *at));
    return ReadFrom(now, std::move(then));
  }
  EngineContext& context() const { return then_ ? then_->context() : now_; }
  // What a person should know of that time; empty: nothing.
  std::string hint() const { return then_ ? then_->hint() : std::string(); }

 private:
  ReadFrom(EngineContext& now, std::unique_ptr<AtTime> then) : now_(now), then_(std::move(then)) {}
  EngineContext& now_;
  std::unique_ptr<AtTime> then_;
};

}  // namespace b2b::jobs
