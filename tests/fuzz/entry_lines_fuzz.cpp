// A list is authenticated before it is read, but a reader stands on nothing: whatever comes, the pieces make
// no difference, and what is accepted is written and read again to the same.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "core/packed/entry_lines.h"
#include "core/snapshot/manifest.h"

using namespace b2b;
using namespace b2b::packed;

namespace {

// Writes what it is told, as long as a writer may.
class Rewriter final : public EntryLineVisitor {
 public:
  explicit Rewriter(ByteSink& sink) : writer(sink) {}
  EntryLineWriter writer;
  bool writable = true;
  std::uint64_t entries = 0, ids = 0;

  Result<void> entry(Entry&& entry, std::uint64_t chunks) override {
    B2B_ASSERT(owed_ == 0);
    B2B_ASSERT(entry.type == EntryType::file ? chunks_fit(entry.size, chunks) : chunks == 0);
    owed_ = chunks;
    ++entries;
    if (!path_problem(entry.path).empty()) writable = false;
    if (writable && !writer.begin(entry, chunks)) writable = false;
    return {};
  }
  Result<void> chunks(std::span<ChunkId const> batch, bool last) override {
    B2B_ASSERT(!batch.empty() && batch.size() <= owed_ && batch.size() <= EntryLineReader::max_ids_at_once);
    owed_ -= batch.size();
    B2B_ASSERT(last == (owed_ == 0));
    ids += batch.size();
    if (writable) B2B_ASSERT(writer.add_chunks(batch));
    return {};
  }

 private:
  std::uint64_t owed_ = 0;
};

struct Outcome {
  bool good = false;
  std::string message;  // of the error
  bool writable = false;
  std::string text;  // written again
  std::uint64_t entries = 0, ids = 0;
};

Outcome read(std::string_view text, std::size_t piece) {
  StringSink sink(std::uint64_t{1} << 30);
  Rewriter rewriter(sink);
  EntryLineReader reader("s", rewriter);
  Outcome out;
  Result<void> result;
  for (auto rest = as_bytes(text); result && !rest.empty();) {
    auto const next = rest.first(std::min(piece, rest.size()));
    result = reader.feed(next);
    rest = rest.subspan(next.size());
  }
  if (result) result = reader.finish();
  out.good = result.has_value();
  out.entries = rewriter.entries;
  out.ids = rewriter.ids;
  if (!out.good) {
    B2B_ASSERT(result.error().condition == Condition::corrupt);
    out.message = result.error().message;
    return out;
  }
  B2B_ASSERT(reader.entries() == out.entries);
  out.writable = rewriter.writable;
  if (!out.writable) return out;
  B2B_ASSERT(rewriter.writer.finish());
  out.text = sink.take();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text = as_text({data, size});
  Outcome const whole = read(text, std::max<std::size_t>(size, 1));
  Outcome const pieces = read(text, size % 61 + 1);
  B2B_ASSERT(whole.good == pieces.good && whole.text == pieces.text && whole.message == pieces.message);
  if (!whole.writable) return 0;
  Outcome const again = read(whole.text, 4096);
  B2B_ASSERT(again.good && again.text == whole.text && again.entries == whole.entries &&
             again.ids == whole.ids);
  return 0;
}
