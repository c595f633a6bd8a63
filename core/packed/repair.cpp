#include "core/packed/repair.h"

#include "core/packed/check_pack.h"
#include "core/packed/chunk_writer.h"
#include "core/packed/merge_index.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b::packed {
namespace {

bool is_about_the_pack(Condition condition) {
  return condition == Condition::corrupt || condition == Condition::not_found || condition == Condition::transit;
}

// The record of a pack that is about to go: ours, or what its own directory says. Nothing: nobody knows what lies there.
Result<std::optional<PackRecord>> record_of(Repository& repository, PackId const& id, std::stop_token const& stop) {
  B2B_ASSIGN(auto known, repository.index->pack(id));
  if (known) return known;
  auto const info = repository.store->head(pack_key(repository.prefix, id), stop);
  if (!info && is_about_the_pack(info.error().condition)) return std::optional<PackRecord>();
  if (!info) return info.error();
  auto record = fetch_pack_directory(repository, id, info->size, stop);
  if (record) return std::optional(std::move(*record));
  if (!is_about_the_pack(record.error().condition)) return record.error();
  return std::optional<PackRecord>();
}

}  // namespace

Result<IndexRepair> repair_index(Repository& repository, Survey const& survey, std::stop_token const& stop) {
  IndexRepair report;
  ChunkIndex::Rewrite portion;
  std::size_t bytes = 0;
  // Packs that are marked come back, too: a collection that finds them needed spares only what the index names.
  for (StoredPack const& pack : survey.unnamed_packs()) {
    auto record = fetch_pack_directory(repository, pack.id, pack.bytes, stop);
    if (!record) {
      if (record.error().condition == Condition::not_found) continue;
      if (!is_about_the_pack(record.error().condition)) return record.error();
      report.problems.push_back(pack_key(repository.prefix, pack.id) + ": " + record.error().message);
      continue;
    }
    bytes += index_bytes(*record);
    portion.packs.push_back(std::move(*record));
    ++report.packs_named;
    if (bytes < index_payload_bytes) continue;
    B2B_TRY(write_rewrite(repository, portion, stop));
    portion.packs.clear();
    bytes = 0;
  }
  // The last one replaces what is damaged, so that nobody who has read it in better days relies on it.
  for (BadIndexObject const& bad : survey.bad_index_objects()) portion.replaced.push_back(bad.id);
  B2B_TRY(write_rewrite(repository, portion, stop));
  B2B_TRY(remove_replaced(repository, portion.replaced, stop));
  report.objects_removed = portion.replaced.size();
  return report;
}

Result<PackRepair> remove_bad_packs(std::shared_ptr<Repository> repository, Survey& survey, std::string const& spool_dir, std::string const& scratch_dir,
                                    std::stop_token const& stop) {
  PackRepair report;
  if (survey.bad_packs().empty()) return report;
  std::vector<PackId> leaving;
  for (BadPack const& pack : survey.bad_packs()) leaving.push_back(pack.id);
  B2B_ASSIGN(auto const writer, ChunkWriter::create(repository, spool_dir, stop));
  for (BadPack const& pack : survey.bad_packs()) {
    if (pack.gone) {
      B2B_TRY(repository->index->pack_gone(pack.id));
      continue;
    }
    B2B_ASSIGN(auto const record, record_of(*repository, pack.id, stop));
    B2B_TRY(repository->index->pack_gone(pack.id));  // what it has counts as absent now
    if (!record) continue;
    auto const save = [&](ChunkPlace const& place, std::string const& content) -> Result<void> {
      B2B_TRY(writer->add(place.type, as_bytes(content)));
      return {};
    };
    B2B_TRY(check_stored_pack(*repository, *record, join_path(scratch_dir, to_hex(pack.id)), stop, save));
  }
  // What is whole lies elsewhere, and in the index, before anything goes.
  B2B_TRY(writer->flush());
  B2B_TRY(repository->store->flush(stop));
  B2B_TRY(write_index(*repository, stop));
  B2B_TRY(repository->store->flush(stop));
  report.chunks_saved = writer->chunks_added();
  report.bytes_uploaded = writer->bytes_uploaded();

  B2B_ASSIGN(auto const rewrite, survey.repository()->index->without(leaving));
  B2B_TRY(write_rewrite(*repository, rewrite, stop));
  for (PackId const& id : leaving) {
    B2B_TRY(remove_all(*repository->store, pack_key(repository->prefix, id), stop));
    ++report.packs_removed;
  }
  B2B_TRY(remove_replaced(*repository, rewrite.replaced, stop));
  return report;
}

}  // namespace b2b::packed
