#include "core/packed/config_object.h"

#include <bit>
#include <limits>

#include "core/packed/json_members.h"
#include "core/util/encoding.h"

namespace b2b::packed {
namespace {

constexpr std::string_view what = "the repository's configuration";

std::string sizes_json(ChunkSizes const& sizes) {
  return "{\"min\": " + std::to_string(sizes.min) + ", \"average\": " + std::to_string(sizes.average) +
         ", \"max\": " + std::to_string(sizes.max) + "}";
}

Error damaged(std::string_view problem) {
  return make_error(
      Condition::corrupt, std::string(what) + " is damaged: " + std::string(problem),
      "Put the object \"config\" back from an older version of it, or from a copy of the bucket");
}

ChunkSizes read_sizes(JsonMembers& parent, std::string_view name) {
  JsonMembers members(parent.object(name));
  auto const size = [&](std::string_view member) {
    return static_cast<std::uint32_t>(members.number(member, min_chunk_size, max_chunk_bytes));
  };
  ChunkSizes const sizes{size("min"), size("average"), size("max")};
  std::string problem = members.problem();
  if (problem.empty()) problem = chunk_sizes_problem(sizes);
  if (!problem.empty()) parent.fail("\"" + std::string(name) + "\": " + problem);
  return sizes;
}

}  // namespace

std::string chunk_sizes_problem(ChunkSizes const& sizes) {
  for (std::uint32_t const size : {sizes.min, sizes.average, sizes.max})
    if (!std::has_single_bit(size)) return std::to_string(size) + " is not a power of two";
  if (sizes.min < min_chunk_size || sizes.max > max_chunk_bytes)
    return "chunks must have " + std::to_string(min_chunk_size) + " to " + std::to_string(max_chunk_bytes) +
           " bytes";
  if (sizes.min >= sizes.average || sizes.average >= sizes.max) return "min, average and max do not ascend";
  return {};
}

std::string format_config(RepositoryConfig const& config) {
  B2B_ASSERT(chunk_sizes_problem(config.data).empty() && chunk_sizes_problem(config.list).empty());
  return "{\"format\": \"" + std::string(format_name) + "\", \"version\": " + std::to_string(format_version) +
         ", \"repository\": \"" + to_hex(config.id) + "\",\n \"chunks\": " + sizes_json(config.data) +
         ",\n \"listChunks\": " + sizes_json(config.list) + "}\n";
}

Result<RepositoryConfig> parse_config(std::string_view text) {
  auto const object = parse_small_json(text, max_config_bytes);
  if (!object) return damaged(object.error().message);
  JsonMembers members(*object);
  std::string const format = members.text("format");
  if (!members.problem().empty()) return damaged(members.problem());
  if (format != format_name)
    return make_error(Condition::unsupported,
                      std::string(what) + " is of the format \"" + printable(format.substr(0, 100)) +
                          "\", which this program does not know",
                      "Use a newer b2backupd for this repository, or set prefix to another one");
  members.number("version", 1, std::numeric_limits<std::int64_t>::max());
  if (!members.problem().empty()) return damaged(members.problem());
  B2B_TRY(check_version(*object, what));
  RepositoryConfig config;
  config.id = members.hex<std::tuple_size_v<RepositoryId>>("repository");
  config.data = read_sizes(members, "chunks");
  config.list = read_sizes(members, "listChunks");
  if (!members.problem().empty()) return damaged(members.problem());
  return config;
}

}  // namespace b2b::packed
