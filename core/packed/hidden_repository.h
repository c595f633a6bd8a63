// A repository that is hidden, by deletes without a version, and must not be taken for one that was never made.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "core/store/store.h"

namespace b2b::packed {

// Errors: refused, when `config` is hidden (docs/format.md, "config"): what was hidden and when, and how it is read; the store's. One request, and,
// when it is, one for a thousand versions under the repository's prefix.
Result<void> refuse_hidden_repository(Store& store, std::string_view prefix, std::stop_token const& stop);

}  // namespace b2b::packed
