#include "core/capture/spool_body.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "core/util/encoding.h"

namespace b2b {
namespace {

// A source, and the room that its bytes take.
template <class Source>
class HeldBody final : public ByteSource {
 public:
  template <class... Arguments>
  explicit HeldBody(std::shared_ptr<Spool::Room> room, Arguments&&... arguments)
      : room_(std::move(room)), source_(std::forward<Arguments>(arguments)...) {}
  std::uint64_t size() const override { return source_.size(); }
  Result<std::unique_ptr<ByteReader>> open() const override { return source_.open(); }

 private:
  std::shared_ptr<Spool::Room> room_;
  Source source_;
};

// Several may look at parts of the same memory.
class SharedMemory final : public ByteSource {
 public:
  SharedMemory(std::shared_ptr<std::string const> all, std::uint64_t offset, std::uint64_t size)
      : all_(std::move(all)), part_(std::string_view(*all_).substr(offset, size)) {}
  std::uint64_t size() const override { return part_.size(); }
  Result<std::unique_ptr<ByteReader>> open() const override { return std::unique_ptr<ByteReader>(std::make_unique<Reader>(part_)); }

 private:
  class Reader final : public ByteReader {
   public:
    explicit Reader(std::string_view rest) : rest_(rest) {}
    Result<std::size_t> read(std::span<std::uint8_t> buffer) override {
      auto const bytes = as_bytes(rest_.substr(0, buffer.size()));
      std::copy(bytes.begin(), bytes.end(), buffer.begin());
      rest_.remove_prefix(bytes.size());
      return bytes.size();
    }

   private:
    std::string_view rest_;
  };
  std::shared_ptr<std::string const> all_;
  std::string_view part_;
};

}  // namespace

Result<SpoolWriter> SpoolWriter::create(std::shared_ptr<Spool::Room> room) {
  SpoolWriter writer(std::move(room));
  if (!writer.room_->in_memory()) {
    B2B_ASSIGN(writer.file_, FileSink::create(writer.room_->path()));
  } else {
    writer.memory_->reserve(static_cast<std::size_t>(writer.room_->bytes()));
  }
  return writer;
}

Result<void> SpoolWriter::write(std::span<std::uint8_t const> bytes) {
  if (file_) {
    B2B_TRY(file_->write(bytes));
  } else {
    memory_->append(as_text(bytes));
  }
  written_ += bytes.size();
  return {};
}

std::shared_ptr<ByteSource const> SpoolWriter::body(std::uint64_t offset, std::uint64_t size) {
  B2B_ASSERT(offset <= written_ && size <= written_ - offset);
  if (room_->in_memory()) return std::make_shared<HeldBody<SharedMemory>>(room_, memory_, offset, size);
  file_.reset();
  return std::make_shared<HeldBody<FileSource>>(room_, room_->path(), offset, size);
}

std::span<std::uint8_t const> SpoolWriter::in_memory(std::uint64_t offset, std::uint64_t size) const {
  B2B_ASSERT(offset <= written_ && size <= written_ - offset);
  if (!room_->in_memory()) return {};
  return as_bytes(std::string_view(*memory_).substr(offset, size));
}

Result<Sha256Digest> body_hash(ByteSource const& body, std::stop_token const& stop) {
  B2B_ASSIGN(auto reader, body.open());
  std::vector<std::uint8_t> buffer(128 << 10);
  Sha256 hash;
  for (;;) {
    if (stop.stop_requested()) return make_error(Condition::cancelled, "stopped while copying the files");
    B2B_ASSIGN(std::size_t const got, reader->read(buffer));
    if (got == 0) return hash.finish();
    hash.update(std::span<std::uint8_t const>(buffer.data(), got));
  }
}

std::shared_ptr<ByteSource const> file_body(std::shared_ptr<Spool::Room> room, std::uint64_t size) {
  std::string const path = room->path();
  return std::make_shared<HeldBody<FileSource>>(std::move(room), path, 0, size);
}

}  // namespace b2b
