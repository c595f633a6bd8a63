#include "core/packed/put_snapshot.h"

#include "core/packed/hidden_repository.h"
#include "core/packed/marks.h"
#include "core/packed/sealed_object.h"

namespace b2b::packed {
namespace {

Result<void> check_still_ours(Repository const& repository, std::stop_token const& stop) {
  auto const text = get_text(*repository.store, config_key(repository.prefix), max_config_bytes, stop);
  if (!text && text.error().condition == Condition::not_found) B2B_TRY(refuse_hidden_repository(*repository.store, repository.prefix, stop));
  B2B_TRY(text);
  B2B_ASSIGN(RepositoryConfig const config, parse_config(*text));
  if (config.id != repository.config.id)
    return make_error(Condition::changed, "another machine has made a repository of its own under this prefix",
                      "Push again: it goes into the one that is there now");
  return {};
}

// What this job relies on may have been marked by a collection since it began; or taken, if the machine slept for a day. `seen` is what the
// job rests on, and is brought up to date.
Result<bool> still_there(Repository& repository, SnapshotToPut& put, std::stop_token const& stop) {
  B2B_TRY(read_marks(repository, stop));
  std::uint64_t const losses = repository.index->losses();
  B2B_ASSIGN(TimePoint const now, repository.store->now(stop));
  bool const slept = now - put.seen.synced_at > push_limit;
  if (losses == put.seen.losses && !slept) return true;
  // What is marked may have been put together in new packs.
  std::vector<std::string> problems;
  B2B_TRY(sync_index(repository, problems, stop));
  if (slept) B2B_TRY(look_for_packs(repository, stop));
  put.seen = {now, losses};
  return put.all_there();
}

Error collected_meanwhile(SnapshotToPut const& put) {
  return make_error(Condition::changed, "a collection took, or is about to take, what this snapshot relied on",
                    put.former ? "Do it again in a while" : "Push again: what is missing is stored again");
}

// The object that is to be replaced, as long as it is the one that was read.
Result<std::string> read_former(Repository const& repository, std::string const& key, Sha256Digest const& digest, std::stop_token const& stop) {
  B2B_ASSIGN(std::string object, get_text(*repository.store, key, 2 * max_payload_bytes, stop));
  if (sha256(object) != digest) return make_error(Condition::changed, "this snapshot was written anew meanwhile", "Do it again", key);
  return object;
}

// Where somebody has removed the new one, that is what holds. A key that may not see what is missing cannot tell: then a snapshot too many is
// better than one too few.
Result<void> put_back(Repository const& repository, std::string const& key, std::string former, std::stop_token const& stop) {
  auto const there = repository.store->head(key, stop);
  if (!there && there.error().condition == Condition::not_found) return {};
  if (!there && there.error().condition != Condition::permission) return there.error();
  B2B_TRY(repository.store->put(key, MemorySource(std::move(former)), stop));
  return repository.store->flush(stop);
}

}  // namespace

Result<bool> list_is_there(ChunkIndex& index, SnapshotPayload const& snapshot) {
  for (ChunkId const& id : snapshot.list) {
    B2B_ASSIGN(bool const there, index.has(ChunkType::list, id));
    if (!there) return false;
  }
  return true;
}

Result<std::uint64_t> put_snapshot(Repository& repository, SnapshotToPut put, std::stop_token const& stop) {
  B2B_TRY(check_still_ours(repository, stop));
  B2B_ASSIGN(bool const ready, still_there(repository, put, stop));
  if (!ready) return collected_meanwhile(put);

  std::string const& name = put.snapshot.info.id.text;
  std::string const key = snapshot_key(repository.prefix, name);
  B2B_ASSIGN(std::string object, seal_object(SealedKind::snapshot, repository.master, repository.config.id, name, format_snapshot(put.snapshot)));
  std::uint64_t const bytes = object.size();
  std::string former;
  if (put.former) {
    B2B_ASSIGN(former, read_former(repository, key, *put.former, stop));
  }
  B2B_TRY(repository.store->put(key, MemorySource(std::move(object)), stop));
  B2B_TRY(repository.store->flush(stop));
  // The machine may have slept between the last look and the object's arrival.
  B2B_ASSIGN(TimePoint const now, repository.store->now(stop));
  if (now - put.seen.synced_at <= push_limit) return bytes;
  B2B_ASSIGN(bool const kept, still_there(repository, put, stop));
  if (kept) return bytes;
  B2B_TRY(put.former ? put_back(repository, key, std::move(former), stop) : remove_all(*repository.store, key, stop));
  return collected_meanwhile(put);
}

}  // namespace b2b::packed
