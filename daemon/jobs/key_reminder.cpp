#include "core/engine/key_records.h"
#include "daemon/jobs/jobs.h"

namespace b2b::jobs {
namespace {

constexpr std::string_view acknowledged = "key-loss-acknowledged";

}  // namespace

Result<std::string> key_reminder(EngineContext& context) {
  Config const& config = context.config;
  if (!config.encrypt || !config.encryption_key.empty()) return std::string();
  B2B_ASSIGN(auto const done, context.index->value(acknowledged));
  if (done) return std::string();
  if (config.layout == LayoutChoice::packed) {  // a recovery code opens them, too; without one status says how to make it
    B2B_ASSIGN(auto const code, KeyRecords(*context.index, config).recovery_code());
    if (code) return std::string();
  }
  return std::string(
      "the backups are encrypted with the B2 application key, which the B2 console shows only once: whoever loses it loses "
      "the backups. Put it away safely, or better set an encryptionKey of your own. Then daemonctl config acknowledge-key "
      "ends this reminder");
}

Result<void> acknowledge_key(Index& index) { return index.set_value(acknowledged, "yes"); }

}  // namespace b2b::jobs
