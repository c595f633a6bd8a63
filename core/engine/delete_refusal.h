// That the application key may not delete here (an append-only key), found out by trying and remembered, so that it is told once and not tried at
// each push. A key's rights do not change: another key is tried at once, the same one after a week; or after a day, where so little was tried that it
// may be Object Lock that holds just that.
#pragma once

#include <optional>

#include "core/engine/context.h"

namespace b2b {

class DeleteRefusal {
 public:
  // The context must outlive it. Only `config`, `store`'s name and `index` are used.
  explicit DeleteRefusal(EngineContext& context) : DeleteRefusal(*context.index, context.config) {}
  DeleteRefusal(Index& index, Config const& config);

  // Since when it is known, by the store's clock; nullopt: it may, as far as is known.
  Result<std::optional<TimePoint>> since() const;
  // It was tried within the last week (or day), in vain.
  Result<bool> is_fresh(TimePoint now) const;
  // Everything that was tried was refused; `little`: it was not much. True: that is new.
  Result<bool> refused(TimePoint now, bool little);
  // Something could be deleted, or nothing is to be any more.
  Result<void> clear();

 private:
  struct Times {
    TimePoint since{};
    TimePoint tried{};
    bool little = false;
  };
  Result<std::optional<Times>> times() const;

  Index& index_;
  std::string const key_;
};

}  // namespace b2b
