#include "core/util/byte_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/read_at.h"

namespace b2b {
namespace {

class MemoryReader final : public ByteReader {
 public:
  explicit MemoryReader(std::string_view bytes) : rest_(bytes) {}
  Result<std::size_t> read(std::span<std::uint8_t> buffer) override {
    std::size_t const n = std::min(buffer.size(), rest_.size());
    if (n > 0) std::memcpy(buffer.data(), rest_.data(), n);
    rest_.remove_prefix(n);
    return n;
  }

 private:
  std::string_view rest_;
};

class FileReader final : public ByteReader {
 public:
  FileReader(UniqueFd fd, std::string path, std::uint64_t offset, std::uint64_t size)
      : fd_(std::move(fd)), path_(std::move(path)), offset_(offset), rest_(size) {}

  Result<std::size_t> read(std::span<std::uint8_t> buffer) override {
    std::size_t const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), rest_));
    B2B_ASSIGN(std::size_t const filled, read_at(fd_.get(), buffer.first(wanted), offset_, "read", path_));
    if (filled < wanted) return make_error(Condition::changed, path_ + " became shorter while it was being read", "Try again", path_);
    offset_ += filled;
    rest_ -= filled;
    return filled;
  }

 private:
  UniqueFd fd_;
  std::string path_;
  std::uint64_t offset_;
  std::uint64_t rest_;
};

}  // namespace

Result<std::unique_ptr<ByteReader>> MemorySource::open() const {
  return std::unique_ptr<ByteReader>(std::make_unique<MemoryReader>(bytes_));
}

Result<std::unique_ptr<ByteReader>> FileSource::open() const {
  B2B_ASSIGN(UniqueFd fd, open_file(path_, O_RDONLY, "open"));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return errno_error(errno, "look at", path_);
  std::uint64_t const length = static_cast<std::uint64_t>(status.st_size);
  if (length < offset_ || length - offset_ < size_)
    return make_error(Condition::changed,
                      path_ + " is shorter than expected: " + std::to_string(length) + " bytes, not " +
                          std::to_string(offset_) + " + " + std::to_string(size_),
                      "Try again", path_);
  return std::unique_ptr<ByteReader>(std::make_unique<FileReader>(std::move(fd), path_, offset_, size_));
}

Result<void> StringSink::write(std::span<std::uint8_t const> bytes) {
  if (bytes.size() > limit_ - text_.size())
    return make_error(Condition::limit, "the data is longer than the " + std::to_string(limit_) + " bytes expected of it");
  text_.append(as_text(bytes));
  return {};
}

Result<void> StringSink::restart() {
  text_.clear();
  return {};
}

Result<std::unique_ptr<FileSink>> FileSink::create(std::string const& path, unsigned mode) {
  B2B_ASSIGN(UniqueFd fd, open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, "create", 0600));
  if (mode != 0600 && ::fchmod(fd.get(), static_cast<mode_t>(mode)) != 0) {
    int const saved = errno;
    ::unlink(path.c_str());
    return errno_error(saved, "set the mode of", path);
  }
  return std::unique_ptr<FileSink>(new FileSink(fd.release(), path));
}

FileSink::~FileSink() { UniqueFd(fd_).reset(); }

Result<void> FileSink::write(std::span<std::uint8_t const> bytes) { return write_all(fd_, bytes, path_); }

Result<void> FileSink::restart() {
  if (::ftruncate(fd_, 0) != 0) return errno_error(errno, "empty", path_);
  if (::lseek(fd_, 0, SEEK_SET) != 0) return errno_error(errno, "go back to the start of", path_);
  return {};
}

Result<void> FileSink::sync() { return fsync_file(fd_, path_); }

}  // namespace b2b
