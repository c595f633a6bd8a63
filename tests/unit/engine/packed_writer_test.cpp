#include "core/engine/packed_writer.h"

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "core/packed/repository.h"
#include "core/util/encoding.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;

namespace {

// Its uploads last until they are cancelled.
class StuckStore final : public Store {
 public:
  explicit StuckStore(Store& inner) : inner_(inner) {}
  void wait_until_stuck() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return begun_ > 0; });
  }
  std::atomic<int> given_up{0};

  StoreTraits const& traits() const override { return inner_.traits(); }
  Result<ObjectInfo> put(std::string const&, ByteSource const&, std::stop_token const& stop) override {
    std::unique_lock lock(mutex_);
    ++begun_;
    changed_.notify_all();
    if (!changed_.wait_for(lock, stop, std::chrono::seconds(20), [&] { return stop.stop_requested(); })) ++given_up;
    return make_error(Condition::cancelled, "stopped on request");
  }
  Result<ObjectInfo> get(std::string const& key, std::optional<ByteRange> range, ByteSink& sink, std::stop_token const& stop) override {
    return inner_.get(key, range, sink, stop);
  }
  Result<ObjectInfo> head(std::string const& key, std::stop_token const& stop) override { return inner_.head(key, stop); }
  Result<void> list(ListOptions const& options, std::function<bool(ListEntry const&)> const& visit, std::stop_token const& stop) override {
    return inner_.list(options, visit, stop);
  }
  Result<void> list_versions(std::string const& prefix, std::function<bool(ObjectVersion const&)> const& visit,
                             std::stop_token const& stop) override {
    return inner_.list_versions(prefix, visit, stop);
  }
  Result<void> copy(std::string const& from, std::string const& to, std::uint64_t size, std::stop_token const& stop) override {
    return inner_.copy(from, to, size, stop);
  }
  Result<void> remove_versions(std::span<ObjectVersion const> versions, std::stop_token const& stop) override {
    return inner_.remove_versions(versions, stop);
  }
  Result<void> flush(std::stop_token const& stop) override { return inner_.flush(stop); }
  Result<std::uint64_t> remove_unfinished(std::string const& prefix, std::uint64_t age, std::stop_token const& stop) override {
    return inner_.remove_unfinished(prefix, age, stop);
  }
  Result<TimePoint> now(std::stop_token const& stop) override { return inner_.now(stop); }
  StoreCounters counters() const override { return inner_.counters(); }

 private:
  Store& inner_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  int begun_ = 0;
};

}  // namespace

TEST_CASE("a packed writer that is given up does not wait for its uploads") {
  ManualClock clock{TimePoint{}};
  b2b::test::Scratch const scratch;
  auto const memory = make_memory_store(clock, false);
  auto const store = std::make_shared<StuckStore>(*memory);
  packed::RepositoryConfig config;
  config.id = packed::RepositoryId{5};
  auto const repository = std::make_shared<packed::Repository>(store, "p", config, Key(Sha256Digest{6}),
                                                               packed::ChunkIndex::open(scratch.path(), config.id).value());
  SnapshotId const id = make_snapshot_id(SnapshotKind::regular, clock.now(), 1);
  auto writer = PackedWriter::create(repository, scratch.path() + "/packs", id, nullptr, [](StoredBody&&) {}, {}).value();
  // More than all packs that may be on their way.
  std::string text(std::size_t{140} << 20, '\0');
  random_bytes({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  CapturedFile file;
  file.entry.path = "large.bin";
  file.entry.size = text.size();
  file.entry.hash = sha256(text);
  file.body = std::make_shared<MemorySource>(std::move(text));
  writer->upload(std::move(file));
  store->wait_until_stuck();
  writer.reset();
  CHECK(store->given_up == 0);
}
