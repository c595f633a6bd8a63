#include "tests/unit/store/conformance_support.h"

#include <algorithm>

namespace b2b::test {
namespace {

class LyingReader final : public ByteReader {
 public:
  LyingReader(std::uint64_t left, bool fails_at_end) : left_(left), fails_at_end_(fails_at_end) {}
  Result<std::size_t> read(std::span<std::uint8_t> buffer) override {
    auto const count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer.size()));
    if (fails_at_end_ && count < buffer.size()) return make_error(Condition::corrupt, "the source broke");
    std::fill_n(buffer.begin(), count, std::uint8_t{'x'});
    left_ -= count;
    return count;
  }

 private:
  std::uint64_t left_;
  bool fails_at_end_;
};

}  // namespace

Result<std::unique_ptr<ByteReader>> LyingSource::open() const {
  return std::unique_ptr<ByteReader>(std::make_unique<LyingReader>(delivered_, fails_at_end_));
}

Result<void> FullSink::write(std::span<std::uint8_t const> bytes) {
  if (bytes.size() > left_) return make_error(Condition::io, "the sink is full");
  left_ -= bytes.size();
  return {};
}

std::string body_of(std::size_t size, std::uint64_t seed) {
  std::string body(size, '\0');
  std::uint64_t state = seed * 0x9E3779B97F4A7C15U + 1;
  for (char& c : body) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    c = static_cast<char>(state >> 56);
  }
  return body;
}

Result<ObjectInfo> put_text(Store& store, std::string const& key, std::string text) {
  return store.put(key, MemorySource(std::move(text)), {});
}

void must_put(Store& store, std::string const& key, std::string text) {
  INFO("put " << key);
  REQUIRE(ok(put_text(store, key, std::move(text))));
}

std::string must_get(Store& store, std::string const& key) {
  INFO("get " << key);
  StringSink sink(1 << 30);
  REQUIRE(ok(store.get(key, std::nullopt, sink, {})));
  return sink.take();
}

bool is_absent(Store& store, std::string const& key) {
  auto const info = store.head(key, {});
  if (info) return false;
  UNSCOPED_INFO(info.error().text());
  return info.error().condition == Condition::not_found;
}

std::vector<std::string> list_names(Store& store, ListOptions const& options) {
  std::vector<std::string> names;
  REQUIRE(ok(store.list(options,
                        [&](ListEntry const& entry) {
                          names.push_back(entry.object.key);
                          return true;
                        },
                        {})));
  return names;
}

std::vector<ObjectVersion> versions_under(Store& store, std::string const& prefix) {
  std::vector<ObjectVersion> versions;
  REQUIRE(ok(store.list_versions(prefix,
                                 [&](ObjectVersion const& version) {
                                   versions.push_back(version);
                                   return true;
                                 },
                                 {})));
  return versions;
}

}  // namespace b2b::test
