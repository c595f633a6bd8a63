#include "core/engine/forget_paths.h"

#include <algorithm>
#include <optional>
#include <set>

#include "core/engine/bucket.h"
#include "core/engine/forget_waiting.h"
#include "core/engine/lock.h"
#include "core/engine/objects.h"
#include "core/engine/packed_prune.h"
#include "core/engine/packed_repository.h"
#include "core/engine/prune_right.h"
#include "core/packed/forget.h"
#include "core/packed/hidden_repository.h"
#include "core/snapshot/layout.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/glob.h"

namespace b2b {
namespace {

constexpr std::size_t paths_told = 100;
constexpr std::size_t copies_told = 10;
constexpr std::chrono::minutes lock_patience{10};

class Forgetter {
 public:
  Forgetter(EngineContext& context, ForgetOptions const& options) : context_(context), options_(options) {}

  Result<ForgetReport> run() {
    for (std::string const& text : options_.paths) {
      B2B_ASSIGN(Glob glob, Glob::parse(text));
      globs_.push_back(std::move(glob));
    }
    if (globs_.empty()) return make_error(Condition::usage, "no path was given to forget", "Name it with --path", "paths");
    B2B_ASSIGN(ScratchFolder const scratch, make_scratch(context_));
    scratch_ = scratch.path();
    B2B_ASSIGN(found_, Catalog::create(scratch_file(scratch_, "found")));
    if (!options_.dry_run) B2B_TRY(check_nothing_waits());
    context_.progress->phase = "looking through the snapshots";
    B2B_ASSIGN(BucketListing const listing, list_bucket(context_, true));
    B2B_TRY(check_others(listing));
    B2B_TRY(in_packed(listing));
    if (!options_.dry_run) B2B_TRY(on_this_machine());
    B2B_TRY(in_plugin_layout(listing));
    return finish();
  }

 private:
  bool covers(std::string const& path, bool is_directory) const {
    return std::any_of(globs_.begin(), globs_.end(), [&](Glob const& glob) { return glob.covers(path, is_directory); });
  }
  CoversPath covers_path() const {
    return [this](std::string const& path, bool is_directory) { return covers(path, is_directory); };
  }

  Result<void> check_nothing_waits() {
    B2B_ASSIGN(auto const waiting, waiting_with(context_, covers_path(), scratch_));
    if (waiting.empty()) return {};
    return make_error(Condition::busy, "snapshot " + waiting.front() + " waits on this machine for its upload and holds what is to be forgotten, or may",
                      "daemonctl push uploads it; then do this again", waiting.front());
  }

  Result<void> check_others(BucketListing const& listing) {
    std::vector<SnapshotInfo> infos;
    for (ListedSnapshot const& listed : listing.snapshots) infos.push_back(listed.info);
    B2B_ASSIGN(auto const others, unyielding_instances(context_, infos));
    if (others.empty()) return {};
    std::string const what = target_name(context_) + " also holds snapshots of " + others.front().name;
    std::string const advice = "This machine may change those after daemonctl prune --take-over";
    if (!options_.dry_run) return make_error(Condition::refused, what + ", so nothing is taken out", advice, context_.config.prefix);
    report_.notes.push_back(what + ": it will be refused. " + advice);
    return {};
  }

  void problem(std::string const& id, std::string text) { report_.problems.push_back({id, {}, std::move(text)}); }

  // A trouble with one snapshot does not keep the path in the others.
  static bool concerns_one(Error const& error) {
    return error.condition == Condition::corrupt || error.condition == Condition::unsupported || error.condition == Condition::wrong_key ||
           error.condition == Condition::not_found;
  }

  // --- the packed layout -------------------------------------------------------------------------------------------

  Result<void> in_packed(BucketListing const& listing) {
    std::vector<SnapshotId> ids;
    for (ListedSnapshot const& listed : listing.snapshots)
      if (listed.info.layout == SnapshotLayout::packed) ids.push_back(listed.info.id);
    if (ids.empty()) return {};
    B2B_ASSIGN(auto const repository, options_.dry_run ? context_.packed->open_to_read(context_) : context_.packed->open_to_write(context_));
    B2B_ASSIGN(auto const hidden, packed::find_hidden_snapshots(*context_.store, context_.config.prefix, context_.stop));
    if (!hidden.ids.empty())
      problem({}, std::to_string(hidden.ids.size()) + " hidden snapshots were not looked at, and may hold it; while they are there nothing leaves the bucket. " +
                      std::string(packed::hidden_way_out));
    packed::Forgetting forgetting(repository, covers_path(), scratch_, context_.stop);
    for (SnapshotId const& id : ids) {
      auto const gone = forgetting.look(id, [this](SnapshotId const&, Entry const& entry) { return found(entry); });
      if (!gone && !concerns_one(gone.error())) return gone.error();
      if (!gone) {
        problem(id.text, "cannot be looked through, and may hold it: " + gone.error().text());
      } else if (gone->every_file) {
        problem(id.text, "would lose all its files, so it was left as it is. A snapshot as a whole goes when it is pruned");
      } else if (gone->any()) {
        report_.snapshots.push_back({id.text, gone->entries, gone->files, gone->bytes});
      }
    }
    B2B_TRY(forgetting.find_copies([this](SnapshotId const& id, Entry const& entry) { return copy(id, entry); }));
    if (copies_ > copies_told) report_.notes.push_back("and " + std::to_string(copies_ - copies_told) + " more such files");
    return options_.dry_run ? Result<void>() : replace(repository, forgetting, ids);
  }

  Result<void> replace(std::shared_ptr<packed::Repository> const& repository, packed::Forgetting& forgetting, std::vector<SnapshotId> const& ids) {
    context_.progress->phase = "writing the snapshots anew";
    B2B_ASSIGN(auto const writer, packed::ChunkWriter::create(repository, packed_spool_dir(context_), context_.stop));
    std::size_t kept = 0;
    std::optional<Error> why;
    auto const done = forgetting.replace(
        *writer, [this](SnapshotId const& id, Result<void> const& ended) { take_note(id, ended); },
        [&](SnapshotId const&, Error const& error) {
          ++kept;
          if (!why) why = error;
        });
    // What we remember of them may not be so any more; they are asked for again.
    for (SnapshotId const& id : ids) B2B_TRY(context_.index->forget_snapshot(target_name(context_), id.text));
    B2B_TRY(collect_soon(context_));
    B2B_TRY(done);
    if (kept > 0)
      problem({}, "older versions of " + std::to_string(kept) + (kept == 1 ? " snapshot" : " snapshots") + ", which hold it, could not be deleted: " +
                      why->text() + ". The application key needs the capability deleteFiles; do this again with such a key. Without it the contents do not "
                      "leave the bucket either");
    return {};
  }

  void take_note(SnapshotId const& id, Result<void> const& ended) {
    if (ended) return;
    std::erase_if(report_.snapshots, [&](ForgottenIn const& gone) { return gone.snapshot == id.text; });
    if (ended.error().condition != Condition::not_found) problem(id.text, "was left as it is, and holds it: " + ended.error().text());
  }

  Result<void> found(Entry const& entry) {
    CatalogEntry row;
    row.entry.path = entry.path;
    row.entry.type = entry.type;
    return found_->put(row);
  }

  Result<void> copy(SnapshotId const& id, Entry const& entry) {
    if (!copied_.insert(entry.path).second || ++copies_ > copies_told) return {};
    report_.notes.push_back(printable(entry.path) + " in snapshot " + id.text + " has the content of a file that " +
                            (options_.dry_run ? "would be" : "was") + " taken out: it keeps that in the bucket, unless it is forgotten, too");
    return {};
  }

  // --- the plugin's layout -----------------------------------------------------------------------------------------

  Result<void> in_plugin_layout(BucketListing const& listing) {
    std::vector<std::string> holding;
    for (ListedSnapshot const& listed : listing.snapshots) {
      if (listed.info.layout != SnapshotLayout::plugin || !listed.has_manifest) continue;
      auto loaded = load_snapshot(context_, listed.info.id, scratch_, SnapshotLayout::plugin);
      if (!loaded && !concerns_one(loaded.error())) return loaded.error();
      if (!loaded) {
        problem(listed.info.id.text, "in the plugin's layout cannot be looked through, and may hold it: " + loaded.error().text());
        continue;
      }
      bool any = false;
      B2B_TRY(loaded->catalog.for_each([&](CatalogEntry&& row) -> Result<void> {
        if (!covers(row.entry.path, row.entry.type == EntryType::directory)) return {};
        any = true;
        return found(row.entry);
      }));
      if (any) holding.push_back(listed.info.id.text);
    }
    if (holding.empty()) return {};
    bool const one = holding.size() == 1;
    std::string const what = one ? "1 snapshot in the plugin's layout, " + holding.front() + ", holds it"
                                 : std::to_string(holding.size()) + " snapshots in the plugin's layout hold it, " + holding.front() + " to " + holding.back();
    std::string const advice =
        "Such snapshots are not written anew: they go when they are pruned, and the newest, which no prune takes, when you delete its folder under " +
        layout::snapshot_prefix(context_.config.prefix, *parse_snapshot_id(holding.back())) +
        ". To keep one without it: daemonctl copy SNAPSHOT --to-layout packed, then this again";
    if (report_.snapshots.empty() && report_.problems.empty()) return make_error(Condition::unsupported, what, advice, holding.back());
    problem({}, what + ". " + advice);
    return {};
  }

  // -----------------------------------------------------------------------------------------------------------------

  // Captures may have come into the queue meanwhile.
  Result<void> on_this_machine() {
    if (!path_exists(context_.config.state_dir)) return {};
    context_.progress->phase = "waiting for a capture to end";
    auto const lock = DataLock::wait(context_.config.state_dir, "forget", *context_.clock, lock_patience, context_.stop);
    if (!lock && lock.error().condition != Condition::busy) return lock.error();
    if (!lock) {
      problem({}, "what this machine captures meanwhile may hold it: " + lock.error().text() + ". Do this again when that has ended");
      return {};
    }
    B2B_ASSIGN(auto const waiting, waiting_with(context_, covers_path(), scratch_));
    for (std::string const& id : waiting)
      problem(id, "waits on this machine for its upload and holds it, or may. Do this again when it is there (daemonctl push)");
    return waiting.empty() ? forget_in_record(context_, covers_path()) : Result<void>();
  }

  std::string place_of(std::string const& path) const {
    for (AgentRoot const& root : context_.config.roots)
      if (path.starts_with(root.label + "/")) return join_path(root.path, path.substr(root.label.size() + 1));
    return join_path(context_.config.state_dir, path);
  }

  Result<ForgetReport> finish() {
    if (report_.snapshots.empty() && report_.problems.empty())
      return make_error(Condition::not_found, "no snapshot holds anything that --path " + printable(globs_.front().text()) + " matches",
                        "Patterns are relative to the state directory, like 'workspace/notes/**'. What there is: daemonctl ls latest", globs_.front().text());
    std::sort(report_.snapshots.begin(), report_.snapshots.end(),
              [](ForgottenIn const& a, ForgottenIn const& b) { return id_before(*parse_snapshot_id(a.snapshot), *parse_snapshot_id(b.snapshot)); });
    B2B_ASSIGN(report_.paths_total, found_->count());
    B2B_ASSIGN(auto const first, found_->batch_after({}, paths_told, true));
    bool warned = false;
    for (CatalogEntry const& row : first) {
      report_.paths.push_back(printable(row.entry.path));
      if (warned || row.entry.type == EntryType::directory || !path_exists(place_of(row.entry.path))) continue;
      report_.notes.push_back(printable(row.entry.path) + " is still on this machine, so the next backup takes it again: remove it, or add it to exclude in the configuration");
      warned = true;
    }
    return std::move(report_);
  }

  EngineContext& context_;
  ForgetOptions const& options_;
  std::vector<Glob> globs_;
  std::string scratch_;
  std::optional<Catalog> found_;      // each path that matched, once
  std::set<std::string> copied_;
  std::size_t copies_ = 0;
  ForgetReport report_;
};

}  // namespace

Result<ForgetReport> forget_paths(EngineContext& context, ForgetOptions const& options) { return Forgetter(context, options).run(); }

}  // namespace b2b
