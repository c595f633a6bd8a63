// Snapshot ids come from the names of folders in a bucket: anybody's text.
#include <cstdint>

#include "core/snapshot/id.h"
#include "core/snapshot/layout.h"
#include "core/snapshot/manifest.h"
#include "core/store/store.h"
#include "core/util/encoding.h"
#include "core/util/error.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text = b2b::as_text({data, size});
  if (auto const id = b2b::parse_snapshot_id(text)) {
    B2B_ASSERT(id->text == text);
    B2B_ASSERT(!b2b::id_before(*id, *id));
    B2B_ASSERT(b2b::is_valid_key(b2b::layout::manifest_key("prefix", *id)));
    // An id of the same time, as we write it, is understood again.
    auto const made = b2b::make_snapshot_id(id->kind, id->time, 7);
    auto const again = b2b::parse_snapshot_id(made.text);
    B2B_ASSERT(again && again->time == made.time && again->kind == id->kind);
  }
  // The same bytes as a path: its stored name is always a valid key, and only a clean path keeps its own.
  std::string const name = b2b::layout::stored_name(text, 60);
  B2B_ASSERT(b2b::is_valid_key(name));
  B2B_ASSERT(name != text || b2b::path_problem(text).empty());
  return 0;
}
