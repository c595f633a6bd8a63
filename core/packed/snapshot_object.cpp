#include "core/packed/snapshot_object.h"

#include "core/packed/json_members.h"
#include "core/snapshot/manifest_fields.h"
#include "core/util/encoding.h"

namespace b2b::packed {
namespace {

namespace json = boost::json;

Error damaged(SnapshotId const& id, std::string_view problem) {
  return make_error(Condition::corrupt, "the object of snapshot " + printable(id.text) + " is damaged: " + std::string(problem));
}

// The array `name` of an object; null when there is none.
json::array const* array_of(json::object const& object, std::string_view name) {
  auto const* const value = object.if_contains(json::string_view(name.data(), name.size()));
  return value != nullptr && value->is_array() ? &value->get_array() : nullptr;
}

bool read_chunk_ids(json::array const& array, std::vector<ChunkId>& out) {
  out.reserve(array.size());
  for (json::value const& value : array) {
    if (!value.is_string()) return false;
    std::string_view const text(value.get_string().data(), value.get_string().size());
    auto const id = id_from_hex<ChunkId>(text);
    if (!id) return false;
    out.push_back(*id);
  }
  return true;
}

}  // namespace

std::string format_snapshot(SnapshotPayload const& snapshot) {
  std::string out = "{\"version\":" + std::to_string(format_version) + ",\"id\":";
  manifest::append_string(out, snapshot.info.id.text);
  out += ",\"timestamp\":";
  manifest::append_string(out, snapshot.info.timestamp);
  out += ",\"info\":" + manifest::header_json(snapshot.info, nullptr) + ",\n\"skipped\":[";
  std::size_t written = 0;
  for (auto const& [path, reason] : snapshot.info.skipped) {
    if (written == manifest::max_skipped_recorded) break;
    out += (written++ == 0 ? "" : ",\n") + manifest::skipped_json(path, reason);
  }
  out += "],\n\"list\":{\"bytes\":" + std::to_string(snapshot.list_bytes) + ",\"entries\":" + std::to_string(snapshot.entries) +
         ",\"chunks\":[";
  bool first = true;
  for (ChunkId const& id : snapshot.list) {
    out += (first ? "\"" : ",\n\"") + to_hex(id) + "\"";
    first = false;
  }
  return out + "]}}\n";
}

Result<SnapshotPayload> parse_snapshot(std::string_view text, SnapshotId const& expected) {
  auto const object = parse_small_json(text, max_payload_bytes);
  if (!object) return damaged(expected, object.error().message);
  B2B_TRY(check_version(*object, "snapshot " + printable(expected.text)));
  SnapshotPayload out;
  JsonMembers members(*object);
  if (members.text("id") != expected.text) members.fail("it is of another snapshot");
  std::string const timestamp = members.text("timestamp");
  manifest::Header header;
  std::string problem;
  if (!manifest::read_header(members.object("info"), header, problem)) members.fail("\"info\": " + problem);
  if (header.id_text != expected.text) members.fail("it is of another snapshot");
  out.info = std::move(header.info);
  out.info.id = expected;
  out.info.layout = SnapshotLayout::packed;
  out.info.timestamp = timestamp;
  if (auto const* const skipped = array_of(*object, "skipped")) {
    for (json::value const& value : *skipped) {
      std::pair<std::string, std::string> one;
      if (!value.is_object() || !manifest::read_skipped(value.get_object(), one, problem)) {
        members.fail("\"skipped\": " + (problem.empty() ? "is not a list of objects" : problem));
        break;
      }
      if (out.info.skipped.size() < manifest::max_skipped_recorded) out.info.skipped.push_back(std::move(one));
    }
  }
  JsonMembers list(members.object("list"));
  constexpr std::uint64_t most = 1ULL << 62;
  out.list_bytes = list.number("bytes", 0, most);
  out.entries = list.number("entries", 0, most);
  auto const* const chunks = array_of(members.object("list"), "chunks");
  if (chunks == nullptr || !read_chunk_ids(*chunks, out.list)) list.fail("\"chunks\" is not a list of chunk ids");
  if (!list.problem().empty()) members.fail("\"list\": " + list.problem());
  if (!members.problem().empty()) return damaged(expected, members.problem());
  return out;
}

}  // namespace b2b::packed
