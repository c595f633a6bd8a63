// The plan of one restore, kept in a private SQLite file while it is carried out, so that its size does not
// matter. One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/restore_plan.h"
#include "core/sqlite/sqlite.h"
#include "core/util/error.h"

namespace b2b {

struct PlanRow {
  PlanItem item;
  std::uint64_t number = 0;      // names its file in the staging folders
  bool staged = false;           // it lies there, whole
  bool staged_database = false;  // and begins with SQLite's magic
};

struct PlanTotals {
  std::uint64_t files_written = 0;  // files and symbolic links
  std::uint64_t metadata_set = 0;   // of files
  std::uint64_t unchanged = 0;
  std::uint64_t moved_away = 0;
  std::uint64_t directories_made = 0;
  std::uint64_t directories_removed = 0;  // or may be
  std::uint64_t directories_changed = 0;  // mode or owner
  std::uint64_t overwritten = 0;  // existing things that are replaced, moved away or get other metadata
  std::uint64_t refused = 0;
  std::uint64_t bytes = 0;             // to fetch
  std::vector<std::string> databases;  // existing ones that would change; at most a few
  bool makes_databases = false;
  bool changes_gateway_files = false;  // gateway_files.h: would be written or moved away
  bool changes_databases() const { return makes_databases || !databases.empty(); }
  bool changes_anything() const {
    return files_written + metadata_set + moved_away + directories_made + directories_removed +
               directories_changed >
           0;
  }
};

class PlanStore {
 public:
  // `first_number`: rows are numbered from there on.
  static Result<PlanStore> create(std::string const& path, std::uint64_t first_number = 1);
  std::uint64_t next_number() const { return next_number_; }

  Result<void> put(PlanItem const& item);
  Result<std::optional<PlanRow>> find(std::string_view path);
  Result<void> set_staged(std::uint64_t number, bool database);
  // The file that was staged for the same path in another plan is this one's now, with its number.
  Result<void> take_staged(PlanRow const& staged);
  Result<void> set_refused(std::uint64_t number, std::string_view problem);

  enum class Order {
    ascending,
    descending
  };  // of paths; descending comes to children before their directories
  // The store may be changed during the visits.
  Result<void> for_each(std::initializer_list<PlanAction> actions, Order order,
                        std::function<Result<void>(PlanRow&&)> const& visit);
  // Up to a few hundred rows of one action after `last`, ascending.
  Result<std::vector<PlanRow>> batch(PlanAction action, std::string_view last, bool from_start);
  Result<bool> moves_anything_below(std::string_view directory);

  struct MountNeeds {
    std::uint64_t bytes = 0;  // to be staged there, in whole blocks
    std::uint64_t entries = 0;
  };
  // Every file system that the plan stages or moves something on.
  Result<std::map<std::string, MountNeeds>> mounts();

 private:
  Result<std::vector<PlanRow>> next_rows(std::string const& actions, Order order, std::string_view last,
                                         bool from_start);
  PlanStore(sqlite::Database database, std::uint64_t first_number)
      : database_(std::move(database)), next_number_(first_number) {}
  sqlite::Database database_;
  std::uint64_t next_number_;
  std::optional<sqlite::Statement> insert_;  // after the database, so that it goes first
  std::optional<sqlite::Statement> find_;
  std::optional<sqlite::Statement> set_staged_;
};

// Counts an item as it is planned.
void count_item(PlanTotals& totals, PlanItem const& item);

}  // namespace b2b
