#include "core/engine/verify_packed.h"

#include <algorithm>
#include <set>

#include "core/engine/finding.h"
#include "core/engine/gone_snapshots.h"
#include "core/engine/listing.h"
#include "core/engine/packed_keys.h"
#include "core/packed/marks.h"
#include "core/packed/snapshots.h"

namespace b2b {
namespace {

constexpr std::size_t problems_named = 10'000;
constexpr std::size_t reading_threads = 4;

// First pass: what a snapshot needs.
class Needs final : public packed::EntryLineVisitor {
 public:
  using Entries = std::function<void(Entry const&)>;
  Needs(packed::Survey& survey, Entries entries) : survey_(survey), entries_(std::move(entries)) {}
  Result<void> entry(Entry&& entry, std::uint64_t) override {
    entries_(entry);
    return {};
  }
  Result<void> chunks(std::span<packed::ChunkId const> ids, bool) override { return survey_.need(packed::ChunkType::data, ids); }

 private:
  packed::Survey& survey_;
  Entries entries_;
};

// Second pass, where something is lost: which files that is.
class Losses final : public packed::EntryLineVisitor {
 public:
  using Lost = std::function<void(std::string const& path, std::uint64_t lost, std::uint64_t of)>;
  Losses(packed::Survey& survey, Lost lost) : survey_(survey), tell_(std::move(lost)) {}
  Result<void> entry(Entry&& entry, std::uint64_t chunks) override {
    path_ = std::move(entry.path);
    of_ = chunks;
    lost_ = 0;
    return {};
  }
  Result<void> chunks(std::span<packed::ChunkId const> ids, bool last) override {
    for (packed::ChunkId const& id : ids) {
      B2B_ASSIGN(bool const lost, survey_.is_lost(packed::ChunkType::data, id));
      lost_ += lost ? 1 : 0;
    }
    if (last && lost_ > 0) tell_(path_, lost_, of_);
    return {};
  }

 private:
  packed::Survey& survey_;
  Lost tell_;
  std::string path_;
  std::uint64_t of_ = 0;
  std::uint64_t lost_ = 0;
};

class PackedVerifier {
 public:
  PackedVerifier(EngineContext& context, VerifyOptions const& options, std::vector<SnapshotId> const& ids, bool all, VerifyReport& report)
      : context_(context), options_(options), ids_(ids), all_(all), report_(report) {}

  Result<PackedFindings> run(std::string const& scratch_dir) {
    B2B_TRY(look_for_remembered());
    auto opened = open_repository_keys(context_);
    if (!opened && !is_finding(opened.error(), options_.unattended)) return opened.error();
    if (!opened || !*opened) {
      if (!opened) {
        problem({}, {}, opened.error().text(), finding_remedy(opened.error(), Remedy::repair));
      } else if (!ids_.empty()) {
        problem({}, packed::config_key(context_.config.prefix), "it is gone: without it no packed snapshot can be read");
      }
      report_.snapshots += ids_.size();
      findings_.lost_snapshots += ids_.size();
      return finish();
    }
    packed::OpenedRepository const& keys = **opened;
    packed::Repository const repository(context_.store, context_.config.prefix, keys.config, keys.master, nullptr);
    B2B_TRY(look_at_slots(keys.config));
    B2B_ASSIGN(TemporaryDirectory own_scratch, TemporaryDirectory::create(scratch_dir, "survey-"));
    findings_.scratch = std::make_unique<TemporaryDirectory>(std::move(own_scratch));
    B2B_ASSIGN(findings_.survey, packed::Survey::make(repository, findings_.scratch->path(), context_.stop));
    B2B_TRY(look_at_index());
    for (SnapshotId const& id : ids_) B2B_TRY(look_at(id));
    B2B_TRY(look_at_packs());
    B2B_TRY(name_losses());
    return finish();
  }

 private:
  packed::Survey& survey() { return *findings_.survey; }

  void problem(std::string snapshot, std::string path, std::string text, Remedy remedy = Remedy::repair) {
    if (named_++ < problems_named) report_.problems.push_back({std::move(snapshot), std::move(path), std::move(text), remedy});
  }

  Result<PackedFindings> finish() {
    if (named_ > problems_named) report_.notes.push_back(std::to_string(named_ - problems_named) + " more problems are not named");
    return std::move(findings_);
  }

  // Snapshots do not just vanish. Those that another machine may have pruned are told of once; so are the others, to a person.
  Result<void> look_for_remembered() {
    if (!all_) return {};
    B2B_ASSIGN(auto const gone, gone_snapshots(context_, ids_));
    for (GoneSnapshot const& one : gone) {
      if (one.newest) {
        problem(one.id.text, {}, "this newest snapshot is gone from the store, and no prune removes the newest: somebody deleted it", Remedy::look_back);
        ++findings_.lost_snapshots;
        continue;
      }
      if (one.only_we_prune) {
        problem(one.id.text, {}, "it is gone from the store, and this machine did not remove it: one that took pruning over (prune --take-over) did, or somebody deleted it",
                Remedy::look_back);
        ++findings_.lost_snapshots;
        if (options_.unattended) continue;
      } else {
        report_.notes.push_back("snapshot " + one.id.text + " is no longer in the store: another machine pruned it, or somebody deleted it");
      }
      B2B_TRY(context_.index->forget_snapshot(target_name(context_), one.id.text));
    }
    return {};
  }

  // Without one that opens, a new machine restores nothing.
  Result<void> look_at_slots(packed::RepositoryConfig const& config) {
    std::string const folder = packed::slots_prefix(context_.config.prefix);
    packed::KeyStore keys(*context_.store, context_.config.prefix, {}, *context_.clock);
    auto const slots = keys.slots(config.id, context_.stop);
    if (!slots && !is_finding(slots.error(), options_.unattended)) return slots.error();
    if (!slots) {
      problem({}, folder, slots.error().text());
      return {};
    }
    report_.objects += slots->slots.size();
    for (std::string const& text : slots->problems) problem({}, folder, text);
    if (slots->slots.empty()) problem({}, folder, "there is no key slot: only this machine, which keeps the key, can read the repository");
    if (slots->slots.empty() || !options_.read_data) return {};
    auto const opened = keys.open(config, slot_secrets(context_.config), context_.stop);
    if (!opened && !is_finding(opened.error(), options_.unattended)) return opened.error();
    if (!opened) problem({}, folder, opened.error().text() + ". This machine keeps the key, a new one would not have it");
    return {};
  }

  Result<void> look_at_index() {
    report_.objects += survey().index_objects() + 1;  // and the configuration
    B2B_TRY(note_packs());
    for (packed::BadIndexObject const& bad : survey().bad_index_objects())
      problem({}, packed::index_key(context_.config.prefix, bad.id),
              bad.problem + ". What only it knows cannot be found; daemonctl repair index writes it anew from the packs");
    auto const marks = packed::read_marks(*survey().repository(), context_.stop);
    if (!marks && !is_finding(marks.error(), options_.unattended)) return marks.error();
    if (!marks)
      problem({}, marks.error().subject,
              marks.error().message + ". While it is there nothing is pushed or collected: delete it when no machine has pushed or pruned for a day");
    return {};
  }

  Result<void> note_packs() {
    B2B_ASSIGN(auto const packs, survey().repository()->index->packs());
    auto& keys = report_.packs.emplace();
    for (auto const& pack : packs) keys.insert(packed::pack_key(context_.config.prefix, pack.id));
    for (packed::BadPack const& bad : survey().bad_packs()) keys.insert(packed::pack_key(context_.config.prefix, bad.id));
    return {};
  }

  Result<void> look_at(SnapshotId const& id) {
    ++report_.snapshots;
    auto const snapshot = packed::read_snapshot(*survey().repository(), id, context_.stop);
    if (!snapshot && !is_finding(snapshot.error(), options_.unattended)) return snapshot.error();
    if (!snapshot && snapshot.error().condition == Condition::not_found) {  // it was listed a moment ago
      report_.notes.push_back("snapshot " + id.text + " was removed meanwhile");
      return {};
    }
    if (!snapshot) {
      lost(id, snapshot.error().text());
      return {};
    }
    ++report_.objects;
    B2B_TRY(survey().need(packed::ChunkType::list, snapshot->list));
    Needs needs(survey(), [&](Entry const& entry) {
      if (entry.type == EntryType::file) context_.progress->files_done += 1;
      if (entry.damaged)
        report_.notes.push_back(id.text + ": " + printable(entry.path) + " is a database that was damaged already when the snapshot was taken");
      if (std::string const bad = path_problem(entry.path); !bad.empty()) problem(id.text, printable(entry.path), "this path is never restored: it " + bad);
    });
    B2B_ASSIGN(bool const readable, read_list(*snapshot, needs));
    if (readable) readable_.push_back(id);
    return {};
  }

  void lost(SnapshotId const& id, std::string text) {
    problem(id.text, {}, std::move(text));
    ++findings_.lost_snapshots;
  }

  // False: it cannot be read, and that was told.
  Result<bool> read_list(packed::SnapshotPayload const& snapshot, packed::EntryLineVisitor& visitor) {
    B2B_ASSIGN(TemporaryDirectory const packs, TemporaryDirectory::create(findings_.scratch->path(), "list-"));
    packed::ChunkReader reader(survey().repository(), packs.path(), context_.stop);
    auto const read = packed::read_list(reader, snapshot, visitor);
    if (read) return true;
    if (!is_finding(read.error(), options_.unattended)) return read.error();
    lost(snapshot.info.id, read.error().text());
    return false;
  }

  Result<void> look_at_packs() {
    packed::Survey::Reading reading;
    reading.percent = options_.read_percent;
    reading.bytes_max = options_.read_bytes_max;
    reading.threads = std::clamp<std::size_t>(context_.store->traits().transfers, 1, reading_threads);
    reading.done = [this](std::uint64_t bytes) {
      report_.bytes_read += bytes;
      context_.progress->bytes_done += bytes;
    };
    B2B_TRY(survey().check_packs(options_.read_data ? &reading : nullptr));
    report_.objects += survey().needed_packs();
    B2B_ASSIGN(findings_.lost_chunks, survey().count_lost());
    for (packed::BadPack const& bad : survey().bad_packs()) {
      std::string const key = packed::pack_key(context_.config.prefix, bad.id);
      if (bad.needed && bad.gone && findings_.lost_chunks == 0) {
        // A collection of repacked packs under way, or of two machines at once (docs/format.md).
        report_.notes.push_back("the pack " + key + " is in the index, but it is gone; other packs hold all that snapshots need of it");
      } else if (bad.needed) {
        problem({}, key, bad.problem + ", and snapshots need what it holds; daemonctl repair stores again what this machine still has");
      } else if (!bad.gone || all_) {
        report_.notes.push_back("the pack " + key + " is in the index, but " + bad.problem + (all_ ? "; no snapshot needs anything of it" : ""));
      }
    }
    std::uint64_t bytes = 0;
    for (packed::StoredPack const& pack : survey().unnamed_packs()) bytes += pack.bytes;
    if (bytes > 0)
      report_.notes.push_back(std::to_string(survey().unnamed_packs().size()) + " packs (" + std::to_string(bytes) +
                              " bytes) are in no index: a push is under way or was cut short, or the index lost them");
    return {};
  }

  Result<void> name_losses() {
    if (findings_.lost_chunks == 0) return {};
    report_.notes.push_back(std::to_string(findings_.lost_chunks) + " chunks that snapshots need are missing or damaged" +
                            (survey().unnamed_packs().empty() ? "" : "; some may be in the packs that are in no index: daemonctl repair index"));
    for (SnapshotId const& id : readable_) {
      auto const snapshot = packed::read_snapshot(*survey().repository(), id, context_.stop);
      if (!snapshot) {
        if (snapshot.error().condition == Condition::not_found) continue;  // pruned meanwhile
        return snapshot.error();
      }
      Losses losses(survey(), [&](std::string const& path, std::uint64_t lost, std::uint64_t of) {
        problem(id.text, printable(path),
                std::to_string(lost) + " of its " + std::to_string(of) + " chunks are missing or damaged: it cannot be restored from here");
      });
      B2B_TRY(read_list(*snapshot, losses));
    }
    return {};
  }

  EngineContext& context_;
  VerifyOptions const& options_;
  std::vector<SnapshotId> const& ids_;
  bool const all_;
  VerifyReport& report_;
  PackedFindings findings_;
  std::vector<SnapshotId> readable_;
  std::size_t named_ = 0;
};

}  // namespace

Result<PackedFindings> verify_packed(EngineContext& context, VerifyOptions const& options, std::vector<SnapshotId> const& ids, bool all,
                                     std::string const& scratch_dir, VerifyReport& report) {
  return PackedVerifier(context, options, ids, all, report).run(scratch_dir);
}

}  // namespace b2b
