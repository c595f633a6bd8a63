#include "core/engine/scheduled_check.h"

#include <set>
#include <utility>

#include "core/engine/presence.h"
#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b {
namespace {

constexpr std::string_view folder_name = "check";

class Folder {
 public:
  static Result<Folder> make(std::string const& data_dir) {
    std::string path = join_path(data_dir, folder_name);
    B2B_TRY(make_directories(path, 0700));
    return Folder(std::move(path));
  }
  Folder(Folder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Folder& operator=(Folder&&) = delete;
  ~Folder() {
    if (path_.empty()) return;
    if (auto const removed = remove_tree(path_); !removed) log_warning(removed.error().text());
  }
  std::string const& path() const { return path_; }

 private:
  explicit Folder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

void add(std::vector<VerifyProblem> const& problems, CheckReport& report) {
  std::set<std::pair<std::string, std::string>> known;
  for (VerifyProblem const& problem : report.problems) known.emplace(problem.snapshot, problem.path);
  for (VerifyProblem const& problem : problems)
    if (known.emplace(problem.snapshot, problem.path).second) report.problems.push_back(problem);
}

}  // namespace

std::string_view check_kind_name(CheckKind kind) { return kind == CheckKind::content ? "content" : "presence"; }

Result<CheckReport> check_stored(EngineContext& context, CheckKind kind, unsigned percent) {
  B2B_ASSIGN(std::uint64_t const free, free_space(context.instance.data_dir));
  if (free < check_space_needed)
    return make_error(Condition::no_space, "less than " + std::to_string(check_space_needed >> 20) + " MiB are free, which a check of the backups needs",
                      "Make room on that disk", context.instance.data_dir);
  B2B_ASSIGN(Folder const folder, Folder::make(context.instance.data_dir));
  VerifyOptions options;
  options.read_data = true;
  options.read_percent = percent;
  options.read_bytes_max = check_bytes_max;
  options.unattended = true;
  options.scratch_parent = folder.path();
  B2B_ASSIGN(VerifyReport verified, kind == CheckKind::content ? verify(context, options) : look_for_all(context, folder.path()));
  CheckReport report;
  report.snapshots = verified.snapshots;
  report.objects = verified.objects;
  report.bytes_read = verified.bytes_read;
  report.notes = std::move(verified.notes);
  report.way_back = std::move(verified.way_back);
  report.listed = std::move(verified.listed);
  report.packs = std::move(verified.packs);
  add(verified.problems, report);
  if (kind == CheckKind::presence) return report;

  B2B_ASSIGN(TemporaryDirectory const scratch, TemporaryDirectory::create(folder.path(), "sample-"));
  B2B_ASSIGN(SampleReport sample, restore_sample(context, SampleLimits{}, scratch.path()));
  report.snapshot = sample.snapshot;
  report.files_restored = sample.files;
  report.bytes_read += sample.bytes;
  report.notes.insert(report.notes.end(), sample.notes.begin(), sample.notes.end());
  add(sample.problems, report);
  return report;
}

Result<void> remove_abandoned_checks(std::string const& data_dir) { return remove_tree(join_path(data_dir, folder_name)); }

}  // namespace b2b
