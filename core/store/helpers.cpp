// What callers do with any store in more than one call.
#include <algorithm>

#include "core/store/call_checks.h"
#include "core/store/store.h"

namespace b2b {
namespace {

constexpr std::size_t removal_batch = 1000;  // what S3 deletes with one request

// The next versions of exactly this key. It is the first of all keys that begin with it, so others end the
// listing.
Result<std::vector<ObjectVersion>> versions_of(Store& store, std::string const& key,
                                               std::stop_token const& stop) {
  std::vector<ObjectVersion> found;
  auto const take = [&](ObjectVersion const& version) {
    if (version.key != key) return false;
    found.push_back(version);
    return found.size() < removal_batch;
  };
  B2B_TRY(store.list_versions(key, take, stop));
  return found;
}

}  // namespace

Result<ObjectInfo> Store::get_version(ObjectVersion const& version, std::optional<ByteRange>, ByteSink&, std::stop_token const&) {
  return make_error(Condition::unsupported, traits().name + " keeps no older versions of what lies in it", {}, version.key);
}

Result<void> remove_all(Store& store, std::string const& key, std::stop_token const& stop) {
  B2B_TRY(check_key("remove", key));
  if (!store.traits().versioned) {
    ObjectVersion version;
    version.key = key;
    return store.remove_versions(std::span(&version, 1), stop);
  }
  std::string first_of_last_round;
  while (true) {
    B2B_ASSIGN(auto const versions, versions_of(store, key, stop));
    if (versions.empty()) return {};
    if (versions.front().version_id == first_of_last_round)
      return make_error(Condition::internal,
                        "version " + first_of_last_round + " of " + key +
                            " is still listed after it was removed from " + store.traits().name,
                        "Try again later; if it stays, look whether Object Lock protects it", key);
    first_of_last_round = versions.front().version_id;
    B2B_TRY(store.remove_versions(versions, stop));
    if (versions.size() < removal_batch) return {};
  }
}

Result<bool> means_missing(Store& store, Error const& error, std::string const& key, std::stop_token const& stop) {
  if (error.condition == Condition::not_found) return true;
  if (error.condition != Condition::permission) return false;
  bool found = false;
  ListOptions options;
  options.prefix = key;
  auto const look = [&](ListEntry const& entry) {
    found = !entry.is_prefix && entry.object.key == key;
    return false;  // the key itself is the first of all that begin with it
  };
  auto const listed = store.list(options, look, stop);
  if (listed) return !found;
  return listed.error();  // a listing says why it was refused; the answer to a HEAD has no room for that
}

Result<std::string> get_text(Store& store, std::string const& key, std::uint64_t max_bytes,
                             std::stop_token const& stop) {
  StringSink sink(max_bytes);
  auto const info = store.get(key, std::nullopt, sink, stop);
  if (info) return sink.take();
  Error error = info.error();
  if (error.condition == Condition::limit && error.http_status == 0) {  // ours, not a cap of the account
    error.message = key + " in " + store.traits().name + " is larger than the " + std::to_string(max_bytes) +
                    " bytes it may have";
    error.subject = key;
  }
  if (error.condition == Condition::permission) {
    B2B_ASSIGN(bool const missing, means_missing(store, error, key, stop));
    if (missing) return make_error(Condition::not_found, key + " does not exist in " + store.traits().name, {}, key);
  }
  return error;
}

}  // namespace b2b
