// The record of a restore around the gateway: any bytes are no record, or one that is written and read back the same.
#include <cstdint>

#include "core/util/encoding.h"
#include "core/util/error.h"
#include "daemon/service/rollback_record.h"

using namespace b2b;
using namespace b2b::service;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const record = rollback_record_from(as_text({data, size}));
  if (!record) return 0;
  std::string const text = rollback_record_text(*record);
  auto const again = rollback_record_from(text);
  B2B_ASSERT(again && again->request == record->request && again->state == record->state);
  B2B_ASSERT(rollback_record_text(*again) == text);
  RollbackPlan plan(*record);
  static_cast<void>(plan.resumed(1));
  B2B_ASSERT(!rollback_text(plan.record(), {}, plan.record().asked).empty());
  return 0;
}
