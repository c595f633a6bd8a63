// What a snapshot object says. Whatever comes gives a snapshot that is written and read again as the same, or
// an error in words. It is read under a fixed name and, when there is one inside, under that.
#include <cstdint>
#include <string>

#include "core/packed/snapshot_object.h"

using namespace b2b;
using namespace b2b::packed;

namespace {

void read(std::string_view text, std::string_view name) {
  auto const id = parse_snapshot_id(name);
  if (!id) return;
  auto const snapshot = parse_snapshot(text, *id);
  if (!snapshot) {
    auto const condition = snapshot.error().condition;
    B2B_ASSERT(condition == Condition::corrupt || condition == Condition::unsupported);
    B2B_ASSERT(!snapshot.error().message.empty());
    return;
  }
  B2B_ASSERT(snapshot->info.id.text == id->text);
  std::string const written = format_snapshot(*snapshot);
  auto const again = parse_snapshot(written, *id);
  B2B_ASSERT(again && format_snapshot(*again) == written);
  B2B_ASSERT(again->list == snapshot->list && again->list_bytes == snapshot->list_bytes);
  B2B_ASSERT(again->entries == snapshot->entries && again->info.skipped == snapshot->info.skipped);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text = as_text({data, size});
  read(text, "2026-02-19T12-00-00-000Z-1a2b3c4d");
  constexpr std::string_view member = "\"id\":\"";
  std::size_t const at = text.find(member);
  if (at == std::string_view::npos) return 0;
  std::string_view const rest = text.substr(at + member.size());
  read(text, rest.substr(0, rest.find('"')));
  return 0;
}
