// Repositories put together from the parts of this folder, read by tests/reference/read_repository.py, which
// was written from docs/format.md alone.
#include <algorithm>
#include <cstdlib>
#include <map>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/packed/chunk_id.h"
#include "core/packed/chunker.h"
#include "core/packed/entry_lines.h"
#include "core/packed/index_object.h"
#include "core/packed/key_store.h"
#include "core/packed/pack.h"
#include "core/packed/recovery_code.h"
#include "core/packed/sealed_object.h"
#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "tests/support/scratch.h"
#include "tests/unit/packed/stream_support.h"

using namespace b2b;
using namespace b2b::packed;

namespace {

constexpr std::string_view snapshot_id = "2026-02-19T12-00-00-000Z-1a2b3c4d";
constexpr std::int64_t some_time = 1'771'502'400'123'456'789;

// Writes one small repository; how a push does it in earnest is another matter.
struct Writer {
  test::Scratch scratch;
  ManualClock clock{parse_iso8601("2026-02-19T12:00:00Z").value()};
  std::unique_ptr<Store> store = open_directory_store(scratch.path(), "bucket").value();
  KeyStore keys{*store, "p", "", clock};
  SlotSecret const application_key{SlotKind::application_key, Secret("K005abc")};
  OpenedRepository repository = keys.open_or_create({}, std::span(&application_key, 1), {}).value();
  ChunkKeys chunk_keys{repository.master};
  GearTable gear{chunk_keys.gear_key()};
  Encoder encoder;
  PackBuilder pack;
  std::vector<PackRecord> records;
  StringSink list{16 << 20};
  EntryLineWriter lines{list};
  std::map<std::string, std::string> contents;  // of files, by path

  void put(std::string const& key, std::string const& bytes) {
    REQUIRE(store->put(key, MemorySource(bytes), {}));
  }

  std::vector<ChunkId> store_stream(ChunkType type, ChunkSizes const& sizes, std::string_view content) {
    std::vector<ChunkId> ids;
    Chunker chunker(sizes, gear, [&](std::span<std::uint8_t const> chunk) -> Result<void> {
      ids.push_back(chunk_id(chunk_keys, type, chunk));
      std::string encoded;
      encoder.append(chunk, encoded);
      pack.add(type, ids.back(), static_cast<std::uint32_t>(chunk.size()), encoded);
      return {};
    });
    REQUIRE(chunker.feed(as_bytes(content)));
    REQUIRE(chunker.finish());
    return ids;
  }

  void finish_pack() {
    StringSink sink(max_pack_bytes);
    records.push_back(pack.finish(repository.master, repository.config.id, sink).value());
    put(pack_key("p", records.back().id), sink.text());
  }

  void add(Entry entry, std::string const& content = {}) {
    entry.uid = ::getuid();
    entry.gid = ::getgid();
    entry.mtime_ns = some_time;
    entry.size = content.size();
    std::vector<ChunkId> ids;
    if (entry.type == EntryType::file) {
      entry.hash = sha256(content);
      contents[entry.path] = content;
      ids = store_stream(ChunkType::data, repository.config.data, content);
    }
    REQUIRE(lines.append(entry, ids));
  }

  void finish() {
    finish_pack();  // lists lie in a pack of their own
    REQUIRE(lines.finish());
    auto const ids = store_stream(ChunkType::list, repository.config.list, list.text());
    finish_pack();
    std::string const index =
        seal_object(SealedKind::index, repository.master, repository.config.id, "", format_index({}, records))
            .value();
    put(index_key("p", sha256(index)), index);
    std::string chunks;
    for (ChunkId const& id : ids)
      chunks += (chunks.empty() ? "\"" : ",\"") + to_hex(id) + "\"";
    std::string const payload =
        R"({"version":1,"id":")" + std::string(snapshot_id) +
        R"(","timestamp":"2026-02-19T12:00:00.000Z","info":{},"skipped":[],"list":{"bytes":)" +
        std::to_string(list.text().size()) + ",\"entries\":" + std::to_string(lines.entries()) +
        ",\"chunks\":[" + chunks + "]}}";
    put(snapshot_key("p", snapshot_id),
        seal_object(SealedKind::snapshot, repository.master, repository.config.id, snapshot_id, payload)
            .value());
  }

  // The exit code; what it said is in `said`.
  std::string said;
  int reader(SlotSecret const& secret, std::string const& verb) {
    REQUIRE(atomic_write_file(scratch / "secret", std::string(secret.secret.reveal()) + "\n"));
    std::string const command =
        "python3 -B '" + test::source_directory() + "/tests/reference/read_repository.py' '" +
        (scratch / "bucket") + "' p --secret-file '" + (scratch / "secret") + "' --kind " +
        std::string(slot_kind_name(secret.kind)) + " " + verb + " > '" + (scratch / "said") + "' 2>&1";
    int const status = std::system(command.c_str());
    said = read_file(scratch / "said", 1 << 20).value();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
};

Entry file(std::string path, std::uint32_t mode = 0600) {
  Entry out;
  out.path = std::move(path);
  out.mode = mode;
  return out;
}

Entry other(std::string path, EntryType type, std::uint32_t mode, std::string target = {}) {
  Entry out = file(std::move(path), mode);
  out.type = type;
  out.target = std::move(target);
  return out;
}

void fill(Writer& writer) {
  test::Bytes64 random(7);
  auto const bytes = random.bytes(700'000);
  std::string const incompressible(as_text(bytes));
  std::string text;
  for (int i = 0; i < 20'000; ++i)
    text += "line " + std::to_string(i) + " of a session\n";
  writer.add(other("dir", EntryType::directory, 0500));
  writer.add(file("dir/empty"));
  writer.add(file("dir/random", 0640), incompressible);
  writer.add(other("dir/to", EntryType::symlink, 0777, "../text\xff"));
  writer.add(file("dir/\xff name", 0755), "not UTF-8\n");
  writer.add(file("other-name"), text);
  Entry linked = file("text");
  linked.hard_link_of = "other-name";
  writer.add(linked, text);
  for (int i = 1000; i < 1400; ++i)
    writer.add(file("z/" + std::to_string(i)), std::to_string(i));
  writer.finish();
}

}  // namespace

TEST_CASE("a second reader, written from the page, restores what these parts write", "[packed_reader]") {
  Writer writer;
  fill(writer);
  SlotSecret const passphrase{SlotKind::passphrase, Secret("pässphrase with spaces ")};
  SlotSecret const recovery{SlotKind::recovery, make_recovery_code()};
  REQUIRE(writer.keys.add_slot(writer.repository, passphrase, "", {}));
  REQUIRE(writer.keys.add_slot(writer.repository, recovery, "", {}));

  CHECK(writer.reader(writer.application_key, "list") == 0);
  CHECK(writer.said == std::string(snapshot_id) + "\n");
  CHECK(writer.reader(passphrase, "check") == 0);
  CHECK(writer.said.find("looked at 2 packs") == 0);
  SlotSecret const shown{SlotKind::recovery, show_recovery_code(recovery.secret)};
  std::string const target = writer.scratch / "target";
  CHECK(writer.reader(shown, "restore latest '" + target + "'") == 0);
  CHECK(writer.said == "restored 407 of 407 entries\n");

  for (auto const& [path, content] : writer.contents) {
    CAPTURE(printable(path));
    REQUIRE(read_file(join_path(target, path), 1 << 20).value() == content);
    struct stat status {};
    REQUIRE(::lstat(join_path(target, path).c_str(), &status) == 0);
    REQUIRE(status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec == some_time);
  }
  struct stat status {
  }, other_status{};
  REQUIRE(::lstat((target + "/dir").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0500);
  CHECK(status.st_mtim.tv_nsec == some_time % 1'000'000'000);
  REQUIRE(::lstat((target + "/dir/random").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0640);
  CHECK(std::filesystem::read_symlink(target + "/dir/to").string() == "../text\xff");
  REQUIRE(::lstat((target + "/text").c_str(), &status) == 0);
  REQUIRE(::lstat((target + "/other-name").c_str(), &other_status) == 0);
  CHECK(status.st_ino == other_status.st_ino);
  REQUIRE(::chmod((target + "/dir").c_str(), 0700) == 0);  // so that it can be removed
}

TEST_CASE("the second reader names what is damaged and restores the rest", "[packed_reader]") {
  Writer writer;
  fill(writer);
  // The box of the last chunk of "dir/random".
  ChunkId const damaged =
      writer.store_stream(ChunkType::data, writer.repository.config.data, writer.contents.at("dir/random"))
          .back();
  PackRecord const& pack = writer.records.front();
  auto const place = std::find_if(pack.chunks.begin(), pack.chunks.end(),
                                  [&](ChunkPlace const& p) { return p.id == damaged; });
  REQUIRE(place != pack.chunks.end());
  std::string bytes = get_text(*writer.store, pack_key("p", pack.id), max_pack_bytes, {}).value();
  bytes[place->offset + 5] = static_cast<char>(bytes[place->offset + 5] ^ 1);
  writer.put(pack_key("p", pack.id), bytes);

  CHECK(writer.reader(writer.application_key, "check") == 1);
  CHECK(writer.said.find("packs/" + to_hex(pack.id).substr(0, 2) + "/" + to_hex(pack.id) +
                         ": is not what its name says") != std::string::npos);
  CHECK(writer.said.find(std::string(snapshot_id) + ": dir/random: chunk " + to_hex(damaged)) !=
        std::string::npos);
  std::string const target = writer.scratch / "target";
  CHECK(writer.reader(writer.application_key, "restore " + std::string(snapshot_id) + " '" + target + "'") ==
        1);
  CHECK(writer.said.find("restored 406 of 407 entries\ndir/random: chunk ") == 0);
  CHECK_FALSE(path_exists(target + "/dir/random"));
  CHECK(read_file(target + "/text", 1 << 20).value() == writer.contents.at("text"));
  REQUIRE(::chmod((target + "/dir").c_str(), 0700) == 0);

  CHECK(writer.reader({SlotKind::application_key, Secret("other")}, "list") == 1);
  CHECK(writer.said.find("no key slot opens with this secret as application-key") == 0);
  REQUIRE(remove_all(*writer.store, pack_key("p", pack.id), {}));
  CHECK(writer.reader(writer.application_key, "check") == 1);
  CHECK(writer.said.find("is in the index and not there") != std::string::npos);
}
