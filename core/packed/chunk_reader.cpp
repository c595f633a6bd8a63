#include "core/packed/chunk_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/packed/pack.h"
#include "core/util/file.h"
#include "core/util/read_at.h"
#include "core/util/worker_pool.h"

namespace b2b::packed {
namespace {

constexpr std::size_t packs_kept = 8;
// A request takes about as long as this many bytes of an answer: where chunks one by one would cost a share of what the whole pack
// does, it is fetched whole.
constexpr std::uint64_t request_costs_bytes = 128 << 10;
constexpr std::uint64_t whole_from_share = 4;
constexpr std::size_t openers_kept = 16;
// Fetched before anybody asks: while one pack is read, the next ones come.
constexpr std::size_t packs_ahead = 2;

struct Wanted {
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;  // of boxes
  std::uint64_t pack_bytes = 0;
  bool whole_pays() const {
    return chunks > 1 && (bytes + chunks * request_costs_bytes) * whole_from_share >= pack_bytes + request_costs_bytes;
  }
};

}  // namespace

struct ChunkReader::Impl {
  struct Pack {
    enum class State { fetching, there, failed };
    State state = State::fetching;
    std::optional<Error> failure;
    UniqueFd file;
    bool asked_for = false;
  };

  Impl(std::shared_ptr<Repository> repository_in, std::string scratch_dir_in, std::stop_token stop_in)
      : repository(std::move(repository_in)),
        scratch_dir(std::move(scratch_dir_in)),
        forward_stop(std::move(stop_in), [this] { ending.request_stop(); }),
        stop(ending.get_token()) {}
  ~Impl() { ending.request_stop(); }

  std::shared_ptr<Repository> repository;
  std::string const scratch_dir;
  std::stop_source ending;  // ours: on the caller's stop or destruction
  std::stop_callback<std::function<void()>> forward_stop;
  std::stop_token const stop;

  std::mutex mutex;
  std::condition_variable changed;
  std::map<PackId, Wanted> wanted;
  std::vector<PackId> order;     // of `wanted`, as it was told
  std::size_t next_in_order = 0;
  std::set<PackId> begun;        // fetched whole, or about to be
  std::size_t under_way_ahead = 0;
  std::map<PackId, std::shared_ptr<Pack>> packs;
  std::list<PackId> recent;  // the newest first
  std::uint64_t files_made = 0;
  std::deque<std::pair<Salt, std::unique_ptr<PackOpener>>> openers;  // that nobody uses right now: a pack's key is derived once
  WorkerPool ahead{packs_ahead, packs_ahead};

  bool whole_pays(FoundChunk const& chunk) {
    std::scoped_lock lock(mutex);
    if (packs.contains(chunk.pack)) return true;
    auto const of_pack = wanted.find(chunk.pack);
    return of_pack != wanted.end() && of_pack->second.whole_pays();
  }

  // As a range, since a store computes and compares an MD5 of a whole object, a fifth of a restore's work for the processor: every
  // chunk that is given out is authenticated here anyway, and read once more when it is damaged.
  Result<UniqueFd> fetch_pack(PackId const& id, std::uint64_t bytes, std::string const& path) {
    B2B_ASSIGN(auto sink, FileSink::create(path));
    B2B_ASSIGN(UniqueFd file, open_file(path, O_RDONLY, "read the fetched pack"));
    // Only the descriptors keep the file: whatever ends this process, nothing is left.
    ::unlink(path.c_str());
    B2B_TRY(repository->store->get(pack_key(repository->prefix, id), ByteRange{0, bytes}, *sink, stop));
    return file;
  }

  // A pack that is about to be fetched; its file's path. With the mutex.
  std::string begin(PackId const& id, std::shared_ptr<Pack> const& pack) {
    packs[id] = pack;
    begun.insert(id);
    recent.push_front(id);
    if (recent.size() > packs_kept) {
      packs.erase(recent.back());  // its file goes with the last who reads it
      recent.pop_back();
    }
    return join_path(scratch_dir, "pack-" + std::to_string(files_made++));
  }

  void fetch(PackId const& id, std::uint64_t bytes, std::shared_ptr<Pack> const& pack, std::string const& path) {
    auto fetched = fetch_pack(id, bytes, path);
    std::scoped_lock lock(mutex);
    changed.notify_all();
    if (fetched) {
      pack->file = std::move(*fetched);
      pack->state = Pack::State::there;
      return;
    }
    pack->state = Pack::State::failed;
    pack->failure = fetched.error();
    auto const slot = packs.find(id);
    if (slot == packs.end() || slot->second != pack) return;
    packs.erase(slot);
    recent.remove(id);
  }

  // With the mutex, when a pack is asked for the first time.
  void fetch_ahead() {
    while (next_in_order < order.size() && begun.contains(order[next_in_order])) ++next_in_order;
    for (std::size_t i = next_in_order; i < order.size() && under_way_ahead < packs_ahead; ++i) {
      PackId const id = order[i];
      if (begun.contains(id) || !wanted[id].whole_pays()) continue;
      auto pack = std::make_shared<Pack>();
      std::string path = begin(id, pack);
      ++under_way_ahead;
      ahead.submit([this, id, bytes = wanted[id].pack_bytes, pack = std::move(pack), path = std::move(path)] {
        fetch(id, bytes, pack, path);
        std::scoped_lock lock(mutex);
        --under_way_ahead;
      });
    }
  }

  // The pack's file; waits for another thread that fetches it.
  Result<std::shared_ptr<Pack>> pack_of(FoundChunk const& chunk) {
    std::unique_lock lock(mutex);
    std::shared_ptr<Pack> pack;
    std::string path;
    bool const mine = !packs.contains(chunk.pack);
    if (mine) {
      pack = std::make_shared<Pack>();
      path = begin(chunk.pack, pack);
    } else {
      pack = packs[chunk.pack];
      recent.remove(chunk.pack);
      recent.push_front(chunk.pack);
    }
    if (!std::exchange(pack->asked_for, true)) fetch_ahead();
    if (mine) {
      lock.unlock();
      fetch(chunk.pack, chunk.pack_bytes, pack, path);
      lock.lock();
    }
    changed.wait(lock, [&] { return pack->state != Pack::State::fetching; });
    if (pack->failure) return *pack->failure;
    return pack;
  }

  Result<std::string> box_from_pack(FoundChunk const& chunk) {
    B2B_ASSIGN(auto const pack, pack_of(chunk));
    std::string box(chunk.place.box_bytes, '\0');
    std::span<std::uint8_t> const bytes(reinterpret_cast<std::uint8_t*>(box.data()), box.size());
    B2B_ASSIGN(std::size_t const read, read_at(pack->file.get(), bytes, chunk.place.offset, "read a fetched pack", scratch_dir));
    if (read < box.size()) return make_error(Condition::corrupt, "the pack is shorter than the index says");
    return box;
  }

  Result<std::string> box_alone(FoundChunk const& chunk) {
    StringSink sink(chunk.place.box_bytes);
    B2B_TRY(repository->store->get(pack_key(repository->prefix, chunk.pack), ByteRange{chunk.place.offset, chunk.place.box_bytes}, sink, stop));
    if (sink.text().size() != chunk.place.box_bytes) return make_error(Condition::corrupt, "the pack is shorter than the index says");
    return sink.take();
  }

  std::unique_ptr<PackOpener> take_opener(Salt const& salt) {
    {
      std::scoped_lock lock(mutex);
      auto const kept = std::find_if(openers.begin(), openers.end(), [&](auto const& opener) { return opener.first == salt; });
      if (kept != openers.end()) {
        auto opener = std::move(kept->second);
        openers.erase(kept);
        return opener;
      }
    }
    return std::make_unique<PackOpener>(repository->master, repository->config.id, salt);
  }

  void put_back(Salt const& salt, std::unique_ptr<PackOpener> opener) {
    std::scoped_lock lock(mutex);
    openers.emplace_back(salt, std::move(opener));
    if (openers.size() > openers_kept) openers.pop_front();
  }

  Result<void> read(ChunkType type, ChunkId const& id, std::string& content);

  Result<void> open(FoundChunk const& chunk, std::string const& box, std::string& content) {
    auto opener = take_opener(chunk.salt);
    auto const opened = opener->open(chunk.number, chunk.place, box, content);
    put_back(chunk.salt, std::move(opener));
    if (!opened) return opened.error();
    if (chunk_id(repository->keys, chunk.place.type, as_bytes(content)) != chunk.place.id)
      return make_error(Condition::corrupt, "a chunk has another content");
    return {};
  }
};

ChunkReader::ChunkReader(std::shared_ptr<Repository> repository, std::string scratch_dir, std::stop_token stop)
    : impl_(std::make_unique<Impl>(std::move(repository), std::move(scratch_dir), std::move(stop))) {}
ChunkReader::~ChunkReader() = default;

Result<void> ChunkReader::expect(ChunkType type, std::span<ChunkId const> ids) {
  for (ChunkId const& id : ids) {
    B2B_ASSIGN(auto const found, impl_->repository->index->find(type, id));
    if (!found) continue;
    std::scoped_lock lock(impl_->mutex);
    Wanted& wanted = impl_->wanted[found->pack];
    if (wanted.chunks++ == 0) impl_->order.push_back(found->pack);
    wanted.pack_bytes = found->pack_bytes;
    wanted.bytes += found->place.box_bytes;
  }
  return {};
}

// In the packs that the record names now.
Result<void> ChunkReader::Impl::read(ChunkType type, ChunkId const& id, std::string& content) {
  B2B_ASSIGN(auto const found, repository->index->find_all(type, id));
  if (found.empty())
    return make_error(Condition::not_found, "a piece of it (" + to_hex(id).substr(0, 16) + "…) is in no pack that the index names",
                      "daemonctl verify tells what else is affected");
  auto const told = [&](FoundChunk const& chunk, Error error) {
    error.subject = pack_key(repository->prefix, chunk.pack);
    return error;
  };
  auto const read_from = [&](FoundChunk const& chunk, bool whole) -> Result<void> {
    auto const box = whole ? box_from_pack(chunk) : box_alone(chunk);
    auto opened = box ? open(chunk, *box, content) : Result<void>(box.error());
    if (opened) return opened;
    Error error = opened.error();
    if (error.condition == Condition::permission) {
      B2B_ASSIGN(bool const missing, means_missing(*repository->store, error, pack_key(repository->prefix, chunk.pack), stop));
      if (missing) error.condition = Condition::not_found;
    }
    return told(chunk, std::move(error));
  };
  auto const first = read_from(found.front(), whole_pays(found.front()));
  if (first) return {};
  auto const may_be_elsewhere = [](Error const& error) {
    return error.condition == Condition::corrupt || error.condition == Condition::not_found;
  };
  if (!may_be_elsewhere(first.error())) return first.error();
  // Once more, and then in the other packs that hold it.
  for (FoundChunk const& chunk : found) {
    auto const again = read_from(chunk, false);
    if (again) return {};
    if (!may_be_elsewhere(again.error())) return again.error();
  }
  return first.error();
}

Result<void> ChunkReader::read(ChunkType type, ChunkId const& id, std::string& content) {
  Repository& repository = *impl_->repository;
  TimePoint const seen = repository.synced_at;
  auto read = impl_->read(type, id, content);
  if (read || read.error().condition != Condition::not_found || !repository.read_only) return read;
  // A job that takes days is overtaken by collections: what it needs lies in another pack by now.
  B2B_ASSIGN(bool const newer, sync_again(repository, seen, impl_->stop));
  return newer ? impl_->read(type, id, content) : read;
}

}  // namespace b2b::packed
