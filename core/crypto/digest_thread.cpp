#include "core/crypto/digest_thread.h"

#include <system_error>

namespace b2b {

DigestThread::DigestThread(std::size_t piece_bytes) : piece_bytes_(piece_bytes), thread_([this] { run(); }) {}

DigestThread::~DigestThread() { end(); }

std::span<std::uint8_t> DigestThread::room() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return filled_ - hashed_ < pieces; });
  auto& buffer = buffers_[filled_ % pieces];
  if (!buffer) buffer = std::make_unique_for_overwrite<std::uint8_t[]>(piece_bytes_);
  return {buffer.get(), piece_bytes_};
}

void DigestThread::update(std::size_t bytes) {
  {
    std::scoped_lock lock(mutex_);
    sizes_[filled_++ % pieces] = bytes;
  }
  changed_.notify_all();
}

Sha256Digest DigestThread::finish() {
  end();
  return digest_.finish();
}

void DigestThread::end() {
  {
    std::scoped_lock lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void DigestThread::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ended_ || hashed_ < filled_; });
    if (hashed_ == filled_) return;
    std::span<std::uint8_t const> const piece(buffers_[hashed_ % pieces].get(), sizes_[hashed_ % pieces]);
    lock.unlock();
    digest_.update(piece);
    lock.lock();
    ++hashed_;
    changed_.notify_all();
  }
}

PieceDigest::PieceDigest(std::uint64_t content_bytes, std::size_t piece_bytes) : piece_bytes_(piece_bytes) {
  if (content_bytes >= 4 << 20) {
    try {
      thread_.emplace(piece_bytes);
      return;
    } catch (std::system_error const&) {  // no more threads: slower, and as right
    }
  }
  buffer_ = std::make_unique_for_overwrite<std::uint8_t[]>(piece_bytes_);
}

void PieceDigest::update(std::size_t bytes) {
  if (thread_) return thread_->update(bytes);
  here_.update(std::span<std::uint8_t const>(buffer_.get(), bytes));
}

}  // namespace b2b
