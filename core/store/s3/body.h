// Bodies on their way: digests before sending, the check while sending, the digest of what arrives.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "core/crypto/hash.h"
#include "core/util/byte_stream.h"

namespace b2b::s3 {

constexpr std::size_t chunk_bytes = 64 * 1024;  // what a connection reads and writes at a time

struct BodyDigest {
  Sha256Digest sha256{};         // what a request is signed with: the store refuses other bytes
  std::optional<Md5Digest> md5;  // for Content-MD5, which only some requests need
};

BodyDigest digest_of(std::span<std::uint8_t const> bytes);

// Reads the whole source. Condition::changed when it is shorter or longer than it says.
Result<BodyDigest> digest_of(ByteSource const& source, std::stop_token const& stop);

// Fills `buffer` from the reader; fewer bytes only at the end.
Result<std::size_t> read_fully(ByteReader& reader, std::span<std::uint8_t> buffer);

// Bytes in memory that somebody else keeps.
class SpanSource final : public ByteSource {
 public:
  explicit SpanSource(std::span<std::uint8_t const> bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Result<std::unique_ptr<ByteReader>> open() const override;

 private:
  std::span<std::uint8_t const> bytes_;
};

// Passes bytes on to `inner`, counting them, and hashing them where there will be something to compare with: for the part of an object
// there is not.
class DigestSink final : public ByteSink {
 public:
  DigestSink(ByteSink& inner, bool hashed) : inner_(inner), hashed_(hashed) {}
  Result<void> write(std::span<std::uint8_t const> bytes) override;
  Result<void> restart() override;
  std::uint64_t size() const { return size_; }
  Md5Digest finish() { return md5_.finish(); }

 private:
  ByteSink& inner_;
  bool const hashed_;
  Md5 md5_;
  std::uint64_t size_ = 0;
};

}  // namespace b2b::s3
