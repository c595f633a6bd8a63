#include "core/packed/entry_lines.h"

#include <algorithm>
#include <limits>

#include "tests/support/catch.h"
#include "tests/unit/packed/stream_support.h"

using namespace b2b;
using namespace b2b::packed;

namespace {

struct Read {
  std::vector<Entry> entries;
  std::vector<std::vector<ChunkId>> ids;
};

// Keeps everything, and sees that the batches are as promised.
class Keep final : public EntryLineVisitor {
 public:
  Read read;
  std::size_t largest_batch = 0;
  Result<void> entry(Entry&& entry, std::uint64_t chunks) override {
    CHECK(owed == 0);
    owed = chunks;
    read.entries.push_back(std::move(entry));
    read.ids.emplace_back();
    return {};
  }
  Result<void> chunks(std::span<ChunkId const> ids, bool last) override {
    CHECK_FALSE(ids.empty());
    REQUIRE(ids.size() <= owed);
    owed -= ids.size();
    CHECK(last == (owed == 0));
    largest_batch = std::max(largest_batch, ids.size());
    read.ids.back().insert(read.ids.back().end(), ids.begin(), ids.end());
    return {};
  }

 private:
  std::uint64_t owed = 0;
};

Result<Read> read_list(std::string_view text, std::size_t piece = 1 << 20) {
  Keep keep;
  EntryLineReader reader("2026-02-19T12-00-00-000Z-1a2b3c4d", keep);
  for (auto rest = as_bytes(text); !rest.empty();) {
    auto const next = rest.first(std::min(piece, rest.size()));
    B2B_TRY(reader.feed(next));
    rest = rest.subspan(next.size());
  }
  B2B_TRY(reader.finish());
  CHECK(reader.entries() == keep.read.entries.size());
  return std::move(keep.read);
}

ChunkId id_number(std::uint64_t number) {
  return sha256(std::to_string(number));
}

std::vector<ChunkId> ids_from(std::uint64_t first, std::size_t count) {
  std::vector<ChunkId> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back(id_number(first + i));
  return out;
}

Entry file(std::string path, std::uint64_t size) {
  Entry entry;
  entry.path = std::move(path);
  entry.size = size;
  entry.hash = sha256(entry.path);
  entry.mode = 0600;
  entry.uid = entry.gid = 1000;
  entry.mtime_ns = 1771502400123456789;
  return entry;
}

Entry other(EntryType type, std::string path, std::string target = {}) {
  Entry entry = file(std::move(path), 0);
  entry.type = type;
  entry.hash = {};
  entry.target = std::move(target);
  return entry;
}

struct Item {
  Entry entry;
  std::vector<ChunkId> ids;
};

std::string write(std::vector<Item> const& items) {
  StringSink sink(1 << 26);
  EntryLineWriter writer(sink);
  for (Item const& item : items)
    REQUIRE(writer.append(item.entry, item.ids));
  REQUIRE(writer.finish());
  CHECK(writer.entries() == items.size());
  return sink.take();
}

void check_same(Entry const& a, Entry const& b) {
  CAPTURE(a.path);
  CHECK(a.path == b.path);
  CHECK(a.type == b.type);
  CHECK(a.size == b.size);
  CHECK(a.hash == b.hash);
  CHECK(a.has_metadata == b.has_metadata);
  CHECK(a.mode == b.mode);
  CHECK(a.uid == b.uid);
  CHECK(a.gid == b.gid);
  CHECK(a.mtime_ns == b.mtime_ns);
  CHECK(a.target == b.target);
  CHECK(a.hard_link_of == b.hard_link_of);
  CHECK(a.xattrs == b.xattrs);
  CHECK(a.database == b.database);
  CHECK(a.damaged == b.damaged);
  CHECK(a.cut == b.cut);
}

std::vector<Item> all_kinds() {
  std::vector<Item> items;
  items.push_back({other(EntryType::directory, "a"), {}});
  Entry everything = file("a/all", std::uint64_t{4} << 22);
  everything.mode = 07777;
  everything.uid = std::numeric_limits<std::uint32_t>::max();
  everything.mtime_ns = std::numeric_limits<std::int64_t>::min();
  everything.hard_link_of = "a/f\xff";
  everything.xattrs = {{"user.a", std::string("\0\xff\n", 3)}, {"user.\xe9", "x"}};
  everything.database = everything.damaged = everything.cut = true;
  items.push_back({everything, ids_from(0, 4)});
  items.push_back({file("a/empty", 0), {}});
  items.push_back({file("a/f\xff", 70'000), ids_from(10, 2)});
  Entry plain = file("b\n\"{", 1);
  plain.has_metadata = false;
  plain.mode = plain.uid = plain.gid = 0;
  plain.mtime_ns = 0;
  items.push_back({plain, ids_from(20, 1)});
  items.push_back({other(EntryType::symlink, "l", "../\xfe"), {}});
  items.push_back({other(EntryType::symlink, "l2", ""), {}});
  items.push_back({file("z", 100'000'000), ids_from(100, 2500)});
  return items;
}

std::string const hash64(64, 'a');
std::string file_line(std::string const& path, std::string const& rest) {
  return R"({"path":")" + path + R"(","type":"file","hash":")" + hash64 + "\"," + rest + "}\n";
}
std::string const id_line = std::string(64, '0') + "\n";

}  // namespace

TEST_CASE("a list comes back as it was written, in whatever pieces", "[entry_lines]") {
  auto const items = all_kinds();
  auto const text = write(items);
  for (std::size_t const piece : {1U, 7U, 64U, 65U, 1000U, 1U << 20}) {
    CAPTURE(piece);
    auto const result = read_list(text, piece);
    REQUIRE(result);
    REQUIRE(result->entries.size() == items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      check_same(result->entries[i], items[i].entry);
      CHECK(result->ids[i] == items[i].ids);
    }
  }
}

TEST_CASE("an entry's line is the one of docs/format.md", "[entry_lines]") {
  Entry entry = file("agents/main/sessions/a.jsonl", 70'000);
  entry.hash.fill(0xab);
  entry.mtime_ns = 1771502400000000000;
  std::string hash;
  for (int i = 0; i < 32; ++i)
    hash += "ab";
  CHECK(write({{entry, ids_from(1, 2)}}) ==
        R"({"path":"agents/main/sessions/a.jsonl","type":"file","size":70000,"hash":")" + hash +
            R"(","mode":384,"uid":1000,"gid":1000,"mtime":"1771502400000000000","chunks":2})" + "\n" +
            to_hex(id_number(1)) + "\n" + to_hex(id_number(2)) + "\n");
  CHECK(
      write({{other(EntryType::symlink, "l", "t"), {}}}) ==
      R"({"path":"l","type":"symlink","target":"t","mode":384,"uid":1000,"gid":1000,"mtime":"1771502400123456789"})"
      "\n");
  CHECK(write({}).empty());
}

TEST_CASE("the ids of a large file are written and read without being held", "[entry_lines]") {
  constexpr std::uint64_t count = 20'000;
  StringSink sink(1 << 26);
  EntryLineWriter writer(sink);
  REQUIRE(writer.begin(file("big", count * 65'536), count));
  for (std::uint64_t i = 0; i < count; i += 500)
    REQUIRE(writer.add_chunks(ids_from(i, 500)));
  REQUIRE(writer.finish());
  Keep keep;
  EntryLineReader reader("s", keep);
  REQUIRE(reader.feed(as_bytes(sink.text())));
  REQUIRE(reader.finish());
  CHECK(keep.read.ids.at(0) == ids_from(0, count));
  CHECK(keep.largest_batch == EntryLineReader::max_ids_at_once);
}

TEST_CASE("an empty list, and members of a later version", "[entry_lines]") {
  auto const empty = read_list("");
  REQUIRE(empty);
  CHECK(empty->entries.empty());
  auto const later =
      read_list(file_line("a", R"("size":1,"chunks":1,"colour":{"red":[1,2]},"kind":null)") + id_line);
  REQUIRE(later);
  CHECK(later->entries.at(0).size == 1);
  CHECK_FALSE(later->entries.at(0).has_metadata);
}

TEST_CASE("damage is told with its line", "[entry_lines]") {
  struct Case {
    std::string text;
    std::string line;
    std::string problem;
  };
  std::string const good = file_line("b", R"("size":1,"chunks":1)") + id_line;
  std::string const dir = R"({"path":"d","type":"dir"})"
                          "\n";
  std::vector<Case> const cases{
      {"\n", "line 1", "not an entry"},
      {"[]\n", "line 1", "not an entry"},
      {good + id_line, "line 3", "not an entry"},
      {good + "{\n", "line 3", "not an entry"},
      {good + "{]}\n", "line 3", "JSON"},
      {good + "{}{}\n", "line 3", "JSON"},
      {good + "{\"path\":\"\xff\"}\n", "line 3", "JSON"},
      {" " + good, "line 1", "not an entry"},
      {good + good, "line 3", "order"},
      {good + file_line("a", R"("size":0)"), "line 3", "order"},
      {good + file_line("", R"("size":0)"), "line 3", "order"},
      {good + dir + dir, "line 4", "order"},
      {good + file_line("c", R"("size":1,"chunks":1)"), "line 4", "ends before the ids"},
      {good.substr(0, good.size() - 1), "line 2", "ends within"},
      {good + "{", "line 3", "ends within"},
      {file_line("a", R"("size":2,"chunks":2)") + id_line + dir, "line 3", "64 hex digits"},
      {file_line("a", R"("size":1,"chunks":1)") + std::string(64, 'A') + "\n", "line 2", "64 hex digits"},
      {file_line("a", R"("size":1,"chunks":1)") + std::string(63, '0') + "g\n", "line 2", "64 hex digits"},
      {file_line("a", R"("size":1,"chunks":1)") + std::string(63, '0') + "\n", "line 2", "64 hex digits"},
      {file_line("a", R"("size":1,"chunks":1)") + std::string(65, '0'), "line 2", "64 hex digits"},
      {file_line("a", R"("size":1)"), "line 1", "do not fit together"},
      {file_line("a", R"("size":0,"chunks":1)"), "line 1", "do not fit together"},
      {file_line("a", R"("size":5,"chunks":6)"), "line 1", "do not fit together"},
      {file_line("a", R"("size":4194305,"chunks":1)"), "line 1", "do not fit together"},
      {file_line("a", R"("size":9223372036854775808,"chunks":1)"), "line 1", "\"size\" is out of range"},
      {file_line("a", R"("size":5,"chunks":-1)"), "line 1", "\"chunks\""},
      {file_line("a", R"("size":5,"chunks":"1")"), "line 1", "\"chunks\""},
      {file_line("a", R"("chunks":1)"), "line 1", "\"size\" is missing"},
      {file_line("a", R"("size":1,"chunks":1,"mode":4096)"), "line 1", "\"mode\" is out of range"},
      {file_line("a", R"("size":1,"chunks":1,"mtime":5)"), "line 1", "\"mtime\""},
      {file_line("a", R"("size":1,"chunks":1,"db":1)"), "line 1", "\"db\""},
      {file_line("a", R"("size":1,"chunks":1,"xattrs":{"user.a":"?"})"), "line 1", "\"xattrs\""},
      {file_line("a", R"("size":1,"chunks":1,"hash":"00")"), "line 1", "\"hash\""},
      {"{\"type\":\"dir\"}\n", "line 1", "\"path\" is missing"},
      {"{\"path\":\"a\"}\n", "line 1", "\"type\" is missing"},
      {"{\"path\":\"a\",\"type\":\"fifo\"}\n", "line 1", "\"type\""},
      {"{\"path\":\"a\",\"type\":\"symlink\"}\n", "line 1", "\"target\" is missing"},
      {"{\"path\":\"a\",\"type\":\"dir\",\"chunks\":1}\n", "line 1", "\"chunks\""},
      {"{\"path64\":\"?\",\"type\":\"dir\"}\n", "line 1", "\"path64\""},
  };
  for (Case const& one : cases) {
    CAPTURE(one.text);
    for (std::size_t const piece : {std::size_t{1}, std::size_t{1} << 20}) {
      auto const result = read_list(one.text, piece);
      REQUIRE_FALSE(result);
      CHECK(result.error().condition == Condition::corrupt);
      CHECK_THAT(result.error().message, Catch::Contains(": " + one.line + ": "));
      CHECK_THAT(result.error().message, Catch::Contains(one.problem));
      CHECK_THAT(result.error().message, Catch::Contains("2026-02-19T12-00-00-000Z-1a2b3c4d"));
    }
  }
}

TEST_CASE("a list cut anywhere is no list, unless the cut is between entries", "[entry_lines]") {
  std::string const text = write({{file("a", 2), ids_from(0, 2)}, {other(EntryType::directory, "d"), {}}});
  std::size_t const behind_file = text.find("{\"path\":\"d\"");
  for (std::size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    CHECK(read_list(text.substr(0, size)).has_value() == (size == 0 || size == behind_file));
  }
}

TEST_CASE("lines are read up to their bound, and not held beyond it", "[entry_lines]") {
  std::string const before = R"({"path":"a","type":"dir","x":")", after = "\"}";
  std::string const full =
      before + std::string(max_entry_line_bytes - before.size() - after.size(), 'x') + after;
  REQUIRE(full.size() == max_entry_line_bytes);
  CHECK(read_list(full + "\n"));
  for (std::string const& text : {before + 'x' + full.substr(before.size()) + "\n", full + "x"}) {
    auto const result = read_list(text, 1000);
    REQUIRE_FALSE(result);
    CHECK_THAT(result.error().message, Catch::Contains("line 1: it is over 1 MB long"));
  }
}

TEST_CASE("the order is that of bytes, not of signed characters", "[entry_lines]") {
  auto const text = write({{file("a\x7f", 0), {}}, {file("a\x80", 0), {}}, {file("a\xff", 0), {}}});
  CHECK(read_list(text));
}

TEST_CASE("a writer refuses what no reader would take", "[entry_lines]") {
  StringSink sink(1 << 26);
  EntryLineWriter writer(sink);
  Entry heavy = file("a", 0);
  heavy.xattrs["user.x"] = std::string(1 << 20, 'x');
  auto const limit = writer.append(heavy, {});
  REQUIRE_FALSE(limit);
  CHECK(limit.error().condition == Condition::limit);
  auto const path = writer.append(file("a/../b", 0), {});
  REQUIRE_FALSE(path);
  CHECK(path.error().condition == Condition::internal);
  REQUIRE(writer.append(file("a", 0), {}));  // neither is counted or written
  REQUIRE(writer.finish());
  CHECK(writer.entries() == 1);
  CHECK(read_list(sink.text())->entries.size() == 1);
}

TEST_CASE("errors of the sink and of the visitor are passed on", "[entry_lines]") {
  StringSink full(10);
  EntryLineWriter writer(full);
  REQUIRE(writer.append(file("a", 0), {}));
  CHECK_FALSE(writer.finish());

  class Refuse final : public EntryLineVisitor {
   public:
    explicit Refuse(bool at_entry) : at_entry_(at_entry) {}
    Result<void> entry(Entry&&, std::uint64_t) override { return at_entry_ ? no() : Result<void>(); }
    Result<void> chunks(std::span<ChunkId const>, bool) override { return no(); }

   private:
    static Result<void> no() { return make_error(Condition::cancelled, "enough"); }
    bool at_entry_;
  };
  auto const text = write({{file("a", 1), ids_from(0, 1)}});
  for (bool const at_entry : {true, false}) {
    Refuse refuse(at_entry);
    EntryLineReader reader("s", refuse);
    auto const result = reader.feed(as_bytes(text));
    REQUIRE_FALSE(result);
    CHECK(result.error().condition == Condition::cancelled);
  }
}

TEST_CASE("how many chunks a file can be of", "[entry_lines]") {
  CHECK(chunks_fit(0, 0));
  CHECK_FALSE(chunks_fit(0, 1));
  CHECK_FALSE(chunks_fit(1, 0));
  CHECK(chunks_fit(1, 1));
  CHECK(chunks_fit(max_chunk_bytes, 1));
  CHECK_FALSE(chunks_fit(max_chunk_bytes + 1, 1));
  CHECK(chunks_fit(max_chunk_bytes + 1, 2));
  CHECK(chunks_fit(std::numeric_limits<std::int64_t>::max(), std::uint64_t{1} << 41));
  CHECK_FALSE(chunks_fit(std::numeric_limits<std::int64_t>::max(), (std::uint64_t{1} << 41) - 1));
}
