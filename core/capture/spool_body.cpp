#include "core/capture/spool_body.h"

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

}  // namespace

Result<SpoolWriter> SpoolWriter::create(std::shared_ptr<Spool::Room> room) {
  SpoolWriter writer(std::move(room));
  if (!writer.room_->in_memory()) {
    B2B_ASSIGN(writer.file_, FileSink::create(writer.room_->path()));
  }
  return writer;
}

Result<void> SpoolWriter::write(std::span<std::uint8_t const> bytes) {
  if (file_) {
    B2B_TRY(file_->write(bytes));
  } else {
    memory_.append(as_text(bytes));
  }
  written_ += bytes.size();
  return {};
}

std::shared_ptr<ByteSource const> SpoolWriter::body(std::uint64_t offset, std::uint64_t size) {
  B2B_ASSERT(offset <= written_ && size <= written_ - offset);
  if (room_->in_memory()) return std::make_shared<HeldBody<MemorySource>>(room_, memory_.substr(offset, size));
  file_.reset();
  return std::make_shared<HeldBody<FileSource>>(room_, room_->path(), offset, size);
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
