#include "core/packed/chunk_index.h"

#include <filesystem>

#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::packed;
using b2b::test::Scratch;

namespace {

RepositoryId const repository{1};
TimePoint const noon(std::chrono::hours(12));

std::shared_ptr<ChunkIndex> open(Scratch const& scratch, RepositoryId const& of = repository) {
  return ChunkIndex::open(scratch.path(), of).value();
}

ChunkId id(std::string const& name) { return sha256(name); }

// A pack of that name with these chunks.
PackRecord pack(std::string const& name, std::vector<std::string> const& chunks) {
  PackRecord out;
  out.id = sha256(name);
  out.salt = sha256(name + " salt");
  out.bytes = 100'000;
  std::uint32_t offset = pack_header_bytes;
  for (std::string const& chunk : chunks) {
    out.chunks.push_back({id(chunk), ChunkType::data, offset, 50, 40});
    offset += 50;
  }
  return out;
}

void read(ChunkIndex& index, std::string const& name, std::vector<std::string> const& replaces, std::vector<PackRecord> packs) {
  IndexPayload payload;
  for (std::string const& old : replaces) payload.replaces.push_back(sha256(old));
  payload.packs = std::move(packs);
  REQUIRE(index.index_read(sha256(name), payload));
}

// Which of these chunks are there.
std::string there(ChunkIndex& index, std::vector<std::string> const& chunks) {
  std::string out;
  for (std::string const& chunk : chunks)
    if (index.has(ChunkType::data, id(chunk)).value()) out += chunk;
  return out;
}

std::vector<std::string> names(std::vector<IndexId> const& ids) {
  std::vector<std::string> out;
  for (char const* const name : {"I", "J", "K", "L"})
    if (std::find(ids.begin(), ids.end(), sha256(name)) != ids.end()) out.emplace_back(name);
  return out;
}

std::vector<ChunkId> many(std::size_t count, std::string const& of) {
  std::vector<ChunkId> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(id(of + std::to_string(i)));
  return out;
}

// A pack with all of them.
PackRecord holding(std::vector<ChunkId> const& ids) {
  PackRecord out = pack("holding " + to_hex(ids.front()), {});
  std::uint32_t offset = pack_header_bytes;
  for (ChunkId const& chunk : ids) {
    out.chunks.push_back({chunk, ChunkType::data, offset, 50, 40});
    offset += 50;
  }
  return out;
}

Result<void> put(ChunkIndex& index, Sha256Digest const& hash, std::uint64_t size, std::vector<ChunkId> const& ids) {
  ContentParts parts(index, hash, size);
  for (ChunkId const& chunk : ids) B2B_TRY(parts.add(chunk));
  return parts.finish();
}

std::vector<ChunkId> chunks_of(ChunkIndex& index, Sha256Digest const& hash, std::uint64_t size) {
  std::vector<ChunkId> out;
  REQUIRE(index.visit_chunks(hash, size, [&](std::span<ChunkId const> ids) -> Result<void> {
    CHECK(ids.size() <= ChunkIndex::chunks_in_part);
    out.insert(out.end(), ids.begin(), ids.end());
    return {};
  }));
  return out;
}

}  // namespace

TEST_CASE("a chunk is found where its pack says", "[chunk_index]") {
  Scratch const scratch;
  auto const index = open(scratch);
  PackRecord record = pack("A", {"a", "b"});
  record.chunks[1].type = ChunkType::list;
  REQUIRE(index->pack_stored(record, noon));
  REQUIRE(index->pack_stored(record, noon));
  auto const found = index->find(ChunkType::list, id("b")).value();
  REQUIRE(found);
  CHECK(found->pack == record.id);
  CHECK(found->salt == record.salt);
  CHECK(found->pack_bytes == record.bytes);
  CHECK(found->number == 1);
  CHECK(found->place == record.chunks[1]);
  CHECK_FALSE(index->find(ChunkType::data, id("b")).value());
  CHECK_FALSE(index->find(ChunkType::list, id("a")).value());
  CHECK(index->packs().value().size() == 1);
}

TEST_CASE("a chunk is looked for in packs that are about to go when no other has it", "[chunk_index]") {
  Scratch const scratch;
  auto const index = open(scratch);
  for (char const* const name : {"A", "B", "C"}) REQUIRE(index->pack_stored(pack(name, {"a"}), noon));
  std::vector<PackId> marked{sha256("A"), sha256("B")};
  std::sort(marked.begin(), marked.end());
  REQUIRE(index->set_condemned(marked));
  CHECK(index->find(ChunkType::data, id("a")).value()->pack == sha256("C"));
  auto const found = index->find_all(ChunkType::data, id("a")).value();
  REQUIRE(found.size() == 3);
  CHECK(found[1].pack == sha256("A"));
  CHECK(found[2].pack == sha256("B"));
  REQUIRE(index->pack_gone(sha256("C")));
  CHECK(index->find(ChunkType::data, id("a")).value()->pack == sha256("A"));
}

TEST_CASE("packs wait for an index object, oldest first, and their age is known", "[chunk_index]") {
  Scratch const scratch;
  auto index = open(scratch);
  PackRecord const a = pack("A", {"a"}), b = pack("B", {"b"}), c = pack("C", {"c"});
  REQUIRE(index->pack_stored(a, noon));
  REQUIRE(index->pack_stored(b, noon + std::chrono::seconds(1)));
  REQUIRE(index->pack_stored(c, noon + std::chrono::seconds(2)));
  index = nullptr;
  index = open(scratch);
  auto waiting = index->packs_without_index(1).value();
  REQUIRE(waiting.size() == 1);
  CHECK(waiting[0].id == a.id);
  CHECK(waiting[0].salt == a.salt);
  CHECK(waiting[0].bytes == a.bytes);
  CHECK(waiting[0].chunks == a.chunks);
  CHECK(index->packs_without_index(1 << 20).value().size() == 3);
  REQUIRE(index->index_written(sha256("I"), waiting));
  CHECK(index->packs_without_index(1 << 20).value().size() == 2);

  CHECK_FALSE(index->has_unindexed_before(noon + std::chrono::seconds(1)).value());
  CHECK(index->has_unindexed_before(noon + std::chrono::seconds(2)).value());
}

TEST_CASE("a pack that waits is settled by an index object that names it", "[chunk_index]") {
  Scratch const scratch;
  auto const index = open(scratch);
  REQUIRE(index->pack_stored(pack("A", {"a"}), noon));
  read(*index, "I", {}, {pack("A", {"a"})});  // written before a crash, and found again
  CHECK(index->packs_without_index(1 << 20).value().empty());
  CHECK_FALSE(index->has_unindexed_before(noon + std::chrono::hours(1)).value());
  CHECK(there(*index, {"a"}) == "a");
  REQUIRE(index->pack_stored(pack("A", {"a"}), noon));
  CHECK(index->packs_without_index(1 << 20).value().empty());
}

TEST_CASE("packs are known as long as an index object names them", "[chunk_index]") {
  Scratch const scratch;
  auto const index = open(scratch);
  read(*index, "I", {}, {pack("A", {"a"}), pack("B", {"b"})});
  read(*index, "J", {}, {pack("B", {"b"}), pack("C", {"c", "a"})});
  CHECK(names(index->index_objects().value()) == std::vector<std::string>{"I", "J"});
  REQUIRE(index->index_gone(sha256("I")));
  CHECK(there(*index, {"a", "b", "c"}) == "abc");  // C holds a, too
  CHECK(index->packs().value().size() == 2);
  REQUIRE(index->pack_gone(sha256("C")));
  CHECK(there(*index, {"a", "b", "c"}) == "b");
  REQUIRE(index->index_gone(sha256("J")));
  CHECK(index->packs().value().empty());
  CHECK(index->index_objects().value().empty());
  REQUIRE(index->index_gone(sha256("never seen")));
  REQUIRE(index->pack_gone(sha256("never seen")));
}

TEST_CASE("an index object that is replaced counts no more, whichever comes first", "[chunk_index]") {
  for (bool const old_first : {true, false}) {
    Scratch const scratch;
    auto const index = open(scratch);
    if (old_first) read(*index, "I", {}, {pack("A", {"a"}), pack("B", {"b"})});
    read(*index, "J", {"I"}, {pack("B", {"b"}), pack("C", {"c"})});
    if (!old_first) read(*index, "I", {}, {pack("A", {"a"}), pack("B", {"b"})});
    CHECK(there(*index, {"a", "b", "c"}) == "bc");
    CHECK(index->packs().value().size() == 2);
    REQUIRE(index->index_gone(sha256("I")));  // as is to be expected soon
    CHECK(there(*index, {"a", "b", "c"}) == "bc");
    CHECK(names(index->index_objects().value()) == std::vector<std::string>{"J"});
  }
}

TEST_CASE("an index object counts again when what replaced it is gone", "[chunk_index]") {
  Scratch const scratch;
  auto const index = open(scratch);
  read(*index, "I", {}, {pack("A", {"a"})});
  read(*index, "J", {"I"}, {pack("C", {"c"})});
  read(*index, "K", {"I", "J"}, {pack("C", {"c"})});
  REQUIRE(index->index_gone(sha256("J")));
  read(*index, "I", {}, {pack("A", {"a"})});
  CHECK(there(*index, {"a", "c"}) == "c");  // K still says so
  REQUIRE(index->index_gone(sha256("K")));
  // It is to be read again, as a machine would that has seen neither.
  CHECK(names(index->index_objects().value()).empty());
  read(*index, "I", {}, {pack("A", {"a"})});
  CHECK(there(*index, {"a", "c"}) == "a");
}

TEST_CASE("what a content consists of is known while its chunks are there", "[chunk_index]") {
  Scratch const scratch;
  auto index = open(scratch);
  auto const hash = sha256("content");
  std::size_t const part = ChunkIndex::chunks_in_part;
  for (std::size_t const count : {std::size_t{1}, part - 1, part, part + 1, 3 * part, 3 * part + 5}) {
    auto const ids = many(count, "n");
    std::uint64_t const size = count * 10'000;
    REQUIRE(put(*index, hash, size, ids));
    CHECK_FALSE(index->count_chunks(hash, size).value());
    CHECK(index->count_chunks(hash, size, [](ChunkId const&) { return true; }).value() == count);
  }
  auto const all = many(3 * part + 5, "n");
  REQUIRE(index->pack_stored(holding(all), noon));
  index = nullptr;
  index = open(scratch);
  for (std::size_t const count : {std::size_t{1}, part - 1, part, part + 1, 3 * part, 3 * part + 5}) {
    std::uint64_t const size = count * 10'000;
    CHECK(index->count_chunks(hash, size).value() == count);
    CHECK(chunks_of(*index, hash, size) == many(count, "n"));
    CHECK_FALSE(index->count_chunks(hash, size + 1).value());
    CHECK_FALSE(index->count_chunks(sha256("another"), size).value());
  }
  CHECK(index->count_chunks(sha256(""), 0).value() == 0U);
  CHECK(chunks_of(*index, sha256(""), 0).empty());
  REQUIRE(index->pack_gone(holding(all).id));
  CHECK_FALSE(index->count_chunks(hash, 10'000).value());
}

TEST_CASE("a content that is not finished says nothing, and changes nothing that is known", "[chunk_index]") {
  Scratch const scratch;
  auto const index = open(scratch);
  auto const hash = sha256("content");
  std::uint64_t const size = 30'000'000;
  auto const right = many(2000, "right"), wrong = many(2000, "wrong");
  REQUIRE(index->pack_stored(holding(right), noon));
  REQUIRE(index->pack_stored(holding(wrong), noon));
  {
    ContentParts unfinished(*index, hash, size);
    for (ChunkId const& chunk : wrong) REQUIRE(unfinished.add(chunk));
  }
  CHECK_FALSE(index->count_chunks(hash, size).value());
  {
    // Twins, of which one changes while both are read.
    ContentParts twin(*index, hash, size);
    for (std::size_t i = 0; i < 1500; ++i) REQUIRE(twin.add(wrong[i]));
    REQUIRE(put(*index, hash, size, right));
    for (std::size_t i = 1500; i < wrong.size(); ++i) REQUIRE(twin.add(wrong[i]));
  }
  CHECK(index->count_chunks(hash, size).value() == right.size());
  CHECK(chunks_of(*index, hash, size) == right);
  // Once more, with fewer parts than before: nothing of the older ones is left.
  auto const shorter = many(5, "right");
  REQUIRE(put(*index, hash, size, shorter));
  CHECK(chunks_of(*index, hash, size) == shorter);
}

TEST_CASE("a process that dies forgets the contents of the last batch, and nothing else", "[chunk_index]") {
  Scratch const scratch, copy;
  auto index = open(scratch);
  auto const ids = many(1, "n");
  REQUIRE(index->pack_stored(holding(ids), noon));
  std::size_t const contents = 1300;
  for (std::size_t i = 0; i < contents; ++i) REQUIRE(put(*index, sha256(std::to_string(i)), 10, ids));
  for (char const* suffix : {"", "-wal"})
    std::filesystem::copy_file(scratch / (std::string("packed.sqlite") + suffix), copy / (std::string("packed.sqlite") + suffix));
  auto const after = open(copy);
  std::size_t known = 0;
  bool gap = false;
  for (std::size_t i = 0; i < contents; ++i) {
    bool const is = after->count_chunks(sha256(std::to_string(i)), 10).value().has_value();
    if (is && gap) FAIL("a content in between was forgotten");
    gap = !is;
    known += is ? 1 : 0;
  }
  CHECK(known >= contents - 512);
  CHECK(known < contents);  // else this test shows nothing
  CHECK(after->has(ChunkType::data, ids[0]).value());
  // A pack ends the batch: what is known of contents never lags behind what is known of chunks.
  REQUIRE(index->pack_stored(pack("A", {"a"}), noon));
  index = nullptr;
  index = open(scratch);
  CHECK(index->count_chunks(sha256(std::to_string(contents - 1)), 10).value() == 1U);
}

TEST_CASE("a record of another repository is made anew", "[chunk_index]") {
  Scratch const scratch;
  auto index = open(scratch);
  REQUIRE(index->pack_stored(pack("A", {"a"}), noon));
  index = nullptr;
  CHECK(there(*open(scratch), {"a"}) == "a");
  CHECK(there(*open(scratch, RepositoryId{2}), {"a"}).empty());
  CHECK(there(*open(scratch), {"a"}).empty());
}
