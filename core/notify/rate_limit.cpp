#include "core/notify/rate_limit.h"

#include <algorithm>

#include "core/util/encoding.h"

namespace b2b {
namespace {

constexpr std::size_t key_bytes_max = 400;
constexpr std::string_view stale_key = "stale";

void note_told(NotifyState& state, std::string_view what, TimePoint now) {
  std::erase_if(state.told, [&](ToldFailure const& entry) { return entry.what == what; });
  if (state.told.size() >= told_failures_max) state.told.erase(state.told.begin());
  state.told.push_back({std::string(what), now});
  state.failing = true;
}

}  // namespace

std::string_view notify_kind_name(NotifyKind kind) {
  switch (kind) {
    case NotifyKind::success:
      return "success";
    case NotifyKind::failure:
      return "failure";
    case NotifyKind::stale:
      return "stale";
  }
  return "unknown";
}

std::string failure_key(Error const& error) {
  std::string key(condition_name(error.condition));
  key += ": ";
  for (char const c : printable(error.message))
    if (c < '0' || c > '9') key.push_back(c);
  if (key.size() > key_bytes_max) {
    std::size_t end = key_bytes_max;
    while ((static_cast<unsigned char>(key[end]) & 0xc0u) == 0x80)
      --end;  // no half of a character
    key.resize(end);
  }
  return key;
}

NotifyDecision decide(NotifyState& state, NotifyKind kind, std::string_view failure, TimePoint now,
                      std::chrono::nanoseconds interval) {
  std::erase_if(state.told,
                [&](ToldFailure const& entry) { return entry.at > now || now - entry.at >= interval; });
  if (kind == NotifyKind::success) {
    bool const recovery = state.failing;
    state.failing = false;
    for (ToldFailure& entry : state.told) {
      entry.recovered = true;
      entry.again = false;
    }
    return {true, recovery};
  }
  std::string_view const what = kind == NotifyKind::stale ? stale_key : failure;
  auto const known = std::find_if(state.told.begin(), state.told.end(),
                                  [&](ToldFailure const& entry) { return entry.what == what; });
  if (known != state.told.end() && (!known->recovered || !known->again)) {
    if (known->recovered) known->again = true;
    return {};
  }
  note_told(state, what, now);
  return {true, false};
}

}  // namespace b2b
