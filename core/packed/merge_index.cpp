#include "core/packed/merge_index.h"

#include "core/packed/sealed_object.h"

namespace b2b::packed {

Result<void> write_rewrite(Repository& repository, ChunkIndex::Rewrite const& rewrite, std::stop_token const& stop) {
  if (rewrite.replaced.empty() && rewrite.packs.empty()) return {};
  std::span<PackRecord const> rest(rewrite.packs);
  while (true) {
    std::size_t count = 0, bytes = 0;
    while (count < rest.size() && bytes < index_payload_bytes) bytes += index_bytes(rest[count++]);
    IndexPayload payload;
    payload.packs.assign(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(count));
    rest = rest.subspan(count);
    if (rest.empty()) payload.replaces = rewrite.replaced;
    B2B_ASSIGN(std::string object, seal_object(SealedKind::index, repository.master, repository.config.id, {},
                                               format_index(payload.replaces, payload.packs)));
    IndexId const id = sha256(object);
    B2B_TRY(repository.store->put(index_key(repository.prefix, id), MemorySource(std::move(object)), stop));
    B2B_TRY(repository.store->flush(stop));
    B2B_TRY(repository.index->index_read(id, payload));
    if (rest.empty()) return {};
  }
}

Result<void> remove_replaced(Repository& repository, std::span<IndexId const> replaced, std::stop_token const& stop) {
  for (IndexId const& old : replaced) {
    B2B_TRY(remove_all(*repository.store, index_key(repository.prefix, old), stop));
    B2B_TRY(repository.index->index_gone(old));
  }
  return {};
}

Result<std::uint64_t> merge_index(Repository& repository, MergeLimits const& limits, std::stop_token const& stop) {
  B2B_ASSIGN(auto const small, repository.index->index_objects_to_merge(limits.small_payload_bytes));
  std::uint64_t merged = 0;
  if (small.size() <= limits.small_objects) return merged;
  for (std::size_t next = 0; next < small.size();) {
    std::vector<IndexId> together;
    for (std::size_t bytes = 0; next < small.size(); ++next) {
      bytes += small[next].payload_bytes;
      if (together.size() > 1 && bytes > limits.together_bytes) break;
      together.push_back(small[next].id);
    }
    if (together.size() < 2) break;
    B2B_ASSIGN(auto const rewrite, repository.index->together(together));
    B2B_TRY(write_rewrite(repository, rewrite, stop));
    B2B_TRY(remove_replaced(repository, rewrite.replaced, stop));
    merged += together.size();
  }
  return merged;
}

}  // namespace b2b::packed
