// Waiting that a requested stop ends.
#pragma once

#include <chrono>
#include <stop_token>

namespace b2b {

// Blocks for `wait`, on the system's clock; false when a stop was requested before or meanwhile.
bool wait_unless_stopped(std::chrono::nanoseconds wait, std::stop_token const& stop);

}  // namespace b2b
