#include "core/engine/restore_roots.h"

#include <algorithm>
#include <filesystem>

#include "core/engine/objects.h"
#include "core/engine/roots.h"
#include "core/util/file.h"
#include "core/util/glob.h"
#include "core/util/path.h"

namespace b2b {
namespace {

constexpr std::size_t batch_size = 256;

bool nothing_there(std::string const& path) {
  if (!path_exists(path)) return true;
  std::error_code failed;
  return std::filesystem::is_directory(path, failed) && std::filesystem::is_empty(path, failed) && !failed;
}

std::string with_home(std::string const& written, std::string const& home) {
  if (home.empty() || !(written == "~" || written.starts_with("~/"))) return {};
  return join_path(home, written.substr(1));
}

struct Selection {
  Catalog catalog;
  bool itself = false;      // the snapshot has the root's own directory: it could be read when that was taken
  std::uint64_t entries = 0;
  std::uint32_t mode = 0700;  // of the root's own directory
};

// The root's entries that are asked for, without the label.
Result<Selection> select(RestorePart::Shared const& shared, Catalog& snapshot, std::string const& label,
                         std::string const& place, std::vector<Glob> const& wanted) {
  std::vector<std::string> const not_ours = not_of_a_root(shared.context.config);
  B2B_ASSIGN(Catalog catalog, Catalog::create(scratch_file(shared.scratch, "root")));
  Selection out{std::move(catalog), false, 0, 0700};
  B2B_ASSIGN(auto const itself, snapshot.find(label));
  out.itself = itself.has_value();
  if (itself && itself->entry.has_metadata) out.mode = itself->entry.mode | 0700U;
  std::string const beginning = label + "/";
  std::string after = beginning;
  while (true) {
    B2B_ASSIGN(auto batch, snapshot.batch_after(after, batch_size, false));
    if (batch.empty()) return out;
    after = batch.back().entry.path;
    for (CatalogEntry& row : batch) {
      if (!row.entry.path.starts_with(beginning)) return out;
      bool const asked_for = wanted.empty() || std::any_of(wanted.begin(), wanted.end(), [&](Glob const& glob) {
                               return glob.covers(row.entry.path, row.entry.type == EntryType::directory);
                             });
      if (!asked_for) continue;
      row.entry.path.erase(0, beginning.size());
      std::string const absolute = join_path(place, row.entry.path);
      if (std::any_of(not_ours.begin(), not_ours.end(), [&](std::string const& top) { return is_at_or_below(absolute, top); })) continue;
      std::string& link = row.entry.hard_link_of;
      link = link.starts_with(beginning) ? link.substr(beginning.size()) : std::string();
      B2B_TRY(out.catalog.put(row));
      ++out.entries;
    }
  }
}

}  // namespace

RootPlace place_of_root(Config const& config, SnapshotRoot const& root) {
  auto const configured = std::find_if(config.roots.begin(), config.roots.end(),
                                       [&](AgentRoot const& known) { return known.label == root.label; });
  bool const known = configured != config.roots.end();
  if (known && (configured->path == root.path || configured->written == root.written)) return {configured->path, {}};
  std::string const at_home = with_home(root.written, config.home);
  std::string const before = at_home.empty() ? root.path : at_home;
  for (AgentRoot const& other : config.roots)
    if (other.path == before) return {before, {}};  // under another label: the safety snapshot holds it
  if (nothing_there(before)) return {before, {}};
  return {before, known ? "it was in " + before + " when the snapshot was taken, and openclaw.json puts it into " +
                              configured->path + " now; something is in the former place"
                        : "openclaw.json named no such directory when this restore began, and something is in its former place " + before};
}

Result<std::list<RestorePart>> root_parts(RestorePart::Shared const& shared, Catalog& snapshot) {
  std::list<RestorePart> parts;
  std::vector<Glob> wanted;
  for (std::string const& text : shared.options.paths) {
    B2B_ASSIGN(Glob glob, Glob::parse(text));
    wanted.push_back(std::move(glob));
  }
  for (SnapshotRoot const& root : shared.info.roots) {
    RootPlace const place = place_of_root(shared.context.config, root);
    B2B_ASSIGN(Selection selection, select(shared, snapshot, root.label, place.path, wanted));
    if (selection.entries == 0 && (!wanted.empty() || !selection.itself)) continue;
    std::string problem = place.problem;
    for (RestorePart const& other : parts)
      if (is_at_or_below(place.path, other.site().target) || is_at_or_below(other.site().target, place.path))
        problem = "its place " + place.path + " and " + other.site().target + " overlap";
    // A gateway has an agent's databases open, and only the state directory's are behind the fence to the end.
    if (problem.empty() && root.label.starts_with("@agent-") && !nothing_there(place.path))
      problem = "an agent's directory outside of the state directory is not replaced in place by this version";
    auto site = problem.empty() ? root_site(shared.context, place.path) : Result<RestoreSite>(make_error(Condition::refused, problem));
    if (!site) {
      std::string const by_itself = "daemonctl restore " + shared.info.id.text + " --path '" + root.label + "/**'";
      // All of the state is back by then, and with it the openclaw.json that names it.
      bool const again = wanted.empty() && problem == place.problem && !problem.empty();
      shared.report.failed.push_back(
          {root.label, "not restored: " + site.error().message + ". " +
                           (again ? "Its openclaw.json is back now. To replace what is there (a safety snapshot keeps it): " + by_itself +
                                        ". To look at it first: the same with --target DIR"
                                  : "Restore it by itself: " + by_itself + " --target DIR")});
      continue;
    }
    parts.emplace_back(shared, std::move(*site), std::move(selection.catalog), root.label, selection.mode);
  }
  return parts;
}

}  // namespace b2b
