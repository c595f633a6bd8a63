// The parameters of each job as they come from outside: an API body, or what daemonctl made of its command line. Pure.
//
// Strict: an unknown member, a wrong type, a missing member or text that no job can use is Condition::usage and names the
// member and the job. What is left out has the value it has here.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/snapshot/snapshot_layout.h"
#include "core/util/clock.h"
#include "core/util/error.h"

namespace b2b::jobs {

struct PushParameters {
  bool dry_run = false;   // dryRun
  bool wait = true;       // the daemon's: answer when it is done, or when it is taken
};
// Reading jobs take `at`: the bucket is read as it was then (core/engine/at_time.h). Empty: as it is.
using ReadAt = std::optional<TimePoint>;

struct SnapshotsParameters {
  ReadAt at;
  bool all = false;
};
struct LsParameters {
  ReadAt at;
  std::string snapshot;
  std::string path;       // empty: everything
};
struct CatParameters {
  ReadAt at;
  std::string snapshot;
  std::string path;
};
struct DiffParameters {
  ReadAt at;
  std::string first;
  std::string second;     // empty: what is there now
};
struct VerifyParameters {
  std::string snapshot;   // empty: all
  bool read_data = false; // readData; also with
  unsigned read_percent = 100;  // readDataSubset
};
struct RepairParameters {
  bool index_only = false;  // index
  bool read_data = true;    // readData
};
// What a restore in place does about a gateway that runs (docs/gateway.md).
enum class GatewayChoice { refuse, when_stopped, stop };

struct RestoreParameters {
  ReadAt at;
  std::string snapshot;
  std::vector<std::string> paths;
  std::string target;     // absolute; empty: in place
  bool dry_run = false;   // dryRun
  bool safety = true;
  bool with_secrets = false;  // withSecrets
  bool yes = false;
  GatewayChoice gateway = GatewayChoice::refuse;
  bool wait = true;                     // false: answer when it is queued
  std::uint64_t expires_seconds = 900;  // expiresSeconds
  std::uint64_t delay_seconds = 0;      // delaySeconds
};
inline constexpr std::uint64_t restore_expires_max_seconds = 7 * 86'400;
inline constexpr std::uint64_t restore_delay_max_seconds = 60;
struct PruneParameters {
  bool dry_run = false;   // dryRun
  bool give_up_hidden = false;  // giveUpHidden
  bool take_over = false; // takeOver
  bool yes = false;
};
struct ForgetParameters {
  std::vector<std::string> paths;
  bool dry_run = false;   // dryRun
  bool yes = false;
};
struct PinParameters {
  std::string snapshot;
  bool remove = false;
};

struct CopyParameters {
  std::string snapshot;
  SnapshotLayout to = SnapshotLayout::packed;   // toLayout
  bool switch_over = false;                     // switch
};

Result<PushParameters> push_parameters(boost::json::object const& given);
Result<SnapshotsParameters> snapshots_parameters(boost::json::object const& given);
Result<LsParameters> ls_parameters(boost::json::object const& given);
Result<CatParameters> cat_parameters(boost::json::object const& given);
Result<DiffParameters> diff_parameters(boost::json::object const& given);
Result<VerifyParameters> verify_parameters(boost::json::object const& given);
Result<RepairParameters> repair_parameters(boost::json::object const& given);
Result<RestoreParameters> restore_parameters(boost::json::object const& given);
Result<PruneParameters> prune_parameters(boost::json::object const& given);
Result<CopyParameters> copy_parameters(boost::json::object const& given);
Result<PinParameters> pin_parameters(boost::json::object const& given);
Result<ForgetParameters> forget_parameters(boost::json::object const& given);

// Reads members of one object and keeps the first thing that is wrong; finish() tells it, or names a member that nobody
// asked for. The helper of all of the above, and of other API bodies.
class ParameterReader {
 public:
  static constexpr std::size_t text_max_bytes = 16 * 1024;
  static constexpr std::size_t texts_max = 1000;

  // Both must outlive the reader.
  ParameterReader(std::string_view what, boost::json::object const& given) : what_(what), given_(given) {}

  bool flag(std::string_view name, bool otherwise);
  std::string text(std::string_view name);            // empty when left out
  std::string required_text(std::string_view name);   // neither left out nor empty
  std::uint64_t required_number(std::string_view name);
  std::uint64_t number(std::string_view name, std::uint64_t otherwise);
  std::vector<std::string> texts(std::string_view name);
  boost::json::object object(std::string_view name);  // empty when left out
  std::optional<TimePoint> time(std::string_view name);   // "2026-02-19T12:00:00Z"; empty when left out
  Result<void> finish() const;

 private:
  boost::json::value const* find(std::string_view name);
  void wrong(std::string_view name, std::string_view problem);
  bool usable(std::string_view name, std::string_view text);

  std::string_view what_;
  boost::json::object const& given_;
  std::vector<std::string_view> known_;
  std::string problem_;
  std::string problem_name_;
};

}  // namespace b2b::jobs
