#include "core/watch/inotify_events.h"

#include <sys/inotify.h>

#include <cstring>

#include "core/util/encoding.h"

namespace b2b {

std::optional<InotifyEvent> next_inotify_event(std::span<std::uint8_t const>& bytes) {
  inotify_event head{};
  if (bytes.size() < sizeof(head)) return std::nullopt;
  std::memcpy(&head, bytes.data(), sizeof(head));
  if (head.len > bytes.size() - sizeof(head)) return std::nullopt;
  auto name = as_text(bytes.subspan(sizeof(head), head.len));
  name = name.substr(0, name.find('\0'));  // padded with zeros
  if (name.find('/') != std::string_view::npos || name == "." || name == "..") return std::nullopt;
  bytes = bytes.subspan(sizeof(head) + head.len);
  return InotifyEvent{head.wd, head.mask, name};
}

}  // namespace b2b
