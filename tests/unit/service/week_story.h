// A few days with everything in them, told the same way on every store.
#pragma once

#include "tests/unit/service/week.h"

namespace b2b::test {

// From midnight (UTC) on. `store`: instead of the one in memory.
void tell_story(TimePoint midnight, Store* store = nullptr);

}  // namespace b2b::test
