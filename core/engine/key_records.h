// What this machine remembers of the key slots of the repository it pushes to, in the index: which slot its
// own secret has, whether there is a recovery code, and when the slots were looked at last. By the place
// (endpoint, bucket, prefix), so that a status can be told without asking the store. When the records are
// lost, the next look at the slots writes them again; only a former application key's slot then stays until
// somebody removes it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/engine/index.h"
#include "core/packed/format.h"
#include "core/util/clock.h"

namespace b2b {

class KeyRecords {
 public:
  // The index must outlive this.
  KeyRecords(Index& index, Config const& config);

  // nullopt: this machine has not opened a repository of the packed layout there.
  Result<std::optional<bool>> recovery_code() const;
  Result<void> set_recovery_code(bool there_is_one);

  Result<std::optional<TimePoint>> looked_at() const;
  Result<void> set_looked_at(TimePoint time);

  // Slots that were for the secret this machine's pushes relied on: one for the present secret, and those of
  // former ones that are still to go.
  struct OwnSlot {
    packed::SlotId slot{};
    std::string secret;  // packed::secret_digest, in hex
  };
  Result<std::vector<OwnSlot>> own_slots() const;
  Result<void> remember(OwnSlot const& slot);
  Result<void> forget(packed::SlotId const& slot);

  // What a person should know of the keys and do about them; empty: nothing.
  Result<std::string> problem() const;
  Result<void> set_problem(std::string const& text);

 private:
  std::string name(std::string_view what) const;
  Index& index_;
  std::string const place_;
};

}  // namespace b2b
