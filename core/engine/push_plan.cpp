#include "core/engine/push_plan.h"

#include <algorithm>
#include <charconv>
#include <thread>
#include <tuple>

#include "core/capture/capture.h"
#include "core/engine/bucket.h"
#include "core/engine/objects.h"
#include "core/engine/writer_key.h"
#include "core/snapshot/layout.h"
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
                     !before->entry.damaged && unchanged_since(before->entry, now.entry.stat) &&
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
    if (gone && old.entry.type == EntryType::file) ++plan.deleted;
    if (gone && old.entry.type != EntryType::file) plan.metadata_changed = true;
    return {};
  });
}

}  // namespace

std::vector<Root> roots_of(Config const& config) { return {Root{"", config.state_dir}}; }

std::string absolute_path(std::vector<Root> const& roots, std::string_view path) {
  for (Root const& root : roots) {
    if (root.label.empty()) continue;
    if (path.size() > root.label.size() && path.starts_with(root.label) && path[root.label.size()] == '/')
      return join_path(root.path, path.substr(root.label.size() + 1));
  }
  return join_path(roots.front().path, path);
}

Result<std::optional<Base>> open_base(EngineContext& context, std::vector<std::string>& warnings) {
  std::string const path = context.index->base_catalog_path();
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
  B2B_ASSIGN(auto const old_secrets, catalog.meta("secrets"));
  B2B_ASSIGN(auto const old_key, catalog.meta("key-check"));
  std::string const secrets = context.config.secrets == SecretRows::include ? "include" : "exclude";
  auto const id = parse_snapshot_id(id_text.value_or(""));
  if (!id || target != target_name(context) || old_secrets != secrets) return std::optional<Base>();

  B2B_ASSIGN(auto const manifest, find_object(context, layout::manifest_key(context.config.prefix, *id)));
  if (!manifest) {
    warnings.push_back("the last snapshot " + id->text + " is no longer in " + context.store->traits().name +
                       ": somebody deleted it, or the bucket was emptied. Everything is uploaded again");
    return std::optional<Base>();
  }

  B2B_ASSIGN(auto const last_check, context.index->value(last_body_check));
  std::int64_t const now = to_ns(context.clock->now());
  std::int64_t const checked = number_or_zero(last_check);
  if (now - checked >= day_ns || now < checked) {
    B2B_ASSIGN(bool const there, bodies_are_there(context, catalog, *id));
    B2B_TRY(context.index->set_value(last_body_check, std::to_string(now)));
    if (!there) {
      warnings.push_back("the last snapshot " + id->text + " has lost objects in " + context.store->traits().name +
                         ": everything is uploaded again; run daemonctl verify to see what older snapshots lost");
      return std::optional<Base>();
    }
  }
  B2B_ASSIGN(std::string const check, key_check(context));
  return std::optional<Base>(Base{std::move(catalog), *id, old_key == check});
}

Result<PushPlan> make_push_plan(EngineContext& context, Base* base, std::string const& catalog_path) {
  PushPlan plan;
  plan.path = catalog_path;
  plan.started_ns = to_ns(context.clock->now());
  B2B_ASSIGN(Scope const scope, Scope::build(context.config.include, context.config.exclude));
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
  return plan;
}

}  // namespace b2b
