// Any bytes as a Date or Retry-After header, an ISO time, or the URL of an endpoint.
#include <cstdint>

#include "core/store/s3/endpoint.h"
#include "core/store/s3/retry.h"
#include "core/util/clock.h"
#include "core/util/encoding.h"

using namespace b2b;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text = as_text({data, size});
  if (auto const time = parse_iso8601(text)) {
    auto const whole = std::chrono::floor<std::chrono::milliseconds>(*time);
    B2B_ASSERT(parse_iso8601(format_iso8601(*time)) == TimePoint(whole));
  }
  if (auto const date = parse_http_date(text)) B2B_ASSERT(parse_iso8601(format_iso8601(*date)) == *date);
  if (auto const wait = s3::parse_retry_after(text, TimePoint{})) B2B_ASSERT(wait->count() >= 0);
  if (auto const endpoint = s3::parse_endpoint(text)) {
    B2B_ASSERT(endpoint->tls || s3::is_loopback(endpoint->host));
    auto const again = s3::parse_endpoint((endpoint->tls ? "https://" : "http://") + endpoint->authority());
    B2B_ASSERT(again && again->host == endpoint->host && again->port == endpoint->port);
    B2B_ASSERT(!s3::region_of(*endpoint).empty());
  }
  return 0;
}
