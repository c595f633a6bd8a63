#include "core/packed/read_index.h"

#include <algorithm>
#include <iterator>

#include "core/packed/sealed_object.h"
#include "core/util/encoding.h"

namespace b2b::packed {
namespace {

constexpr int lists_at_most = 5;

Result<IndexPayload> read_once(Repository const& repository, IndexId const& id, std::stop_token const& stop) {
  std::string const key = index_key(repository.prefix, id);
  B2B_ASSIGN(std::string const object, get_text(*repository.store, key, 2 * max_payload_bytes, stop));
  if (sha256(object) != id) return make_error(Condition::corrupt, "the index object is not what its name says", {}, key);
  B2B_ASSIGN(std::string const payload, open_object(SealedKind::index, repository.master, repository.config.id, {}, object));
  return parse_index(payload);
}

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

// Its name is its SHA-256. Read once more when it looks damaged: it may have been the way here.
Result<IndexPayload> read_index_object(Repository const& repository, IndexId const& id, std::stop_token const& stop) {
  auto payload = read_once(repository, id, stop);
  if (!payload && payload.error().condition == Condition::corrupt) payload = read_once(repository, id, stop);
  return payload;
}

// True when one was gone since they were listed.
Result<bool> read_listed(Repository& repository, bool (*is_bad)(Condition), IndexNews& news, std::stop_token const& stop) {
  B2B_ASSIGN(std::vector<IndexId> const there, list_index_objects(repository, stop));
  B2B_ASSIGN(std::vector<IndexId> const known, repository.index->index_objects());
  std::vector<IndexId> fresh;
  std::set_difference(there.begin(), there.end(), known.begin(), known.end(), std::back_inserter(fresh));
  news.gone.clear();
  std::set_difference(known.begin(), known.end(), there.begin(), there.end(), std::back_inserter(news.gone));
  news.bad.clear();
  bool one_gone = false;
  for (IndexId const& id : fresh) {
    auto const payload = read_index_object(repository, id, stop);
    if (payload) {
      B2B_TRY(repository.index->index_read(id, *payload));
      ++news.read;
    } else if (payload.error().condition == Condition::not_found) {
      one_gone = true;
    } else if (is_bad(payload.error().condition)) {
      news.bad.push_back({id, payload.error().message});
    } else {
      return payload.error();
    }
  }
  return one_gone;
}

}  // namespace

Result<IndexNews> read_index_news(Repository& repository, bool (*is_bad)(Condition), std::stop_token const& stop) {
  IndexNews news;
  bool one_gone = true;
  for (int attempt = 1; one_gone && attempt <= lists_at_most; ++attempt) {
    B2B_ASSIGN(one_gone, read_listed(repository, is_bad, news, stop));
  }
  return news;
}

}  // namespace b2b::packed
