// Any bytes as the answer of b2_authorize_account: refused, or an account with a usable endpoint.
#include <cstdint>

#include "core/store/s3/endpoint.h"
#include "core/store/s3/s3.h"
#include "core/util/encoding.h"

using namespace b2b;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const account = s3::parse_authorize_account(as_text({data, size}));
  if (!account) return 0;
  B2B_ASSERT(s3::parse_endpoint(account->s3_endpoint).has_value());
  B2B_ASSERT(!account->region.empty());
  for (auto const& bucket : account->allowed_buckets)
    B2B_ASSERT(!bucket.empty());
  auto const checked = s3::check_account(*account, "bucket", "prefix");
  if (!checked) B2B_ASSERT(!checked.error().message.empty());
  return 0;
}
