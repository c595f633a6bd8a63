#include "core/packed/pack_stream.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "core/packed/pack.h"

namespace b2b::packed {
namespace {

class BoxSink final : public ByteSink {
 public:
  BoxSink(Repository const& repository, Salt const& salt, std::span<WantedBox const> boxes, TakeContent const& take)
      : repository_(repository),
        opener_(repository.master, repository.config.id, salt),
        boxes_(boxes),
        take_(take),
        begin_(boxes.front().place.offset),
        at_(begin_) {}

  Result<void> write(std::span<std::uint8_t const> bytes) override {
    while (!bytes.empty() && next_ < boxes_.size()) {
      ChunkPlace const& place = boxes_[next_].place;
      std::size_t const before = at_ < place.offset ? place.offset - at_ : 0;
      std::size_t const missing = before > 0 ? before : place.box_bytes - box_.size();
      auto const part = bytes.first(std::min(bytes.size(), missing));
      bytes = bytes.subspan(part.size());
      at_ += part.size();
      if (before > 0) continue;
      if (box_.empty() && part.size() == place.box_bytes) {  // not copied
        B2B_TRY(open(as_text(part)));
        continue;
      }
      box_ += as_text(part);
      if (box_.size() < place.box_bytes) continue;
      B2B_TRY(open(box_));
      box_.clear();
    }
    return {};
  }

  // What was handed out before is passed over.
  Result<void> restart() override {
    at_ = begin_;
    box_.clear();
    return {};
  }

  Result<void> outcome() const {
    if (damage_) return *damage_;
    if (next_ < boxes_.size()) return make_error(Condition::corrupt, "the pack is shorter than the index says");
    return {};
  }

 private:
  Result<void> open(std::string_view box) {
    std::size_t const i = next_++;
    ChunkPlace const& place = boxes_[i].place;
    auto opened = opener_.open(boxes_[i].number, place, box);
    if (opened && chunk_id(repository_.keys, place.type, as_bytes(*opened)) != place.id)
      opened = make_error(Condition::corrupt, "a chunk has another content");
    if (opened) return take_(i, as_bytes(*opened));
    if (!damage_) damage_ = opened.error();
    return {};
  }

  Repository const& repository_;
  PackOpener opener_;
  std::span<WantedBox const> const boxes_;
  TakeContent const& take_;
  std::uint64_t const begin_;
  std::uint64_t at_;       // in the pack
  std::size_t next_ = 0;   // of the boxes
  std::string box_;        // what is there of that
  std::optional<Error> damage_;  // the first
};

}  // namespace

Result<void> stream_boxes(Repository const& repository, PackId const& pack, Salt const& salt, std::span<WantedBox const> boxes,
                          TakeContent const& take, std::stop_token const& stop) {
  B2B_ASSERT(!boxes.empty());
  BoxSink sink(repository, salt, boxes, take);
  ChunkPlace const& last = boxes.back().place;
  std::uint64_t const begin = boxes.front().place.offset;
  ByteRange const range{begin, std::uint64_t{last.offset} + last.box_bytes - begin};
  auto got = repository.store->get(pack_key(repository.prefix, pack), range, sink, stop);
  if (!got) return std::move(got).error();
  return sink.outcome();
}

}  // namespace b2b::packed
