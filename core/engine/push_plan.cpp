#include "core/engine/push_plan.h"

#include <algorithm>
#include <charconv>
#include <thread>
#include <tuple>

#include "core/capture/capture.h"
#include "core/engine/bucket.h"
#include "core/engine/choose_layout.h"
#include "core/engine/find_snapshot.h"
#include "core/engine/hidden_snapshots.h"
#include "core/engine/objects.h"
#include "core/engine/packed_repository.h"
#include "core/engine/push.h"
#include "core/engine/roots.h"
#include "core/engine/writer_key.h"
#include "core/packed/marks.h"
#include "core/packed/snapshots.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::int64_t day_ns = 86'400'000'000'000;
constexpr std::size_t batch_size = 512;

std::int64_t to_ns(TimePoint time) { return time.time_since_epoch().count(); }

std::int64_t number_or_zero(std::optional<std::string> const& text) {
  std::int64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

std::string secrets_choice(EngineContext const& context) {
  return context.config.secrets == SecretRows::include ? "include" : "exclude";
}

Result<bool> chunks_are_there(EngineContext& context, Catalog& base, std::vector<std::string>& warnings) {
  B2B_ASSIGN(auto const repository, context.packed->open_to_write(context));
  B2B_ASSIGN(auto const known, repository->index->packs());
  B2B_TRY(packed::look_for_packs(*repository, context.stop));
  B2B_ASSIGN(auto const there, repository->index->packs());
  if (there.size() < known.size())
    warnings.push_back(std::to_string(known.size() - there.size()) + " packs of the repository are gone from " + context.store->traits().name +
                       ", and not by a collection of this machine. Look what that cost with: daemonctl verify");
  return packed::contents_are_there(*repository->index, base);
}

// Once a day: are all bodies of the base still there, with their sizes?
Result<bool> bodies_are_there(EngineContext& context, Catalog& base, SnapshotId const& id) {
  B2B_ASSIGN(auto const scratch, make_scratch(context));
  B2B_ASSIGN(FolderListing listing, list_folder(context, id, scratch.path()));
  bool all = true;
  B2B_TRY(base.for_each([&](CatalogEntry&& row) -> Result<void> {
    if (row.entry.type != EntryType::file || row.stored_name.empty() || !all) return {};
    B2B_ASSIGN(auto const object, listing.objects.find(row.stored_name));
    all = object && object->stored_size == row.stored_size;
    return {};
  }));
  return all;
}

// Hard links: all names of an inode but the first (in byte order) point to it.
class HardLinks {
 public:
  void add(ScanItem const& item) {
    if (item.entry.type == EntryType::file && item.links > 1)
      links_.emplace_back(item.device, item.entry.stat.inode, item.entry.path);
  }
  Result<void> resolve(Catalog& catalog) {
    std::sort(links_.begin(), links_.end());
    for (std::size_t i = 0; i < links_.size();) {
      std::size_t j = i + 1;
      for (; j < links_.size() && same_inode(links_[i], links_[j]); ++j) {
        B2B_ASSIGN(auto found, catalog.find(std::get<2>(links_[j])));
        if (!found) continue;
        found->entry.hard_link_of = std::get<2>(links_[i]);
        B2B_TRY(catalog.put(*found));
      }
      i = j;
    }
    return {};
  }

 private:
  using Link = std::tuple<std::uint64_t, std::uint64_t, std::string>;  // device, inode, path
  static bool same_inode(Link const& a, Link const& b) {
    return std::get<0>(a) == std::get<0>(b) && std::get<1>(a) == std::get<1>(b);
  }
  std::vector<Link> links_;
};

bool same_metadata(Entry const& a, Entry const& b) {
  bool const same_time = a.type == EntryType::directory || a.mtime_ns == b.mtime_ns;
  return a.type == b.type && a.mode == b.mode && a.uid == b.uid && a.gid == b.gid && a.target == b.target &&
         a.xattrs == b.xattrs && same_time;
}

// Decides one entry against the base; writes what it learns into `now`.
void compare(CatalogEntry& now, CatalogEntry const* before, PushPlan& plan) {
  if (now.entry.type != EntryType::file) {
    now.state = static_cast<std::uint32_t>(PlanState::other);
    if (before == nullptr || !same_metadata(now.entry, before->entry)) plan.metadata_changed = true;
    return;
  }
  ++plan.files;
  plan.bytes += now.entry.stat.size;
  bool const known = before != nullptr && before->entry.type == EntryType::file && !before->stored_name.empty() &&
                     before->state != static_cast<std::uint32_t>(PlanState::unchecked) && !before->entry.damaged &&
                     unchanged_since(before->entry, now.entry.stat) &&
                     before->entry.mode == now.entry.mode;
  if (!known) {
    now.state = static_cast<std::uint32_t>(PlanState::capture);
    ++plan.to_capture;
    plan.to_capture_bytes += now.entry.stat.size;
    return;
  }
  if (before->entry.hard_link_of != now.entry.hard_link_of) plan.metadata_changed = true;
  Entry const& old = before->entry;
  now.entry.size = old.size;
  now.entry.hash = old.hash;
  now.entry.database = old.database;
  now.entry.damaged = old.damaged;
  now.entry.cut = old.cut;
  now.entry.captured_at_ns = old.captured_at_ns;
  now.stored_name = before->stored_name;
  now.stored_size = before->stored_size;
  now.state = static_cast<std::uint32_t>(PlanState::unchanged);
}

Result<void> compare_all(PushPlan& plan, Base* base) {
  std::string after;
  bool from_start = true;
  while (true) {
    B2B_ASSIGN(auto batch, plan.catalog->batch_after(after, batch_size, from_start));
    if (batch.empty()) break;
    from_start = false;
    for (CatalogEntry& now : batch) {
      std::optional<CatalogEntry> before;
      if (base != nullptr) {
        B2B_ASSIGN(before, base->catalog.find(now.entry.path));
      }
      compare(now, before ? &*before : nullptr, plan);
      B2B_TRY(plan.catalog->put(now));
    }
    after = batch.back().entry.path;
  }
  if (base == nullptr) return {};
  return base->catalog.for_each([&](CatalogEntry&& old) -> Result<void> {
    if (old.entry.type == EntryType::file) ++plan.base_files;
    B2B_ASSIGN(auto const now, plan.catalog->find(old.entry.path));
    bool const gone = !now || now->entry.type != old.entry.type;
    if (!now && old.entry.damaged) {
      plan.base_sidecars.push_back(old.entry.path);
      return {};
    }
    if (gone && old.entry.type == EntryType::file) ++plan.deleted;
    if (gone && old.entry.type != EntryType::file) plan.metadata_changed = true;
    return {};
  });
}

}  // namespace

Result<void> check_not_emptied(PushPlan const& plan, std::string const& state_dir) {
  if (plan.files > 0 || plan.base_files == 0) return {};
  return make_error(Condition::refused,
                    "the state directory " + state_dir + " holds no file that would be backed up, and the last snapshot had " +
                        std::to_string(plan.base_files) + ": no snapshot of nothing is made",
                    "Is its disk mounted? daemonctl restore latest brings the last snapshot back", state_dir);
}

Result<void> count_gone_sidecars(PushPlan& plan) {
  for (std::string const& path : plan.base_sidecars) {
    B2B_ASSIGN(auto const now, plan.catalog->find(path));
    if (!now) ++plan.deleted;
  }
  plan.base_sidecars.clear();
  return {};
}

bool vanished_alarm(PushPlan const& plan) {
  // Fewer files than this vanish in ordinary use; the alarm is for states that were emptied.
  constexpr std::uint64_t alarm_files = 4;
  return plan.base_files >= alarm_files && plan.deleted * 2 > plan.base_files;
}

std::string vanished_warning(PushPlan const& plan) {
  return std::to_string(plan.deleted) + " of " + std::to_string(plan.base_files) +
         " files vanished since the last snapshot. Nothing is pruned until you have looked: if that is as it should be, run "
         "daemonctl prune --yes; if not, restore an earlier snapshot";
}

Result<std::optional<Base>> open_record(EngineContext& context, std::string const& path, std::vector<std::string>& warnings) {
  if (!path_exists(path)) return std::optional<Base>();
  auto opened = Catalog::open(path);
  if (!opened) {
    warnings.push_back("the record of the last snapshot cannot be used (" + opened.error().text() +
                       "); everything is uploaded again");
    return std::optional<Base>();
  }
  Catalog catalog = std::move(*opened);
  B2B_ASSIGN(auto const target, catalog.meta("target"));
  B2B_ASSIGN(auto const id_text, catalog.meta("id"));
  B2B_ASSIGN(auto const secrets, catalog.meta("secrets"));
  B2B_ASSIGN(auto const key, catalog.meta("key-check"));
  B2B_ASSIGN(auto const layout_text, catalog.meta("layout"));
  auto const id = parse_snapshot_id(id_text.value_or(""));
  if (!id || target != target_name(context) || secrets != secrets_choice(context)) return std::optional<Base>();
  B2B_ASSIGN(std::string const check, key_check(context));
  B2B_ASSIGN(auto const today, known_layout(context));
  SnapshotLayout const layout = layout_text == layout_name(SnapshotLayout::packed) ? SnapshotLayout::packed : SnapshotLayout::plugin;
  return std::optional<Base>(Base{std::move(catalog), *id, layout, key == check && layout == today.value_or(layout)});
}

Result<void> label_record(EngineContext& context, Catalog& catalog, SnapshotId const& id, bool complete) {
  B2B_ASSIGN(std::string const check, key_check(context));
  B2B_TRY(catalog.set_meta("target", target_name(context)));
  B2B_TRY(catalog.set_meta("id", id.text));
  B2B_ASSIGN(auto const layout, known_layout(context));
  if (layout) B2B_TRY(catalog.set_meta("layout", layout_name(*layout)));
  B2B_TRY(catalog.set_meta("secrets", secrets_choice(context)));
  B2B_TRY(catalog.set_meta("key-check", check));
  return catalog.set_meta("complete", complete ? "1" : "0");
}

namespace {

// The passphrase or the encryption is another since the last snapshot. Where what is stored can no longer be read with what is
// configured, the person should hear it now and not at a restore.
Result<void> warn_of_lost_passphrase(EngineContext& context, SnapshotId const& id, std::vector<std::string>& warnings) {
  B2B_ASSIGN(ScratchFolder const scratch, make_scratch(context));
  auto const loaded = load_snapshot(context, id, scratch.path());
  if (loaded || loaded.error().condition != Condition::wrong_key) return {};
  warnings.push_back("the passphrase was changed since the last snapshot " + id.text +
                     ": everything is uploaded again, and the snapshots up to that one cannot be read until the former passphrase is "
                     "in decryptionKeys (it was encryptionKey, or applicationKey where that was not set)");
  return {};
}

}  // namespace

Result<std::optional<Base>> open_base(EngineContext& context, std::vector<std::string>& warnings, bool look) {
  B2B_ASSIGN(auto base, open_record(context, context.index->base_catalog_path(), warnings));
  if (!base) return base;
  B2B_ASSIGN(bool const there, snapshot_exists(context, base->id, base->layout));
  if (!there) {
    warnings.push_back("the last snapshot " + base->id.text + " is no longer in " + context.store->traits().name +
                       ": somebody deleted it, or the bucket was emptied. Everything is uploaded again");
    // At such a time it is worth a look through all versions.
    B2B_TRY(look_for_hidden_packed(context));
    B2B_ASSIGN(std::string hidden, hidden_snapshots(context));
    if (!hidden.empty()) warnings.push_back(std::move(hidden));
    return std::optional<Base>();
  }
  B2B_ASSIGN(SnapshotLayout const today, push_layout(context));
  base->same_key = base->same_key && base->layout == today;
  if (!base->same_key && base->layout == today) B2B_TRY(warn_of_lost_passphrase(context, base->id, warnings));

  if (!look) return base;
  B2B_ASSIGN(auto const last_check, context.index->value(last_body_check));
  std::int64_t const now = to_ns(context.clock->now());
  std::int64_t const checked = number_or_zero(last_check);
  if (now - checked >= day_ns || now < checked) {
    B2B_ASSIGN(bool const all, base->layout == SnapshotLayout::packed ? chunks_are_there(context, base->catalog, warnings)
                                                                      : bodies_are_there(context, base->catalog, base->id));
    B2B_TRY(context.index->set_value(last_body_check, std::to_string(now)));
    if (!all) {
      warnings.push_back("the last snapshot " + base->id.text + " has lost objects in " + context.store->traits().name +
                         ": everything is uploaded again; run daemonctl verify to see what older snapshots lost");
      return std::optional<Base>();
    }
  }
  return base;
}

bool same_as_before(Entry const& a, CatalogEntry const& before) {
  Entry const& b = before.entry;
  // A database's own times say when SQLite touched the file, not when its content changed.
  bool const same_time = a.database || a.mtime_ns == b.mtime_ns;
  return b.type == EntryType::file && !before.stored_name.empty() &&
         before.state != static_cast<std::uint32_t>(PlanState::unchecked) && a.hash == b.hash && a.size == b.size &&
         a.mode == b.mode && a.uid == b.uid && a.gid == b.gid && a.xattrs == b.xattrs && a.damaged == b.damaged &&
         a.hard_link_of == b.hard_link_of && same_time;
}

namespace {

// Unchanged bodies may be captured a second time, to be sent again.
bool named_damaged(PushReport const& report, Skip const& skip) {
  return skip.reason == SkipReason::damaged &&
         std::any_of(report.skipped.begin(), report.skipped.end(), [&](Skip const& known) {
           return known.reason == SkipReason::damaged && known.path == skip.path;
         });
}

bool untouched_since(Entry before, StatKey const& now) {
  before.damaged = false;  // for the pages that SQLite reads the stat keys say enough
  return unchanged_since(before, now);
}

}  // namespace

Result<std::vector<CapturedFile>> take_captured(Entry const& scanned, CaptureResult&& result, Base* base, Catalog& now,
                                                bool only_changes, PushReport& report) {
  std::vector<CapturedFile> to_store;
  for (std::string& warning : result.warnings) report.warnings.push_back(std::move(warning));
  for (Skip& skip : result.skips) {
    if (skip.reason != SkipReason::by_rule && !named_damaged(report, skip)) report.skipped.push_back(std::move(skip));
  }
  if (result.files.empty()) {
    B2B_TRY(now.erase(scanned.path));
    return to_store;
  }
  for (CapturedFile& file : result.files) {
    if (file.entry.path == scanned.path) file.entry.hard_link_of = scanned.hard_link_of;
    std::optional<CatalogEntry> before;
    if (base != nullptr) {
      B2B_ASSIGN(before, base->catalog.find(file.entry.path));
    }
    // A copy of a database that was found damaged before, and was not touched since, need not be checked again for that.
    bool const damaged_still = file.unchecked && only_changes && before && before->entry.damaged && before->entry.database &&
                               !before->stored_name.empty() && untouched_since(before->entry, file.entry.stat);
    if (damaged_still) report.skipped.push_back(damaged_skip(file.entry.path, {}));
    if (before && (damaged_still || (!file.unchecked && same_as_before(file.entry, *before)))) {
      if (only_changes) {
        before->entry.stat = file.entry.stat;
        before->entry.captured_at_ns = file.entry.captured_at_ns;
        before->state = static_cast<std::uint32_t>(PlanState::unchanged);
        B2B_TRY(now.put(*before));
        continue;
      }
    } else if (before && before->entry.type == EntryType::file) {
      ++report.changed;
    } else {
      ++report.added;
    }
    to_store.push_back(std::move(file));
  }
  return to_store;
}

namespace {

// A workspace that had files and has none now: its disk may not be mounted. Every snapshot without it is incomplete, so that those
// with it stay, until openclaw.json names it no longer. One that never had any is made by OpenClaw when its agent is first used.
Result<void> name_roots_that_went(EngineContext& context, PushPlan& plan) {
  constexpr std::string_view name = "roots-with-files";
  B2B_ASSIGN(auto const kept, context.index->value(name));
  std::string const before = kept.value_or("");
  std::string now;
  for (AgentRoot const& root : context.config.roots) {
    B2B_ASSIGN(auto const below, plan.catalog->batch_after(root.label + "/", 1, false));
    bool const has_files = !below.empty() && below.front().entry.path.starts_with(root.label + "/");
    std::string const line = root.label + " " + uri_encode(root.path, true) + "\n";
    bool const had_files = before.find(line) != std::string::npos;
    if (has_files || had_files) now += line;
    if (had_files && !has_files)
      plan.skipped.push_back({root.label, SkipReason::vanished,
                              root.path + ", which " + root.setting + " names, is empty or not there any more. Is its disk mounted?"});
  }
  return now == before ? Result<void>() : context.index->set_value(name, now);
}

}  // namespace

Result<PushPlan> make_push_plan(EngineContext& context, Base* base, std::string const& catalog_path) {
  PushPlan plan;
  plan.path = catalog_path;
  plan.started_ns = to_ns(context.clock->now());
  B2B_ASSIGN(Scope const scope, scope_of(context.config));
  B2B_ASSIGN(Catalog catalog, Catalog::create(catalog_path));

  std::optional<Error> failure;
  HardLinks hard_links;
  ScanCallbacks callbacks;
  callbacks.entry = [&](ScanItem&& item) {
    if (failure) return;
    hard_links.add(item);
    context.progress->files_total.fetch_add(item.entry.type == EntryType::file ? 1 : 0);
    CatalogEntry row;
    row.entry = std::move(item.entry);
    if (auto put = catalog.put(row); !put) failure = put.error();
  };
  callbacks.skip = [&](Skip&& skip) { plan.skipped.push_back(std::move(skip)); };
  std::size_t const threads = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 8);
  B2B_TRY(scan(roots_of(context.config), scope, threads, callbacks, context.stop));
  if (failure) return *failure;
  B2B_TRY(hard_links.resolve(catalog));
  plan.catalog = std::move(catalog);
  B2B_TRY(compare_all(plan, base));
  B2B_TRY(name_roots_that_went(context, plan));
  return plan;
}

}  // namespace b2b
