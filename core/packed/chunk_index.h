// What we know of a repository's packs, in <data dir>/packed.sqlite: which chunks there are and where, and of which chunks the files that
// we stored consist. A cache: made again from the bucket when it is lost, and the bucket is trusted over it.
// Thread-safe (one mutex). One process at a time writes (the upload lock).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/packed/index_object.h"
#include "core/packed/pack.h"
#include "core/sqlite/sqlite.h"
#include "core/util/clock.h"
#include "core/util/error.h"

namespace b2b::packed {

struct FoundChunk {
  PackId pack{};
  Salt salt{};
  std::uint64_t pack_bytes = 0;
  std::uint32_t number = 0;        // of the box in the pack
  ChunkPlace place;
};

class ChunkIndex {
 public:
  // Makes it when there is none. One that is damaged, of another version or of another repository is replaced, with a line in the log.
  static Result<std::shared_ptr<ChunkIndex>> open(std::string const& data_dir, RepositoryId const& repository);

  // A copy for somebody who only reads, in `into`, as the one in `data_dir` is now; an empty one where that cannot be copied. Its own
  // connection, so neither disturbs the other; another process may be writing there.
  static Result<std::shared_ptr<ChunkIndex>> open_copy(std::string const& data_dir, std::string const& into, RepositoryId const& repository);

  OwnerId const& owner() const { return owner_; }   // random, kept with the record

  Result<std::optional<FoundChunk>> find(ChunkType type, ChunkId const& id);  // the first of find_all()
  // Packs that no mark names first, then those that we know longest.
  Result<std::vector<FoundChunk>> find_all(ChunkType type, ChunkId const& id);
  Result<bool> has(ChunkType type, ChunkId const& id);

  // A pack is in the store; no index object names it yet. When it is known already, nothing happens.
  Result<void> pack_stored(PackRecord const& pack, TimePoint now);
  // Those, oldest first, until they take about `payload_bytes` in an index object; chunks included.
  Result<std::vector<PackRecord>> packs_without_index(std::size_t payload_bytes);
  // One of those was stored before `then` (as pack_stored() was told).
  Result<bool> has_unindexed_before(TimePoint then);

  // Index objects that were read or written.
  Result<std::vector<IndexId>> index_objects();
  Result<void> index_written(IndexId const& id, std::span<PackRecord const> packs);   // of packs that were stored
  // Those that it replaces count no more, whether they were read already or come later.
  Result<void> index_read(IndexId const& id, IndexPayload const& payload);
  // Packs that no other index object names are forgotten. What only it had replaced is to be read again.
  Result<void> index_gone(IndexId const& id);
  Result<void> pack_gone(PackId const& id);        // its object is missing
  struct KnownPack {
    PackId id{};
    std::uint64_t bytes = 0;
  };
  Result<std::vector<KnownPack>> packs();

  // Marks name these, and only these: they count as absent for has() and count_chunks(), so nothing new relies on them; find() finds them.
  Result<void> set_condemned(std::span<PackId const> packs);
  Result<std::vector<PackId>> condemned();
  // Has grown whenever something that counted as there does so no more: packs that became condemned or were forgotten, by whichever thread.
  std::uint64_t losses() const { return losses_; }

  // What snapshots need, for a collection: begin_live() forgets what was live before.
  Result<void> begin_live();
  Result<void> add_live(ChunkType type, std::span<ChunkId const> ids);
  // Of `candidates` those of which nothing is needed: every chunk that is live lies in another pack, too, which is neither condemned nor among
  // the answer. Those with the least that is live come first.
  Result<std::vector<PackId>> removable(std::span<PackId const> candidates);
  // What repacking goes by, after add_live(): packs that index objects name and that are not condemned.
  struct PackUse {
    PackId id{};
    std::uint64_t bytes = 0;        // of the object
    std::uint64_t box_bytes = 0;
    std::uint64_t live_bytes = 0;   // of those
  };
  Result<std::vector<PackUse>> pack_uses();
  // Gives each live chunk to the first of `packs` that has it, and returns how many bytes of boxes each got. Of one that got nothing nothing
  // is needed as long as the others stay.
  Result<std::vector<std::uint64_t>> share_out_live(std::span<PackId const> packs);
  struct ChunkName {
    ChunkType type = ChunkType::data;
    ChunkId id{};
  };
  Result<std::vector<ChunkName>> given_to(PackId const& pack);  // in the order of its boxes
  // Live chunks that lie in no pack that we know of.
  Result<std::uint64_t> count_missing_live();
  // Chunks that were taken out of snapshots (forget.h). Kept with the record until no pack holds them any more.
  Result<void> add_forgotten(ChunkType type, std::span<ChunkId const> ids);
  // After add_live(): the packs that hold one of them that nothing needs, in order of ids; condemned ones are among them.
  Result<std::vector<PackId>> packs_to_forget();
  // Index objects that name one of these packs, and all other packs that they name, chunks included.
  struct Rewrite {
    std::vector<IndexId> replaced;
    std::vector<PackRecord> packs;
  };
  Result<Rewrite> without(std::span<PackId const> packs);
  // Index objects that count and name no condemned pack: those whose payload is small, and those that name what others name as well; the
  // smallest first.
  struct IndexUse {
    IndexId id{};
    std::size_t payload_bytes = 0;
  };
  Result<std::vector<IndexUse>> index_objects_to_merge(std::size_t below_bytes);
  Result<Rewrite> together(std::span<IndexId const> objects);  // in place of these, and of what they had replaced

  // For a survey (survey.h), after add_live(): packs with something that is live, in order of ids.
  struct NeededPack {
    PackId id{};
    std::uint64_t bytes = 0;
    std::uint64_t live_chunks = 0;
  };
  Result<std::vector<NeededPack>> needed_packs();
  Result<std::optional<PackRecord>> pack(PackId const& id);  // as it came in: before anything of it was forgotten
  // Chunks in boxes of these numbers, or that reach past `bytes`, count as lying elsewhere only. The pack itself stays known.
  Result<void> forget_boxes(PackId const& id, std::span<std::uint32_t const> numbers);
  Result<void> forget_boxes_past(PackId const& id, std::uint64_t bytes);

  // Files, by their content (SHA-256 and size): the ids of their data chunks, in parts of chunks_in_part, the last one shorter or as long
  // (ContentParts writes them). Those of empty files are known always. Written in batches: a crash forgets some.
  static constexpr std::size_t chunks_in_part = 1024;
  // How many chunks it has; nullopt: not known, or not all of them are in the store (or under way, `also_there`).
  using AlsoThere = std::function<bool(ChunkId const&)>;
  Result<std::optional<std::uint64_t>> count_chunks(Sha256Digest const& hash, std::uint64_t size, AlsoThere const& also_there = {});
  // Of a content that count_chunks() knows: all parts, in order.
  Result<void> visit_chunks(Sha256Digest const& hash, std::uint64_t size, std::function<Result<void>(std::span<ChunkId const>)> const& visit);

  ~ChunkIndex();

 private:
  friend class ContentParts;
  ChunkIndex(sqlite::Database database, OwnerId const& owner) : owner_(owner), database_(std::move(database)) {}
  Result<std::int64_t> insert_pack(PackRecord const& pack, int state, TimePoint now);
  Result<void> forget_packs(std::string_view where);
  Result<bool> has_unlocked(ChunkType type, ChunkId const& id);
  Result<void> fill_table(std::string_view table, std::span<PackId const> packs);
  Result<PackRecord> read_pack(std::int64_t n);
  Result<std::optional<std::vector<ChunkId>>> read_part(Sha256Digest const& hash, std::uint64_t size, std::uint64_t part);
  Result<std::optional<std::uint64_t>> last_part(Sha256Digest const& hash, std::uint64_t size);
  Result<sqlite::Statement*> statement(std::optional<sqlite::Statement>& kept, std::string_view sql);
  // Parts but the last stand under a number of their own until the content is known to be right.
  std::uint64_t begin_content();
  Result<void> put_part(std::uint64_t begun, std::uint64_t part, std::span<ChunkId const> chunks);
  Result<void> put_content(Sha256Digest const& hash, std::uint64_t size, std::uint64_t begun, std::uint64_t part,
                           std::span<ChunkId const> chunks);
  Result<void> drop_parts(std::uint64_t begun);
  Result<void> write_part(std::span<std::uint8_t const> hash, std::uint64_t size, std::uint64_t part, bool last,
                          std::span<ChunkId const> chunks);
  Result<void> begin_in_batch();
  Result<void> end_batch();
  Result<sqlite::Transaction> begin();

  OwnerId const owner_;
  std::mutex mutex_;
  std::atomic<std::uint64_t> losses_{0};
  sqlite::Database database_;
  std::size_t in_batch_ = 0;   // contents put since the transaction that is open began; 0: none is
  std::uint64_t contents_begun_ = 0;
  std::optional<sqlite::Statement> find_, has_, insert_chunk_, insert_content_, remove_content_, select_content_, select_last_;
};

// The ids of one content on their way into the index. Nothing of them counts before finish() has returned, and what was known of the
// content stays known until then: several may be under way for the same content. One thread at a time.
class ContentParts {
 public:
  ContentParts(ChunkIndex& index, Sha256Digest const& hash, std::uint64_t size) : index_(index), hash_(hash), size_(size) {}
  ContentParts(ContentParts const&) = delete;
  ContentParts& operator=(ContentParts const&) = delete;
  ~ContentParts();
  Result<void> add(ChunkId const& id);
  Result<void> finish();  // not without any id; when its hash and size were seen to be right

 private:
  ChunkIndex& index_;
  Sha256Digest const hash_;
  std::uint64_t const size_;
  std::uint64_t begun_ = 0;  // 0: no part was full yet
  std::uint64_t part_ = 0;
  std::vector<ChunkId> ids_;
};

}  // namespace b2b::packed
