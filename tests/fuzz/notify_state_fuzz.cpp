// What was told, as stored text; and the address of a health check: any bytes give a bounded state, and a
// target that cannot break out of its request line.
#include <cstdint>

#include "core/notify/ping_address.h"
#include "core/notify/rate_limit.h"
#include "core/util/encoding.h"

using namespace b2b;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text = as_text({data, size});
  NotifyState const state = notify_state_from(text);
  B2B_ASSERT(state.told.size() <= told_failures_max);
  NotifyState const stored = notify_state_from(to_text(state));  // times in whole milliseconds from here on
  B2B_ASSERT(stored.told.size() == state.told.size() && stored.failing == state.failing);
  B2B_ASSERT(notify_state_from(to_text(stored)) == stored);

  NotifyState next = stored;
  B2B_ASSERT(decide(next, NotifyKind::success, {}, TimePoint{}, std::chrono::hours(1)).tell);
  B2B_ASSERT(decide(next, NotifyKind::failure, "never told", TimePoint{}, std::chrono::hours(1)).tell);
  B2B_ASSERT(next.failing && next.told.size() <= told_failures_max);

  if (auto const address = parse_ping_address(Secret(text))) {
    B2B_ASSERT(!address->host.empty() && address->port != 0);
    for (Ping const ping : {Ping::start, Ping::success, Ping::failure}) {
      Secret const target = address->target(ping);
      B2B_ASSERT(target.reveal().starts_with('/'));
      for (char const c : target.reveal())
        B2B_ASSERT(c > 0x20 && c < 0x7f && c != '#');
    }
  }
  return 0;
}
