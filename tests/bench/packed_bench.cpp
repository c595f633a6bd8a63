// A folder into a repository of the packed layout on an S3 server, and back, through the library alone: what an engine would do with
// it, without scanning rules, spool and jobs. Run by tests/bench/packed_bench.py.
//
//   packed_bench push DATA_DIR FOLDER      restore DATA_DIR TARGET (the newest snapshot)
//
// The server: B2B_BENCH_ENDPOINT, B2B_BENCH_BUCKET, B2B_BENCH_KEY_ID, B2B_BENCH_APPLICATION_KEY. Prints a line of JSON.
#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "core/packed/key_store.h"
#include "core/packed/snapshots.h"
#include "core/packed/store_content.h"
#include "core/store/s3/s3.h"
#include "core/util/file.h"
#include "core/util/worker_pool.h"

using namespace b2b;
using namespace b2b::packed;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t workers = 4;

std::string environment(char const* name) {
  char const* const value = std::getenv(name);
  if (value == nullptr) std::fprintf(stderr, "%s is not set\n", name);
  return value == nullptr ? std::string() : value;
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

Result<std::shared_ptr<Repository>> open_repository(std::string const& data_dir) {
  s3::Settings settings;
  settings.endpoint = environment("B2B_BENCH_ENDPOINT");
  settings.bucket = environment("B2B_BENCH_BUCKET");
  settings.key_id = Secret(environment("B2B_BENCH_KEY_ID"));
  settings.application_key = Secret(environment("B2B_BENCH_APPLICATION_KEY"));
  B2B_ASSIGN(std::shared_ptr<Store> store, s3::make_store(std::move(settings), system_clock()));
  SlotSecret const secrets[] = {{SlotKind::passphrase, Secret("correct horse")}};
  KeyStore keys(*store, "bench", join_path(data_dir, "packed.key"), system_clock());
  B2B_ASSIGN(auto const opened, keys.open_or_create({}, secrets, {}));
  B2B_ASSIGN(auto index, ChunkIndex::open(data_dir, opened.config.id));
  auto repository = std::make_shared<Repository>(std::move(store), "bench", opened.config, opened.master, std::move(index));
  std::vector<std::string> problems;
  B2B_TRY(sync_index(*repository, problems, {}));
  for (std::string const& problem : problems) std::fprintf(stderr, "%s\n", problem.c_str());
  return repository;
}

// The first error of many tasks.
class Outcome {
 public:
  void note(Result<void> const& result) {
    if (result) return;
    std::scoped_lock lock(mutex_);
    if (!error_) error_ = result.error();
  }
  Result<void> result() {
    std::scoped_lock lock(mutex_);
    return error_ ? Result<void>(*error_) : Result<void>();
  }

 private:
  std::mutex mutex_;
  std::optional<Error> error_;
};

Result<Sha256Digest> hash_of(ByteSource const& source) {
  B2B_ASSIGN(auto const reader, source.open());
  Bytes buffer(std::min<std::uint64_t>(256 << 10, source.size() + 1));
  Sha256 digest;
  while (true) {
    B2B_ASSIGN(std::size_t const got, reader->read(buffer));
    if (got == 0) return digest.finish();
    digest.update({buffer.data(), got});
  }
}

Result<void> push(std::string const& data_dir, std::string const& folder) {
  B2B_ASSIGN(auto const repository, open_repository(data_dir));
  B2B_ASSIGN(auto const writer, ChunkWriter::create(repository, join_path(data_dir, "packs"), {}));
  B2B_ASSIGN(auto catalog, Catalog::create(join_path(data_dir, "scan.sqlite")));
  Outcome outcome;
  std::mutex mutex;  // of the catalog
  {
    WorkerPool pool(workers, 64);
    for (fs::directory_entry const& file : fs::recursive_directory_iterator(folder)) {
      if (!file.is_regular_file()) continue;
      CatalogEntry row;
      row.entry.path = fs::relative(file.path(), folder).string();
      row.entry.size = file.file_size();
      row.entry.mode = 0600;
      row.stored_name = "-";
      pool.submit([&, row, path = file.path().string()]() mutable {
        FileSource const source(path, 0, row.entry.size);
        auto const hash = hash_of(source);
        if (!hash) return outcome.note(hash.error());
        row.entry.hash = *hash;
        outcome.note(store_content(*repository, *writer, source, row.entry.hash, row.entry.size));
        std::scoped_lock lock(mutex);
        outcome.note(catalog.put(row));
      });
    }
    pool.wait();
  }
  B2B_TRY(outcome.result());
  SnapshotInfo info;
  std::array<std::uint8_t, 4> random;
  random_bytes(random);
  info.id = make_snapshot_id(SnapshotKind::regular, system_clock().now(), random[0] + 256U * random[1]);
  info.timestamp = format_iso8601(system_clock().now());
  B2B_ASSIGN(auto const committed, commit_snapshot(*repository, *writer, info, catalog, {}));
  auto const counters = repository->store->counters();
  std::printf("{\"files\": %llu, \"bytes\": %llu, \"requests\": %llu, \"cpu\": %.3f}\n", static_cast<unsigned long long>(committed.info.files),
              static_cast<unsigned long long>(counters.bytes_sent), static_cast<unsigned long long>(counters.requests), cpu_seconds());
  return {};
}

struct File {
  Entry entry;
  std::vector<ChunkId> chunks;
};

class Collector final : public EntryLineVisitor {
 public:
  Result<void> entry(Entry&& entry, std::uint64_t) override {
    files.push_back({std::move(entry), {}});
    return {};
  }
  Result<void> chunks(std::span<ChunkId const> ids, bool) override {
    files.back().chunks.insert(files.back().chunks.end(), ids.begin(), ids.end());
    return {};
  }
  std::vector<File> files;
};

Result<void> restore_file(ChunkReader& reader, File const& file, std::string const& path) {
  B2B_ASSIGN(auto const sink, FileSink::create(path));
  Sha256 digest;
  std::string content;
  for (ChunkId const& id : file.chunks) {
    B2B_TRY(reader.read(ChunkType::data, id, content));
    digest.update(as_bytes(content));
    B2B_TRY(sink->write(as_bytes(content)));
  }
  if (digest.finish() != file.entry.hash) return make_error(Condition::corrupt, path + " has another content");
  return {};
}

Result<void> restore(std::string const& data_dir, std::string const& target) {
  B2B_ASSIGN(auto const repository, open_repository(data_dir));
  B2B_ASSIGN(auto const ids, list_snapshots(*repository->store, repository->prefix, {}));
  if (ids.empty()) return make_error(Condition::not_found, "there is no snapshot");
  B2B_ASSIGN(auto const snapshot, read_snapshot(*repository, ids.back(), {}));
  ChunkReader reader(repository, data_dir, {});
  Collector list;
  B2B_TRY(read_list(reader, snapshot, list));
  for (File const& file : list.files) {
    B2B_TRY(reader.expect(ChunkType::data, file.chunks));
    fs::create_directories(fs::path(join_path(target, file.entry.path)).parent_path());
  }
  Outcome outcome;
  WorkerPool pool(workers, 64);
  for (File const& file : list.files)
    pool.submit([&] { outcome.note(restore_file(reader, file, join_path(target, file.entry.path))); });
  pool.wait();
  auto const counters = repository->store->counters();
  std::printf("{\"files\": %zu, \"bytes\": %llu, \"requests\": %llu, \"cpu\": %.3f}\n", list.files.size(),
              static_cast<unsigned long long>(counters.bytes_received), static_cast<unsigned long long>(counters.requests), cpu_seconds());
  return outcome.result();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: packed_bench push DATA_DIR FOLDER | restore DATA_DIR TARGET\n");
    return 64;
  }
  // As the daemon has it: freed packs go back to the system.
  ::mallopt(M_ARENA_MAX, 2);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 20);
  ::mallopt(M_MMAP_THRESHOLD, 256 << 10);
  auto const done = std::string(argv[1]) == "push" ? push(argv[2], argv[3]) : restore(argv[2], argv[3]);
  if (!done) std::fprintf(stderr, "%s\n", done.error().text().c_str());
  return done ? 0 : 1;
}
