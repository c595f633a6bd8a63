#include "core/packed/format.h"

#include <bit>

#include "core/util/encoding.h"

namespace b2b::packed {

std::string repository_prefix(std::string_view prefix) { return std::string(prefix) + ".repo/"; }
std::string config_key(std::string_view prefix) { return repository_prefix(prefix) + "config"; }
std::string slots_prefix(std::string_view prefix) { return repository_prefix(prefix) + "keys/"; }
std::string slot_key(std::string_view prefix, SlotId const& id) { return slots_prefix(prefix) + to_hex(id); }
std::string packs_prefix(std::string_view prefix) { return repository_prefix(prefix) + "packs/"; }

std::string pack_key(std::string_view prefix, PackId const& id) {
  std::string const name = to_hex(id);
  return packs_prefix(prefix) + name.substr(0, 2) + "/" + name;
}

std::string indexes_prefix(std::string_view prefix) { return repository_prefix(prefix) + "index/"; }
std::string index_key(std::string_view prefix, IndexId const& id) { return indexes_prefix(prefix) + to_hex(id); }
std::string snapshots_prefix(std::string_view prefix) { return repository_prefix(prefix) + "snapshots/"; }

std::string snapshot_key(std::string_view prefix, std::string_view snapshot_id) {
  return snapshots_prefix(prefix) + std::string(snapshot_id);
}

std::string marks_prefix(std::string_view prefix) { return repository_prefix(prefix) + "marks/"; }
std::string mark_key(std::string_view prefix, std::string_view mark) { return marks_prefix(prefix) + std::string(mark); }

std::string pins_prefix(std::string_view prefix) { return repository_prefix(prefix) + "pins/"; }

std::string pin_key(std::string_view prefix, std::string_view snapshot_id) {
  return pins_prefix(prefix) + std::string(snapshot_id);
}

std::uint64_t padme(std::uint64_t bytes) {
  if (bytes < 2) return bytes;
  unsigned const exponent = static_cast<unsigned>(std::bit_width(bytes)) - 1;
  unsigned const kept = static_cast<unsigned>(std::bit_width(exponent));  // floor(log2 exponent) + 1
  if (kept >= exponent) return bytes;
  std::uint64_t const step = 1ULL << (exponent - kept);
  return (bytes + step - 1) & ~(step - 1);
}

}  // namespace b2b::packed
