// Several swaps that happen together or not at all: the places that one restore writes to. Each has its folder with a journal of its own
// (swap.h), on its own file system; the journal of the last one, the leader, is the commit of all, and its marker says that all of them are
// undone.
//
// Every journal is durable (ready()) before the leader's is committed. Until then nothing was changed anywhere, and a restart removes the
// folders. From then on all go forward, in order, the leader last; when an operation fails anywhere, all go back, in the other order. The
// journals are kept until every part has gone the same way, and the leader's goes last. One thread.
#pragma once

#include <functional>
#include <vector>

#include "core/engine/swap.h"

namespace b2b {

class SwapGroup {
 public:
  // They outlive this. The leader is the last one.
  explicit SwapGroup(std::vector<SwapFolder*> parts) : parts_(std::move(parts)) {}

  // All parts are ready(): from here on it happens. An error: nothing was changed.
  Result<void> commit(SwapHook const& hook = {});

  // What is to be written down for parts that cannot be reached now, before the leader's journal goes. Its argument: undone.
  using Decided = std::function<Result<void>(bool undone)>;
  // Goes through with it, or goes on with it after a crash. An error: neither way worked; everything is kept for the next try.
  Result<SwapOutcome> run(SwapHook const& hook = {}, Decided const& decided = {});

 private:
  Result<void> forwards(SwapHook const& hook);
  Result<void> backwards(SwapHook const& hook);
  SwapFolder& leader() const { return *parts_.back(); }
  std::vector<SwapFolder*> parts_;
};

}  // namespace b2b
