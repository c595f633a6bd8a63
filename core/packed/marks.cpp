#include "core/packed/marks.h"

#include <algorithm>
#include <optional>

#include "core/packed/sealed_object.h"
#include "core/packed/wire.h"
#include "core/util/encoding.h"

namespace b2b::packed {

std::string format_mark(OwnerId const& owner, std::span<PackId const> packs) {
  std::string out;
  append_bytes(out, owner);
  append_integer(out, static_cast<std::uint32_t>(packs.size()));
  for (PackId const& id : packs) append_bytes(out, id);
  return out;
}

Result<Mark> parse_mark(std::string_view payload) {
  Mark mark;
  WireReader reader(as_bytes(payload));
  mark.owner = reader.bytes<std::tuple_size_v<OwnerId>>();
  auto const count = reader.integer<std::uint32_t>();
  if (!reader.ok() || reader.rest().size() != std::size_t{count} * sizeof(PackId))
    return make_error(Condition::corrupt, "the mark is damaged: it has another length than it says");
  mark.packs.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) mark.packs.push_back(reader.bytes<32>());
  return mark;
}

namespace {

Result<Mark> read_mark(Repository const& repository, std::string const& name, std::stop_token const& stop) {
  B2B_ASSIGN(std::string const object, get_text(*repository.store, mark_key(repository.prefix, name), 2 * max_payload_bytes, stop));
  B2B_ASSIGN(std::string const payload, open_object(SealedKind::mark, repository.master, repository.config.id, name, object));
  return parse_mark(payload);
}

bool is_about_the_mark(Condition condition) {
  return condition == Condition::corrupt || condition == Condition::unsupported || condition == Condition::transit || condition == Condition::limit;
}

}  // namespace

Result<std::vector<Mark>> read_marks(Repository& repository, std::stop_token const& stop, std::vector<std::string>* problems) {
  std::vector<Mark> marks;
  ListOptions options;
  options.prefix = marks_prefix(repository.prefix);
  B2B_TRY(repository.store->list(
      options,
      [&](ListEntry const& entry) {
        auto const name = std::string_view(entry.object.key).substr(options.prefix.size());
        if (id_from_hex<std::array<std::uint8_t, 16>>(name)) marks.push_back({std::string(name), entry.object.modified, {}, {}});
        return true;
      },
      stop));
  std::vector<PackId> condemned;
  for (auto mark = marks.begin(); mark != marks.end();) {
    auto read = read_mark(repository, mark->name, stop);
    if (!read && read.error().condition == Condition::corrupt) read = read_mark(repository, mark->name, stop);  // it may have been the way here
    if (!read) {
      Error error = read.error();
      error.subject = mark_key(repository.prefix, mark->name);
      bool const ended = error.condition == Condition::not_found;  // its collection, just now
      bool const told = problems != nullptr && is_about_the_mark(error.condition);
      if (!ended && !told) return error;
      if (told) problems->push_back(error.subject + ": " + error.message);
      mark = marks.erase(mark);
      continue;
    }
    mark->owner = read->owner;
    mark->packs = std::move(read->packs);
    condemned.insert(condemned.end(), mark->packs.begin(), mark->packs.end());
    ++mark;
  }
  std::sort(condemned.begin(), condemned.end());
  B2B_ASSIGN(auto const before, repository.index->condemned());
  // A mark that was there has ended: what it named is gone, or was spared.
  if (!std::includes(condemned.begin(), condemned.end(), before.begin(), before.end())) B2B_TRY(look_for_packs(repository, stop));
  B2B_TRY(repository.index->set_condemned(condemned));
  return marks;
}

Result<void> write_mark(Repository& repository, std::span<PackId const> packs, std::stop_token const& stop) {
  std::array<std::uint8_t, 16> id;
  random_bytes(id);
  std::string const name = to_hex(id);
  B2B_ASSIGN(std::string object,
             seal_object(SealedKind::mark, repository.master, repository.config.id, name, format_mark(repository.index->owner(), packs)));
  B2B_TRY(repository.store->put(mark_key(repository.prefix, name), MemorySource(std::move(object)), stop));
  return repository.store->flush(stop);
}

Result<void> compare_packs(Repository& repository, std::function<void(StoredPack const&, ChunkIndex::KnownPack const*)> const& there,
                           std::function<void(PackId const&)> const& gone, std::stop_token const& stop) {
  B2B_ASSIGN(auto const known, repository.index->packs());  // in order of ids, as the store lists
  auto next = known.begin();
  ListOptions options;
  options.prefix = packs_prefix(repository.prefix);
  B2B_TRY(repository.store->list(
      options,
      [&](ListEntry const& entry) {
        auto const id = id_from_hex<PackId>(std::string_view(entry.object.key).substr(entry.object.key.rfind('/') + 1));
        if (!id || entry.object.key != pack_key(repository.prefix, *id)) return true;
        for (; next != known.end() && next->id < *id; ++next) gone(next->id);
        bool const is_known = next != known.end() && next->id == *id;
        there({*id, entry.object.size, entry.object.modified}, is_known ? &*next : nullptr);
        if (is_known) ++next;
        return true;
      },
      stop));
  for (; next != known.end(); ++next) gone(next->id);
  return {};
}

Result<void> look_for_packs(Repository& repository, std::stop_token const& stop, std::function<void(StoredPack const&)> const& visit) {
  std::vector<PackId> gone;
  auto const there = [&](StoredPack const& pack, ChunkIndex::KnownPack const*) {
    if (visit) visit(pack);
  };
  B2B_TRY(compare_packs(repository, there, [&](PackId const& id) { gone.push_back(id); }, stop));
  for (PackId const& id : gone) B2B_TRY(repository.index->pack_gone(id));
  return {};
}

}  // namespace b2b::packed
