#include "core/engine/verify.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "core/crypto/b2en.h"
#include "core/engine/body.h"
#include "core/engine/finding.h"
#include "core/engine/gone_manifests.h"
#include "core/engine/heal.h"
#include "core/engine/hidden_snapshots.h"
#include "core/engine/listing.h"
#include "core/engine/objects.h"
#include "core/engine/rescue.h"
#include "core/engine/snapshot_use.h"
#include "core/engine/verify_packed.h"
#include "core/packed/format.h"
#include "core/snapshot/layout.h"
#include "core/util/worker_pool.h"

namespace b2b {
namespace {

constexpr std::size_t batch_size = 256;
constexpr std::size_t extras_named = 3;

class Verifier {
 public:
  Verifier(EngineContext& context, VerifyOptions const& options, std::string scratch_dir)
      : context_(context),
        options_(options),
        scratch_dir_(std::move(scratch_dir)),
        threads_(std::clamp<std::size_t>(context.store->traits().transfers, 1, 32)),
        scratch_budget_(std::max<std::uint64_t>(context.config.limits.spool_bytes, 1 << 20)) {}

  Result<VerifyReport> run() {
    context_.progress->phase = "verifying";
    B2B_ASSIGN(GoneManifests const known, GoneManifests::remember(context_));
    B2B_ASSIGN(listing_, list_bucket(context_, true));
    B2B_TRY(tell_gone(known));
    for (ListedSnapshot const& listed : listing_.snapshots)
      if (listed.has_manifest) report_.listed.insert(listed.info.id.text);
    std::string only;
    if (!options_.snapshot.empty()) {
      B2B_ASSIGN(SnapshotId const id, resolve_snapshot(context_, options_.snapshot, report_.notes));
      only = id.text;
    } else {
      for (std::string const& folder : listing_.foreign)
        report_.notes.push_back("the folder " + printable(folder) + " under the prefix is no snapshot");
      B2B_ASSIGN(std::string hidden, look_for_hidden_packed(context_));
      if (!hidden.empty()) report_.problems.push_back({{}, packed::snapshots_prefix(packed::repository_prefix(context_.config.prefix)), std::move(hidden), Remedy::look_back});
    }
    choose_share();
    std::vector<SnapshotId> packed;
    bool plugin = false;
    for (ListedSnapshot const& listed : listing_.snapshots) {
      if (!only.empty() && listed.info.id.text != only) continue;
      if (listed.info.layout == SnapshotLayout::packed) {
        packed.push_back(listed.info.id);
        continue;
      }
      plugin = true;
      B2B_TRY(look_at(listed));
    }
    if (only.empty() || !packed.empty() || !plugin)
      B2B_TRY(verify_packed(context_, options_, packed, only.empty(), scratch_dir_, report_));
    bool const any_gone = std::any_of(report_.problems.begin(), report_.problems.end(),
                                      [](VerifyProblem const& problem) { return problem.remedy == Remedy::look_back; });
    if (any_gone) {
      B2B_ASSIGN(report_.way_back, way_back(context_));
      report_.notes.push_back(report_.way_back);
    }
    return std::move(report_);
  }

 private:
  void add_problem(SnapshotId const& id, std::string const& path, std::string problem, Remedy remedy = Remedy::push) {
    std::scoped_lock lock(report_mutex_);
    report_.problems.push_back({id.text, path, std::move(problem), remedy});
  }
  void add_problem(SnapshotId const& id, std::string const& path, Error const& error) {
    add_problem(id, path, finding_text(error), finding_remedy(error, Remedy::push));
  }

  Result<void> tell_gone(GoneManifests const& known) {
    B2B_ASSIGN(auto const gone, known.missing_from(context_, listing_));
    bool const all = options_.snapshot.empty();
    for (GoneManifests::Gone const& one : gone) {
      if (!all) break;
      gone_.insert(one.id.text);
      B2B_ASSIGN(std::string hidden, hidden_manifest(context_, one.id));
      if (!hidden.empty()) {
        add_problem(one.id, "manifest.json", std::move(hidden), Remedy::look_back);
        continue;
      }
      add_problem(one.id, {}, one.has_bodies ? "its manifest was there and is gone, and no prune of this machine removed it: somebody deleted it"
                                             : "it is gone from the store, and no prune of this machine removed it: somebody deleted it",
                  Remedy::look_back);
    }
    return known.settle(context_, gone, options_.unattended || !all);
  }

  Result<void> look_at(ListedSnapshot const& listed) {
    SnapshotId const& id = listed.info.id;
    if (!listed.has_manifest) {
      if (gone_.contains(id.text)) return {};
      B2B_ASSIGN(std::string hidden, hidden_manifest(context_, id));
      if (!hidden.empty()) {
        add_problem(id, "manifest.json", std::move(hidden), Remedy::look_back);
        return {};
      }
      report_.notes.push_back("snapshot " + id.text + " has no manifest: its upload is under way or was never finished; prune "
                              "removes it when nothing was added to it for 7 days");
      return {};
    }
    auto const use = SnapshotUse::begin(context_.instance.data_dir, id);
    if (!use) {
      if (use.error().condition != Condition::busy) return use.error();
      report_.notes.push_back(use.error().message);
      return {};
    }
    ++report_.snapshots;
    B2B_ASSIGN(TemporaryDirectory const own_scratch, TemporaryDirectory::create(scratch_dir_, "verify-"));
    auto loaded = load_snapshot(context_, id, own_scratch.path(), SnapshotLayout::plugin);
    if (!loaded) {
      if (!is_finding(loaded.error(), options_.unattended)) return loaded.error();
      add_problem(id, "manifest.json", loaded.error());
      return {};
    }
    LoadedSnapshot snapshot = std::move(*loaded);
    for (BadPath const& bad : snapshot.bad_paths) add_problem(id, bad.path, "this path is never restored: it " + bad.problem);
    B2B_ASSIGN(FolderListing folder, list_folder(context_, id, own_scratch.path()));
    return look_at_bodies(snapshot, folder);
  }

  Result<void> look_at_bodies(LoadedSnapshot& snapshot, FolderListing& folder) {
    SnapshotInfo const& info = snapshot.manifest.info;
    B2B_ASSIGN(std::uint64_t const files, snapshot.catalog.count(EntryType::file));
    context_.progress->files_total += files;
    Tally tally;
    std::string after;
    for (bool first = true;; first = false) {
      B2B_ASSIGN(auto const entries, snapshot.catalog.batch_after(after, batch_size, first));
      if (entries.empty()) break;
      after = entries.back().entry.path;
      std::vector<Body> bodies;
      for (CatalogEntry const& entry : entries) {
        if (entry.entry.type != EntryType::file) continue;
        if (entry.entry.damaged)
          report_.notes.push_back(info.id.text + ": " + printable(entry.entry.path) +
                                  " is a database that was damaged already when the snapshot was taken");
        B2B_ASSIGN(auto const body, find_body(info, entry, folder, tally));
        if (body && is_chosen()) bodies.push_back(*body);
      }
      if (options_.read_data) B2B_TRY(read_bodies(info, bodies, tally));
      context_.progress->files_done += entries.size();
    }
    if (tally.elsewhere > 0)
      report_.notes.push_back(info.id.text + ": " + std::to_string(tally.elsewhere) +
                              " bodies lie only under other snapshots" + (info.ours ? "" : " (the plugin uploads only what changed)") +
                              "; prune copies them before it deletes those");
    if (tally.wrong_key > 1 && tally.opened == 0)
      report_.notes.push_back(info.id.text + ": no object could be opened, so the key is probably wrong; check encryptionKey (or "
                              "applicationKey) and decryptionKeys");
    B2B_TRY(mark_lacking(context_, info.id, tally.elsewhere + tally.missing > 0));
    // Two entries never share an object, so the counts tell whether something else lies there.
    if (folder.count > tally.in_folder) B2B_TRY(name_extras(snapshot, folder));
    return {};
  }

  // Of the bodies in the plugin's layout, so that what is chosen by lot stays within read_bytes_max.
  void choose_share() {
    double bytes = 0;
    for (ListedSnapshot const& listed : listing_.snapshots)
      if (listed.info.layout == SnapshotLayout::plugin) bytes += static_cast<double>(listed.info.bytes);
    double const most = static_cast<double>(options_.read_bytes_max);
    chosen_of_million_ = static_cast<std::uint32_t>(std::min(options_.read_percent / 100.0, bytes > most ? most / bytes : 1.0) * 1e6);
  }

  bool is_chosen() const {
    if (chosen_of_million_ >= 1'000'000) return true;
    std::uint32_t lot = 0;
    random_bytes({reinterpret_cast<std::uint8_t*>(&lot), sizeof lot});
    return lot % 1'000'000 < chosen_of_million_;
  }

  struct Tally {
    std::uint64_t in_folder = 0;   // objects of the folder that an entry names
    std::uint64_t elsewhere = 0;
    std::uint64_t missing = 0;
    std::uint64_t opened = 0;
    std::uint64_t wrong_key = 0;
  };
  struct Body {
    CatalogEntry entry;
    std::string key;
  };

  // Where the body lies, or nullopt (a problem has been noted).
  Result<std::optional<Body>> find_body(SnapshotInfo const& info, CatalogEntry const& entry, FolderListing& folder,
                                        Tally& tally) {
    B2B_ASSIGN(auto const object, folder.objects.find(entry.stored_name));
    std::string const path = printable(entry.entry.path);
    if (object) {
      ++tally.in_folder;
      ++report_.objects;
      std::uint64_t const expected = entry.entry.size + (info.encrypted ? b2en_header_size : 0);
      bool const right = info.ours ? object->stored_size == expected
                                   : plausible_stored_size(entry.entry.size, object->stored_size);
      if (right) return std::optional(Body{entry, layout::snapshot_prefix(context_.config.prefix, info.id) + entry.stored_name});
      ++tally.missing;
      add_problem(info.id, path, "its object has " + std::to_string(object->stored_size) + " bytes instead of " +
                                     std::to_string(info.ours ? expected : entry.entry.size));
      return std::optional<Body>();
    }
    if (!rescue_) {
      auto others = SnapshotUse::begin_any(context_.instance.data_dir);
      if (!others) return others.error();
      use_of_others_.emplace(std::move(*others));
      B2B_ASSIGN(rescue_, Rescue::build(context_, listing_, scratch_dir_));
    }
    B2B_ASSIGN(auto const candidates, rescue_->candidates(entry.entry.hash, entry.entry.size));
    if (candidates.empty()) {
      ++tally.missing;
      add_problem(info.id, path, "its body is missing, and no other snapshot holds its content");
      return std::optional<Body>();
    }
    ++tally.elsewhere;
    ++report_.objects;
    return std::optional(Body{entry, candidates.front().key});
  }

  // Downloads, opens and checks them all, several at a time, within a bounded amount of scratch space.
  Result<void> read_bodies(SnapshotInfo const& info, std::vector<Body> const& bodies, Tally& tally) {
    if (bodies.empty()) return {};
    PlaintextBodies const plaintext = context_.config.encrypt && info.ours && info.encrypted ? PlaintextBodies::refused
                                                                                             : PlaintextBodies::allowed;
    std::vector<Result<void>> results(bodies.size());
    std::atomic<std::uint64_t> bytes{0};
    {
      WorkerPool pool(std::min(threads_, bodies.size()), bodies.size());
      for (std::size_t i = 0; i < bodies.size(); ++i) {
        pool.submit([&, i] {
          std::uint64_t const room = 2 * bodies[i].entry.entry.size;
          if (!scratch_budget_.take(room, context_.stop)) {
            results[i] = make_error(Condition::cancelled, "verifying was stopped");
            return;
          }
          results[i] = fetch_object(context_, bodies[i].key, bodies[i].entry.entry, plaintext, scratch_dir_, {});
          scratch_budget_.give_back(room);
          if (results[i]) bytes += bodies[i].entry.entry.size;
        });
      }
      pool.wait();
    }
    report_.bytes_read += bytes;
    context_.progress->bytes_done += bytes;
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      if (results[i]) {
        ++tally.opened;
        continue;
      }
      if (results[i].error().condition == Condition::wrong_key) ++tally.wrong_key;
      if (!is_finding(results[i].error(), options_.unattended)) return results[i].error();
      add_problem(info.id, printable(bodies[i].entry.entry.path), results[i].error());
    }
    return {};
  }

  Result<void> name_extras(LoadedSnapshot& snapshot, FolderListing& folder) {
    B2B_TRY(snapshot.catalog.for_each([&](CatalogEntry&& entry) -> Result<void> {
      if (entry.entry.type != EntryType::file) return {};
      return folder.objects.erase(entry.stored_name);
    }));
    B2B_ASSIGN(std::uint64_t const count, folder.objects.count());
    if (count == 0) return {};
    B2B_ASSIGN(auto const some, folder.objects.batch_after("", extras_named, true));
    std::string names;
    for (CatalogEntry const& extra : some) names += (names.empty() ? "" : ", ") + printable(extra.entry.path);
    report_.notes.push_back(snapshot.manifest.info.id.text + ": " + std::to_string(count) +
                            " objects in its folder are not in its manifest: " + names + (count > some.size() ? ", …" : ""));
    return {};
  }

  EngineContext& context_;
  VerifyOptions const& options_;
  std::string const scratch_dir_;
  std::size_t const threads_;
  ByteBudget scratch_budget_;
  BucketListing listing_;
  std::set<std::string> gone_;   // that were told of
  std::unique_ptr<Rescue> rescue_;
  std::optional<SnapshotUse> use_of_others_;  // from then on
  std::uint32_t chosen_of_million_ = 1'000'000;
  std::mutex report_mutex_;   // guards report_.problems while bodies are read
  VerifyReport report_;
};

}  // namespace

Result<VerifyReport> verify(EngineContext& context, VerifyOptions const& options) {
  if (!options.scratch_parent.empty()) {
    B2B_ASSIGN(TemporaryDirectory const there, TemporaryDirectory::create(options.scratch_parent, "verify-"));
    return Verifier(context, options, there.path()).run();
  }
  B2B_ASSIGN(ScratchFolder const scratch, make_scratch(context));
  return Verifier(context, options, scratch.path()).run();
}

}  // namespace b2b
