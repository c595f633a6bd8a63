// The target of a restore as it is now, for the plan: looks, hashes and, for databases in place, captures to
// compare. Changes nothing.
#pragma once

#include <memory>
#include <string>

#include "core/capture/spool.h"
#include "core/engine/context.h"
#include "core/engine/restore_plan.h"

namespace b2b {

class LiveTarget final : public TargetView {
 public:
  // `tree` null: there is nothing at the target yet. `scratch_dir` is for captures of databases, which are
  // made only in place.
  LiveTarget(EngineContext& context, TargetTree const* tree, std::string scratch_dir, std::uint64_t name_max,
             bool in_place);

  Result<std::optional<NodeStatus>> status(std::string_view path) override;
  Result<std::string> link_target(std::string_view path) override;
  Result<bool> holds(CatalogEntry const& entry, NodeStatus const& existing) override;
  Result<bool> has_database(std::string_view path, NodeStatus const& existing) override;
  std::uint64_t name_max() const override { return name_max_; }

 private:
  Result<bool> same_bytes(CatalogEntry const& entry);
  Result<bool> same_capture(CatalogEntry const& entry, bool scrub);
  Result<bool> has_header(std::string_view path);

  EngineContext& context_;
  TargetTree const* tree_;
  std::string const scratch_dir_;
  std::uint64_t const name_max_;
  bool const in_place_;
  std::shared_ptr<Spool> spool_;
};

// Does the open file begin with SQLite's magic? False for what cannot be read.
bool begins_like_a_database(int fd);

}  // namespace b2b
