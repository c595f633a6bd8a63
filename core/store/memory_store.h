// What tests do to a store of make_memory_store() that no caller of a store can.
#pragma once

#include <string>

#include "core/store/store.h"

namespace b2b {

// As a plain S3 DELETE does: a hide marker becomes the newest version of `key`. `store` was made by make_memory_store(), versioned.
void hide_in_memory_store(Store& store, std::string const& key);

}  // namespace b2b
