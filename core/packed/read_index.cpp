#include "core/packed/read_index.h"

#include "core/packed/sealed_object.h"
#include "core/util/encoding.h"

namespace b2b::packed {
namespace {

Result<IndexPayload> read_once(Repository const& repository, IndexId const& id, std::stop_token const& stop) {
  std::string const key = index_key(repository.prefix, id);
  B2B_ASSIGN(std::string const object, get_text(*repository.store, key, 2 * max_payload_bytes, stop));
  if (sha256(object) != id) return make_error(Condition::corrupt, "the index object is not what its name says", {}, key);
  B2B_ASSIGN(std::string const payload, open_object(SealedKind::index, repository.master, repository.config.id, {}, object));
  return parse_index(payload);
}

}  // namespace

Result<std::vector<IndexId>> list_index_objects(Repository const& repository, std::stop_token const& stop) {
  std::vector<IndexId> found;
  std::string const prefix = indexes_prefix(repository.prefix);
  ListOptions options;
  options.prefix = prefix;
  B2B_TRY(repository.store->list(
      options,
      [&](ListEntry const& entry) {
        auto const name = std::string_view(entry.object.key).substr(prefix.size());
        if (auto const id = id_from_hex<IndexId>(name)) found.push_back(*id);
        return true;
      },
      stop));
  return found;  // in order, as the store lists
}

Result<IndexPayload> read_index_object(Repository const& repository, IndexId const& id, std::stop_token const& stop) {
  auto payload = read_once(repository, id, stop);
  if (!payload && payload.error().condition == Condition::corrupt) payload = read_once(repository, id, stop);  // it may have been the way here
  return payload;
}

}  // namespace b2b::packed
