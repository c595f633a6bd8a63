// What a read(2) from an inotify descriptor holds, decoded. Pure; any bytes are safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace b2b {

struct InotifyEvent {
  int watch = -1;          // -1 for an overflow
  std::uint32_t mask = 0;  // IN_… of <sys/inotify.h>
  std::string_view name;   // entry of the watched directory, without '/'; empty: the directory itself. Points into the bytes
};

// Takes the next event off `bytes`. nullopt with bytes left: they are not what the kernel writes.
std::optional<InotifyEvent> next_inotify_event(std::span<std::uint8_t const>& bytes);

}  // namespace b2b
