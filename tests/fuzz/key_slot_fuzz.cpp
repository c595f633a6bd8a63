// Key slots come from a bucket that others can write to, key files from this machine. Any bytes give one
// whose derivation is bounded, and which is written and read back as the same, or an error in words. The slot
// is looked for under a fixed name and, when there is one inside, under that.
#include <algorithm>
#include <cstdint>

#include "core/packed/key_file.h"
#include "core/packed/key_slot.h"
#include "core/util/encoding.h"

using namespace b2b;

namespace {

packed::SlotId name_inside(std::string_view text) {
  constexpr std::string_view member = "\"slot\": \"";
  packed::SlotId id{};
  std::size_t const at = text.find(member);
  if (at == std::string_view::npos) return id;
  auto const bytes = from_hex(text.substr(at + member.size(), 2 * id.size()));
  if (bytes && bytes->size() == id.size()) std::copy(bytes->begin(), bytes->end(), id.begin());
  return id;
}

void read_slot(std::string_view text, packed::SlotId const& id) {
  auto const slot = packed::parse_slot(text, id);
  if (!slot) {
    B2B_ASSERT(slot.error().condition == Condition::corrupt ||
               slot.error().condition == Condition::unsupported);
    B2B_ASSERT(!slot.error().message.empty());
    return;
  }
  B2B_ASSERT(slot->id == id && is_valid_utf8(slot->label));
  B2B_ASSERT(slot->n >= 16384 && slot->r >= 1 && slot->p >= 1 && slot->p <= 4 &&
             128 * slot->n * slot->r < 256 << 20);
  std::string const written = packed::format_slot(*slot);
  auto const again = packed::parse_slot(written, id);
  B2B_ASSERT(again && packed::format_slot(*again) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text = as_text({data, size});
  read_slot(text, packed::SlotId{});
  read_slot(text, name_inside(text));
  if (auto const file = packed::parse_key_file(text)) {
    B2B_ASSERT(file->secrets.size() <= packed::KeyFile::max_secrets);
    auto const again = packed::parse_key_file(packed::format_key_file(*file).reveal());
    B2B_ASSERT(again && again->repository == file->repository && again->secrets == file->secrets &&
               equal_in_constant_time(again->master.bytes(), file->master.bytes()));
  }
  return 0;
}
