// Streams of bytes between layers: sources that can be read again from the start, and sinks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "core/util/error.h"

namespace b2b {

class ByteReader {
 public:
  virtual ~ByteReader() = default;
  // Fills `buffer` as far as it can; fewer bytes than asked only at the end; 0 at the end.
  virtual Result<std::size_t> read(std::span<std::uint8_t> buffer) = 0;
};

// An immutable sequence of known length that may be read several times (retries, digests before sending).
// open() may be called from any thread; each reader belongs to one thread and must not outlive its source.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  virtual Result<std::unique_ptr<ByteReader>> open() const = 0;
};

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual Result<void> write(std::span<std::uint8_t const> bytes) = 0;
  // Called before a retry starts over from the first byte: forget all that was written.
  virtual Result<void> restart() = 0;
};

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Result<std::unique_ptr<ByteReader>> open() const override;

 private:
  std::string bytes_;
};

// Part of a file that nobody changes: [offset, offset + size).
class FileSource final : public ByteSource {
 public:
  FileSource(std::string path, std::uint64_t offset, std::uint64_t size)
      : path_(std::move(path)), offset_(offset), size_(size) {}
  std::uint64_t size() const override { return size_; }
  Result<std::unique_ptr<ByteReader>> open() const override;  // Condition::changed when the file is shorter

 private:
  std::string path_;
  std::uint64_t offset_;
  std::uint64_t size_;
};

class StringSink final : public ByteSink {
 public:
  explicit StringSink(std::uint64_t limit_bytes) : limit_(limit_bytes) {}
  Result<void> write(std::span<std::uint8_t const> bytes) override;  // Condition::limit past the limit
  Result<void> restart() override;
  std::string const& text() const { return text_; }
  std::string take() { return std::move(text_); }

 private:
  std::uint64_t limit_;
  std::string text_;
};

// Writes to a new file at `path` (0600, must not exist); restart() truncates. The owner of the path removes it on failure.
class FileSink final : public ByteSink {
 public:
  static Result<std::unique_ptr<FileSink>> create(std::string const& path, unsigned mode = 0600);
  ~FileSink() override;
  Result<void> write(std::span<std::uint8_t const> bytes) override;
  Result<void> restart() override;
  Result<void> sync();  // fsync
  int fd() const { return fd_; }

 private:
  FileSink(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  int fd_;
  std::string path_;
};

}  // namespace b2b
