#include "core/engine/body.h"

#include <memory>
#include <semaphore>

#include "core/crypto/b2en.h"
#include "core/engine/objects.h"

namespace b2b {
namespace {

// With 32 transfers in flight these stay well below the 64 MB of the whole process.
constexpr std::uint64_t in_memory_limit = 256 << 10;

// Opening a larger body may take 2 MB for buffers. It is work for the processor, so more at once would gain nothing.
std::counting_semaphore<> opening_turns{4};

class OpeningTurn {
 public:
  OpeningTurn() { opening_turns.acquire(); }
  OpeningTurn(OpeningTurn const&) = delete;
  OpeningTurn& operator=(OpeningTurn const&) = delete;
  ~OpeningTurn() { opening_turns.release(); }
};

// Takes a download and refuses more than the object may have: a tampered one must not fill memory or the disk.
class BoundedSink final : public ByteSink {
 public:
  BoundedSink(std::string const& key, ByteSink& inner, std::uint64_t limit) : key_(key), inner_(inner), limit_(limit) {}

  Result<void> write(std::span<std::uint8_t const> bytes) override {
    if (bytes.size() > limit_ - taken_)
      return make_error(Condition::corrupt,
                        "the object " + key_ + " is longer than the " + std::to_string(limit_) + " bytes it may have",
                        "It was replaced or damaged; restore this file from another snapshot", key_);
    taken_ += bytes.size();
    return inner_.write(bytes);
  }
  Result<void> restart() override {
    taken_ = 0;
    return inner_.restart();
  }

 private:
  std::string const& key_;
  ByteSink& inner_;
  std::uint64_t limit_;
  std::uint64_t taken_ = 0;
};

class ScratchFile {
 public:
  explicit ScratchFile(std::string path) : path_(std::move(path)) {}
  ScratchFile(ScratchFile const&) = delete;
  ScratchFile& operator=(ScratchFile const&) = delete;
  ~ScratchFile() { remove_scratch_file(path_); }
  std::string const& path() const { return path_; }

 private:
  std::string path_;
};

struct Job {
  EngineContext& context;
  std::string const& key;
  Entry const& entry;
  PlaintextBodies plaintext;
  std::string const& scratch_dir;
  std::string const& destination;

  std::uint64_t limit() const { return entry.size + b2en_header_size; }

  Result<void> check_mode(BodyMode mode) const {
    if (plaintext == PlaintextBodies::allowed || mode == BodyMode::encrypted) return {};
    return make_error(Condition::corrupt, "the object " + key + " is not encrypted, in a snapshot whose bodies all are",
                      "Somebody with access to the bucket put it there; do not trust this snapshot", key);
  }

  Result<void> small() const {
    StringSink text(limit());
    BoundedSink sink(key, text, limit());
    B2B_TRY(context.store->get(key, std::nullopt, sink, context.stop));
    B2B_ASSIGN(OpenedBytes const opened, open_bytes(text.take(), *context.keyring, &entry.hash, entry.size));
    B2B_TRY(check_mode(opened.body.mode));
    if (destination.empty()) return {};
    B2B_ASSIGN(auto const out, FileSink::create(destination));
    auto const written = out->write(as_bytes(opened.plaintext));
    if (!written) remove_scratch_file(destination);
    return written;
  }

  Result<void> large() const {
    ScratchFile const stored(scratch_file(scratch_dir, "stored"));
    B2B_ASSIGN(auto file, FileSink::create(stored.path()));
    BoundedSink sink(key, *file, limit());
    B2B_TRY(context.store->get(key, std::nullopt, sink, context.stop));
    file.reset();
    std::string const opened_path = destination.empty() ? scratch_file(scratch_dir, "opened") : destination;
    OpeningTurn const turn;
    auto const opened = open_body(stored.path(), opened_path, *context.keyring, &entry.hash, entry.size);
    if (!opened) return opened.error();
    auto const allowed = check_mode(opened->mode);
    if (!allowed || destination.empty()) remove_scratch_file(opened_path);
    return allowed;
  }

  Result<void> run() const { return entry.size <= in_memory_limit ? small() : large(); }
};

bool worth_another_download(Condition condition) {
  return condition == Condition::corrupt || condition == Condition::wrong_key || condition == Condition::transit;
}

}  // namespace

Result<void> fetch_object(EngineContext& context, std::string const& key, Entry const& entry, PlaintextBodies plaintext,
                          std::string const& scratch_dir, std::string const& destination) {
  Job const job{context, key, entry, plaintext, scratch_dir, destination};
  auto const first = job.run();
  if (first || !worth_another_download(first.error().condition)) return first;
  return job.run();
}

}  // namespace b2b
