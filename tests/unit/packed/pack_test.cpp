#include "core/packed/pack.h"

#include "core/packed/codec.h"
#include "core/packed/index_object.h"
#include "core/packed/sealed_object.h"
#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::packed;

namespace {

Key master() {
  std::array<std::uint8_t, 32> bytes{};
  bytes.fill(7);
  return Key(bytes);
}

RepositoryId repository() { return {1, 2, 3}; }

struct Content {
  ChunkType type;
  ChunkId id;
  std::string text;
};

std::vector<Content> contents() {
  std::vector<Content> all;
  for (int i = 0; i < 50; ++i) {
    std::string text(static_cast<std::size_t>(i * 100), static_cast<char>('a' + i % 26));
    if (i % 3 == 0) random_bytes({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    all.push_back({i % 7 == 0 ? ChunkType::list : ChunkType::data, sha256(text + std::to_string(i)), text});
  }
  return all;
}

struct Built {
  PackRecord record;
  std::string object;
};

Built build(std::vector<Content> const& all) {
  PackBuilder builder;
  Encoder encoder;
  for (Content const& content : all) {
    std::string encoded;
    encoder.append(as_bytes(content.text), encoded);
    builder.add(content.type, content.id, static_cast<std::uint32_t>(content.text.size()), encoded);
  }
  StringSink sink(max_pack_bytes);
  Built built;
  built.record = builder.finish(master(), repository(), sink).value();
  CHECK(builder.empty());
  built.object = sink.take();
  return built;
}

ReadRange range_of(std::string const& object) {
  return [&object](std::uint64_t offset, std::uint64_t bytes) -> Result<std::string> { return object.substr(offset, bytes); };
}

bool same(PackRecord const& a, PackRecord const& b) { return a.salt == b.salt && a.bytes == b.bytes && a.chunks == b.chunks; }

}  // namespace

TEST_CASE("a pack gives back its chunks, and its directory is what the index says", "[pack]") {
  auto const all = contents();
  auto const [record, object] = build(all);
  CHECK(record.bytes == object.size());
  CHECK(record.id == sha256(object));
  CHECK(padme(record.bytes) == record.bytes);
  REQUIRE(record.chunks.size() == all.size());

  PackOpener opener(master(), repository(), record.salt);
  std::string content;
  std::size_t in_order = 0;
  for (std::size_t i = 0; i < record.chunks.size(); ++i) {
    ChunkPlace const& place = record.chunks[i];
    auto const wanted = std::find_if(all.begin(), all.end(), [&](Content const& c) { return c.id == place.id; });
    REQUIRE(wanted != all.end());
    if (wanted->id == all[i].id) ++in_order;
    REQUIRE(opener.open(static_cast<std::uint32_t>(i), place, std::string_view(object).substr(place.offset, place.box_bytes), content));
    CHECK(content == wanted->text);
    CHECK(place.type == wanted->type);
  }
  CHECK(in_order < all.size() / 2);  // 50! orders: this fails for one in more packs than anybody makes

  auto const read = read_pack_directory(master(), repository(), object.size(), range_of(object));
  REQUIRE(read);
  CHECK(same(*read, record));
}

TEST_CASE("a box opens only as what it is, where it is", "[pack]") {
  auto const [record, object] = build(contents());
  ChunkPlace const place = record.chunks[5];
  std::string const box = object.substr(place.offset, place.box_bytes);
  std::string content;
  PackOpener opener(master(), repository(), record.salt);
  REQUIRE(opener.open(5, place, box, content));
  auto const refused = [&](PackOpener& by, std::uint32_t number, ChunkPlace const& as, std::string const& given) {
    auto const opened = by.open(number, as, given, content);
    return !opened && opened.error().condition == Condition::corrupt;
  };
  CHECK(refused(opener, 6, place, box));
  ChunkPlace other = place;
  other.id[0] ^= 1;
  CHECK(refused(opener, 5, other, box));
  other = place;
  other.type = place.type == ChunkType::data ? ChunkType::list : ChunkType::data;
  CHECK(refused(opener, 5, other, box));
  other = place;
  ++other.content_bytes;
  CHECK(refused(opener, 5, other, box));
  CHECK(refused(opener, 5, place, box.substr(1)));
  PackOpener elsewhere(master(), RepositoryId{9}, record.salt);
  CHECK(refused(elsewhere, 5, place, box));
}

TEST_CASE("one flipped bit in a pack is noticed where it matters", "[pack]") {
  auto const [record, object] = build(contents());
  std::size_t const directory_begin = object.size() - pack_footer_bytes - 4096 - tag_bytes;
  for (std::size_t at = 0; at < object.size(); at += at < pack_header_bytes || at > directory_begin ? 1 : 97) {
    std::string damaged = object;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    CHECK(sha256(damaged) != record.id);  // so anybody can tell, without a key
    auto const read = read_pack_directory(master(), repository(), damaged.size(), range_of(damaged));
    bool const in_body = at >= pack_header_bytes && at < directory_begin;
    bool const in_zeros = at >= object.size() - 12 && at < object.size() - 8;
    if (in_body || in_zeros) {
      CHECK(read);
    } else {
      REQUIRE_FALSE(read);
      CHECK(read.error().condition == Condition::corrupt);
    }
  }
  for (std::size_t const bytes : {std::size_t{0}, std::size_t{40}, std::size_t{72}, object.size() - 1}) {
    std::string const cut = object.substr(0, bytes);
    CHECK_FALSE(read_pack_directory(master(), repository(), cut.size(), range_of(cut)));
  }
}

TEST_CASE("an index object says what the packs say", "[packed_index]") {
  auto const first = build(contents());
  auto const second = build({{ChunkType::data, sha256("x"), "x"}});
  std::vector<PackRecord> const packs{first.record, second.record};
  std::vector<IndexId> const replaces{sha256("old")};
  std::string const payload = format_index(replaces, packs);
  CHECK(payload.size() == 4 + 32 + 4 + index_bytes(packs[0]) + index_bytes(packs[1]));
  auto const read = parse_index(payload);
  REQUIRE(read);
  CHECK(read->replaces == replaces);
  REQUIRE(read->packs.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(read->packs[i].id == packs[i].id);
    CHECK(same(read->packs[i], packs[i]));
  }
  for (std::size_t bytes = 0; bytes < payload.size(); bytes += 7) CHECK_FALSE(parse_index(payload.substr(0, bytes)));
  CHECK_FALSE(parse_index(payload + "x"));
  CHECK_FALSE(parse_index(std::string("\xff\xff\xff\xff", 4)));
}

TEST_CASE("sealed objects open under their own name only", "[sealed_object]") {
  for (std::string const& payload : {std::string(), std::string("{\"version\":1}"), std::string(300'000, 'y')}) {
    std::string const object = seal_object(SealedKind::snapshot, master(), repository(), "2026-02-19", payload).value();
    CHECK(padme(object.size()) == object.size());
    CHECK(object.find("version") == std::string::npos);
    auto const opened = open_object(SealedKind::snapshot, master(), repository(), "2026-02-19", object);
    REQUIRE(opened);
    CHECK(*opened == payload);
    CHECK_FALSE(open_object(SealedKind::snapshot, master(), repository(), "2026-02-18", object));
    CHECK_FALSE(open_object(SealedKind::snapshot, master(), RepositoryId{4}, "2026-02-19", object));
    CHECK_FALSE(open_object(SealedKind::index, master(), repository(), "2026-02-19", object));
    for (std::size_t at = 0; at < object.size(); at += at < 64 ? 1 : 101) {
      std::string damaged = object;
      damaged[at] = static_cast<char>(damaged[at] ^ 1);
      auto const refused = open_object(SealedKind::snapshot, master(), repository(), "2026-02-19", damaged);
      REQUIRE_FALSE(refused);
      CHECK(refused.error().condition == Condition::corrupt);
      CHECK_FALSE(open_object(SealedKind::snapshot, master(), repository(), "2026-02-19", object.substr(0, at)));
    }
  }
  auto const too_long = seal_object(SealedKind::index, master(), repository(), "", std::string(max_payload_bytes + 1, 'x'));
  REQUIRE_FALSE(too_long);
  CHECK(too_long.error().condition == Condition::limit);
}

TEST_CASE("contents are compressed where it pays", "[codec]") {
  Encoder encoder;
  Decoder decoder;
  std::string random(100'000, '\0');
  random_bytes({reinterpret_cast<std::uint8_t*>(random.data()), random.size()});
  std::string const text(100'000, 'z');
  for (std::string const& content : {std::string(), std::string("a"), random, text, random + text, text + random}) {
    std::string encoded = "before";
    encoder.append(as_bytes(content), encoded);
    CHECK(encoded.starts_with("before"));
    encoded.erase(0, 6);
    CHECK(encoded.size() <= content.size() + 1);
    std::string back(content.size(), '\0');
    std::span<std::uint8_t> const out{reinterpret_cast<std::uint8_t*>(back.data()), back.size()};
    REQUIRE(decoder.decode(as_bytes(encoded), out));
    CHECK(back == content);
    CHECK(decode_bounded(as_bytes(encoded), content.size()).value() == content);
    if (!content.empty()) {
      CHECK_FALSE(decode_bounded(as_bytes(encoded), content.size() - 1));
      CHECK_FALSE(decoder.decode(as_bytes(encoded), out.first(out.size() - 1)));
    }
  }
  std::string encoded;
  encoder.append(as_bytes(text), encoded);
  CHECK(encoded.size() < 200);
  encoded.clear();
  encoder.append(as_bytes(random), encoded);
  CHECK(encoded.size() == random.size() + 1);
  CHECK_FALSE(decode_bounded(as_bytes(""), 10));
  CHECK_FALSE(decode_bounded(as_bytes("\x02xx"), 10));
  CHECK_FALSE(decode_bounded(as_bytes("\x01xx"), 10));
}

TEST_CASE("a pack that is checked while it is sealed has no chunk that changed in memory", "[pack]") {
  ChunkKeys const keys(master());
  Encoder encoder;
  for (bool const compressible : {true, false}) {
    std::string text(20'000, 'a');
    if (!compressible) random_bytes({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    ChunkId const id = chunk_id(keys, ChunkType::data, as_bytes(text));
    for (bool const flipped : {false, true}) {
      std::string now = text, encoded;
      if (flipped) now[12'345] = static_cast<char>(now[12'345] ^ 1);
      encoder.append(as_bytes(now), encoded);
      PackBuilder builder;
      builder.add(ChunkType::data, id, static_cast<std::uint32_t>(now.size()), encoded);
      StringSink sink(max_pack_bytes);
      auto const record = builder.finish(master(), repository(), sink, &keys);
      CHECK(record.has_value() == !flipped);
      if (flipped) CHECK(record.error().condition == Condition::corrupt);
    }
  }
}
