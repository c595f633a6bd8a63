// The part of the chunk index that remembers of which chunks contents consist.
#include <algorithm>

#include "core/packed/chunk_index.h"

namespace b2b::packed {
namespace {

constexpr std::size_t contents_in_batch = 512;

// In place of the hash of a content that is not finished; the size is its number then.
constexpr Sha256Digest unfinished{};

}  // namespace

Result<void> ChunkIndex::write_part(std::span<std::uint8_t const> hash, std::uint64_t size, std::uint64_t part, bool last,
                                    std::span<ChunkId const> chunks) {
  B2B_ASSERT(!chunks.empty() && chunks.size() <= chunks_in_part && (last || chunks.size() == chunks_in_part));
  B2B_ASSIGN(sqlite::Statement* const insert, statement(insert_content_, "INSERT INTO content VALUES(?, ?, ?, ?, ?)"));
  insert->bind_blob(1, hash).bind(2, static_cast<std::int64_t>(size)).bind(3, static_cast<std::int64_t>(part)).bind(4, last ? 1 : 0);
  insert->bind_blob(5, {reinterpret_cast<std::uint8_t const*>(chunks.data()), chunks.size() * sizeof(ChunkId)});
  return insert->run();
}

std::uint64_t ChunkIndex::begin_content() {
  std::scoped_lock lock(mutex_);
  return ++contents_begun_;
}

Result<void> ChunkIndex::put_part(std::uint64_t begun, std::uint64_t part, std::span<ChunkId const> chunks) {
  std::scoped_lock lock(mutex_);
  B2B_TRY(begin_in_batch());
  return write_part(unfinished, begun, part, false, chunks);
}

Result<void> ChunkIndex::put_content(Sha256Digest const& hash, std::uint64_t size, std::uint64_t begun, std::uint64_t part,
                                     std::span<ChunkId const> chunks) {
  std::scoped_lock lock(mutex_);
  B2B_TRY(begin_in_batch());
  B2B_ASSIGN(sqlite::Statement* const remove, statement(remove_content_, "DELETE FROM content WHERE hash = ? AND size = ?"));
  remove->bind_blob(1, hash).bind(2, static_cast<std::int64_t>(size));
  B2B_TRY(remove->run());
  if (begun != 0) {
    B2B_ASSIGN(auto rename, database_.prepare("UPDATE content SET hash = ?, size = ? WHERE hash = zeroblob(32) AND size = ?"));
    rename.bind_blob(1, hash).bind(2, static_cast<std::int64_t>(size)).bind(3, static_cast<std::int64_t>(begun));
    B2B_TRY(rename.run());
  }
  B2B_TRY(write_part(hash, size, part, true, chunks));
  if (in_batch_ >= contents_in_batch) B2B_TRY(end_batch());
  return {};
}

Result<void> ChunkIndex::drop_parts(std::uint64_t begun) {
  std::scoped_lock lock(mutex_);
  B2B_TRY(begin_in_batch());
  return database_.execute("DELETE FROM content WHERE hash = zeroblob(32) AND size = " + std::to_string(begun));
}

ContentParts::~ContentParts() {
  // What stays is removed when the index is opened the next time.
  if (begun_ != 0) static_cast<void>(index_.drop_parts(begun_));
}

Result<void> ContentParts::add(ChunkId const& id) {
  if (ids_.size() == ChunkIndex::chunks_in_part) {
    if (begun_ == 0) begun_ = index_.begin_content();
    B2B_TRY(index_.put_part(begun_, part_++, ids_));
    ids_.clear();
  }
  ids_.push_back(id);
  return {};
}

Result<void> ContentParts::finish() {
  B2B_TRY(index_.put_content(hash_, size_, begun_, part_, ids_));
  begun_ = 0;
  return {};
}

Result<std::optional<std::uint64_t>> ChunkIndex::last_part(Sha256Digest const& hash, std::uint64_t size) {
  B2B_ASSIGN(sqlite::Statement* const select,
             statement(select_last_, "SELECT part FROM content WHERE hash = ? AND size = ? AND last = 1"));
  select->bind_blob(1, hash).bind(2, static_cast<std::int64_t>(size));
  B2B_ASSIGN(bool const row, select->step());
  std::optional<std::uint64_t> part;
  if (row) part = static_cast<std::uint64_t>(select->column_int(0));
  select->reset();
  return part;
}

Result<std::optional<std::vector<ChunkId>>> ChunkIndex::read_part(Sha256Digest const& hash, std::uint64_t size, std::uint64_t part) {
  B2B_ASSIGN(sqlite::Statement* const select,
             statement(select_content_, "SELECT chunks FROM content WHERE hash = ? AND size = ? AND part = ?"));
  select->bind_blob(1, hash).bind(2, static_cast<std::int64_t>(size)).bind(3, static_cast<std::int64_t>(part));
  B2B_ASSIGN(bool const row, select->step());
  std::optional<std::vector<ChunkId>> chunks;
  std::string const bytes = row ? select->column_bytes(0) : std::string();
  select->reset();
  if (!row || bytes.size() % sizeof(ChunkId) != 0) return chunks;
  chunks.emplace(bytes.size() / sizeof(ChunkId));
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(chunks->data()));
  return chunks;
}

Result<std::optional<std::uint64_t>> ChunkIndex::count_chunks(Sha256Digest const& hash, std::uint64_t size, AlsoThere const& also_there) {
  std::optional<std::uint64_t> none;
  if (size == 0) return std::optional<std::uint64_t>(0);
  std::uint64_t count = 0;
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(auto const last, last_part(hash, size));
  if (!last) return none;
  for (std::uint64_t part = 0; part <= *last; ++part) {
    B2B_ASSIGN(auto const chunks, read_part(hash, size, part));
    if (!chunks) return none;
    for (ChunkId const& id : *chunks) {
      if (also_there && also_there(id)) continue;
      B2B_ASSIGN(bool const there, has_unlocked(ChunkType::data, id));
      if (!there) return none;
    }
    count += chunks->size();
  }
  return std::optional(count);
}

Result<void> ChunkIndex::visit_chunks(Sha256Digest const& hash, std::uint64_t size,
                                      std::function<Result<void>(std::span<ChunkId const>)> const& visit) {
  if (size == 0) return {};
  for (std::uint64_t part = 0;; ++part) {
    std::optional<std::vector<ChunkId>> chunks;
    bool last = false;
    {
      std::scoped_lock lock(mutex_);
      B2B_ASSIGN(auto const end, last_part(hash, size));
      B2B_ASSIGN(chunks, read_part(hash, size, part));
      if (!end || !chunks) return make_error(Condition::internal, "the chunks of a file are not known any more; push again");
      last = part == *end;
    }
    B2B_TRY(visit(*chunks));
    if (last) return {};
  }
}

}  // namespace b2b::packed
