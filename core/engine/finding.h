// What a check tells of an error that concerns one object.
#pragma once

#include <string>

#include "core/engine/verify.h"

namespace b2b {

// Is it about what is stored, or an error of the whole check? `unattended`: a key that may not read says nothing
// about what it could not read.
bool is_finding(Error const& error, bool unattended);
// In words; those of a key that does not open it do not speak of damage.
std::string finding_text(Error const& error);
Remedy finding_remedy(Error const& error, Remedy otherwise);

// Where snapshots are gone: what find_hidden() knows of it, else where a person looks. Errors: cancelled.
Result<std::string> way_back(EngineContext& context);

}  // namespace b2b
