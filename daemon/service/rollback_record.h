// The record of a restore around a gateway on disk: `rollback.json` in the instance's data directory, one small JSON object,
// written whole and durably before each step. The last one that ended stays, for the status.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/service/rollback_plan.h"

namespace b2b::service {

std::string rollback_record_text(RollbackRecord const& record);
// nullopt: it is not one that this version can go on with.
std::optional<RollbackRecord> rollback_record_from(std::string_view text);

std::string rollback_record_path(std::string const& data_dir);
Result<void> keep_rollback_record(std::string const& data_dir, RollbackRecord const& record);
Result<void> forget_rollback_record(std::string const& data_dir);   // for a disk without room for another one
// nullopt: there is none. corrupt: there is one that cannot be understood; it is left where it is.
Result<std::optional<RollbackRecord>> load_rollback_record(std::string const& data_dir);

}  // namespace b2b::service
