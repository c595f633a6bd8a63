#include "core/snapshot/load.h"

#include "core/snapshot/manifest_fields.h"
#include "core/util/encoding.h"

namespace b2b {
namespace {

constexpr std::size_t max_rejected = 1000;

std::string problem_of(Entry const& entry) {
  if (std::string problem = path_problem(entry.path); !problem.empty()) return problem;
  if (entry.hard_link_of.empty()) return {};
  std::string const problem = path_problem(entry.hard_link_of);
  return problem.empty() ? problem : "is a hard link of a path that " + problem;
}

}  // namespace

Result<void> take_entry(SnapshotId const& id, CatalogEntry&& row, Catalog& into, std::vector<RejectedPath>& rejected) {
  if (std::string problem = problem_of(row.entry); !problem.empty()) {
    if (rejected.size() >= max_rejected) return manifest::corrupt(id, "more than 1,000 of its paths lead out of the snapshot");
    rejected.push_back({std::move(row.entry.path), std::move(problem)});
    return {};
  }
  B2B_ASSIGN(bool const added, into.insert(row));
  if (!added) return manifest::corrupt(id, "a path is there twice: \"" + printable(row.entry.path) + "\"");
  return {};
}

Result<ManifestRead> load_catalog(std::string const& manifest_path, SnapshotId const& expected,
                                  Keyring& keyring, Catalog& into, std::vector<RejectedPath>& rejected) {
  auto const take = [&](ManifestEntry&& item) {
    CatalogEntry row;
    row.entry = std::move(item.entry);
    row.stored_name = std::move(item.stored_name);
    return take_entry(expected, std::move(row), into, rejected);
  };
  B2B_ASSIGN(ManifestRead read, read_manifest(manifest_path, expected, keyring, take));
  if (!read.info.ours) B2B_TRY(into.set_meta(files_only_meta, "1"));
  return read;
}

}  // namespace b2b
