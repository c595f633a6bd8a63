#include "core/engine/restore_sample.h"

#include <algorithm>
#include <array>

#include "core/crypto/hash.h"
#include "core/engine/choose_layout.h"
#include "core/engine/fetch.h"
#include "core/engine/finding.h"
#include "core/engine/listing.h"
#include "core/engine/objects.h"
#include "core/engine/snapshot_use.h"

namespace b2b {
namespace {

struct Lot {
  std::uint64_t number = 0;
  CatalogEntry entry;
};

bool by_number(Lot const& a, Lot const& b) { return a.number < b.number; }

// The files with the smallest of random numbers: each has the same chance, whatever their number, in one pass.
Result<std::vector<CatalogEntry>> choose(Catalog& catalog, SampleLimits const& limits) {
  std::vector<Lot> heap;
  B2B_TRY(catalog.for_each([&](CatalogEntry&& row) -> Result<void> {
    if (row.entry.type != EntryType::file || row.entry.size > limits.bytes) return {};
    Lot lot;
    random_bytes({reinterpret_cast<std::uint8_t*>(&lot.number), sizeof lot.number});
    if (heap.size() == limits.files && heap.front().number <= lot.number) return {};
    lot.entry = std::move(row);
    heap.push_back(std::move(lot));
    std::push_heap(heap.begin(), heap.end(), by_number);
    if (heap.size() <= limits.files) return {};
    std::pop_heap(heap.begin(), heap.end(), by_number);
    heap.pop_back();
    return {};
  }));
  std::sort_heap(heap.begin(), heap.end(), by_number);
  std::vector<CatalogEntry> chosen;
  std::uint64_t bytes = 0;
  for (Lot& lot : heap) {
    if (bytes + lot.entry.entry.size > limits.bytes) continue;
    bytes += lot.entry.entry.size;
    chosen.push_back(std::move(lot.entry));
  }
  return chosen;
}

// What lies on the disk now, whatever the fetcher said of it.
Result<bool> is_as_recorded(std::string const& path, Entry const& entry) {
  // One byte more than there should be, so that a longer file is seen.
  B2B_ASSIGN(auto const reader, FileSource(path, 0, entry.size).open());
  Sha256 digest;
  std::uint64_t bytes = 0;
  std::array<std::uint8_t, 64 << 10> buffer{};
  while (true) {
    B2B_ASSIGN(std::size_t const got, reader->read(buffer));
    if (got == 0) break;
    bytes += got;
    digest.update(std::span<std::uint8_t const>(buffer).first(got));
  }
  return bytes == entry.size && digest.finish() == entry.hash;
}

}  // namespace

Result<SampleReport> restore_sample(EngineContext& context, SampleLimits const& limits, std::string const& scratch_dir) {
  context.progress->phase = "restoring a few files to try";
  SampleReport report;
  auto const id = resolve_snapshot(context, "latest", report.notes);
  if (!id && (id.error().condition == Condition::not_found || id.error().condition == Condition::refused)) {
    report.notes.push_back("no file was restored to try: " + id.error().text());
    return report;
  }
  if (!id) return id.error();
  B2B_ASSIGN(SnapshotUse const use, SnapshotUse::begin(context.instance.data_dir, *id));
  report.snapshot = *id;
  auto loaded = load_snapshot(context, *id, scratch_dir);
  if (!loaded) {
    if (!is_finding(loaded.error(), true)) return loaded.error();
    B2B_ASSIGN(auto const known, known_layout(context));
    Remedy const remedy = known == SnapshotLayout::plugin ? Remedy::push : Remedy::repair;
    report.problems.push_back({id->text, {}, finding_text(loaded.error()), finding_remedy(loaded.error(), remedy)});
    return report;
  }
  Remedy const remedy = loaded->packed ? Remedy::repair : Remedy::push;
  B2B_ASSIGN(auto const chosen, choose(loaded->catalog, limits));
  B2B_ASSIGN(auto const fetcher, make_fetcher(context, *loaded, scratch_dir, false));
  for (CatalogEntry const& entry : chosen) B2B_TRY(fetcher->expect(entry));
  for (CatalogEntry const& entry : chosen) {
    if (context.stop.stop_requested()) return make_error(Condition::cancelled, "the check was stopped");
    std::string const path = scratch_file(scratch_dir, "restored");
    auto const fetched = fetcher->fetch(entry, path);
    if (!fetched && !is_finding(fetched.error(), true)) return fetched.error();
    if (!fetched) {
      report.problems.push_back({id->text, printable(entry.entry.path), finding_text(fetched.error()), finding_remedy(fetched.error(), remedy)});
      continue;
    }
    B2B_ASSIGN(bool const good, is_as_recorded(path, entry.entry));
    remove_scratch_file(path);
    if (good) {
      ++report.files;
      report.bytes += entry.entry.size;
    } else {
      report.problems.push_back({id->text, printable(entry.entry.path), "what was restored is not what the snapshot says was backed up", remedy});
    }
  }
  return report;
}

}  // namespace b2b
