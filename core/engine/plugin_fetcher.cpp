#include "core/engine/plugin_fetcher.h"

#include <atomic>
#include <mutex>
#include <optional>

#include "core/engine/body.h"
#include "core/engine/objects.h"
#include "core/engine/rescue.h"
#include "core/snapshot/layout.h"

namespace b2b {
namespace {

bool is_damage(Condition condition) {
  return condition == Condition::corrupt || condition == Condition::wrong_key || condition == Condition::transit;
}

Error not_trusted(SnapshotInfo const& info, Signature signature) {
  return make_error(Condition::refused,
                    "snapshot " + info.id.text +
                        (signature == Signature::valid ? " was written without encryption" : " does not carry our signature") +
                        ", and encryption is on",
                    "Name its id to use it all the same", info.id.text);
}

Error nowhere(CatalogEntry const& entry, std::string const& own_key, std::vector<std::string> const& unread) {
  std::string message = "the body of " + printable(entry.entry.path) + " is missing: " + own_key +
                        " does not exist, and no other snapshot holds its content";
  if (!unread.empty())
    message += " (" + std::to_string(unread.size()) + " snapshots could not be searched, such as " + unread.front() + ")";
  return make_error(Condition::not_found, std::move(message), "Restore this file from another snapshot", own_key);
}

// Not the key's fault: it opened other things.
Error damaged(Error error) {
  if (error.condition != Condition::wrong_key) return error;
  error.condition = Condition::corrupt;
  error.message = "the object does not decrypt, even after a second download, with a key that opens others: it is damaged or "
                  "was tampered with";
  error.advice = "Restore this file from another snapshot";
  return error;
}

}  // namespace

struct PluginFetcher::Impl {
  EngineContext& context;
  SnapshotInfo const info;
  Signature const signature;
  std::string const scratch_dir;
  std::string const folder;
  PlaintextBodies const plaintext;
  bool const trusted;

  std::atomic<std::uint64_t> opened{0};
  std::atomic<std::uint64_t> rescued_damaged{0};
  std::atomic<std::uint64_t> wrong_key{0};
  std::atomic<std::uint64_t> corrupt{0};

  std::mutex rescue_mutex;  // guards both below
  std::unique_ptr<Rescue> rescue;
  std::optional<Error> rescue_error;

  Impl(EngineContext& the_context, SnapshotInfo const& the_info, Signature the_signature, std::string the_scratch_dir,
       bool by_name)
      : context(the_context),
        info(the_info),
        signature(the_signature),
        scratch_dir(std::move(the_scratch_dir)),
        folder(layout::snapshot_prefix(context.config.prefix, info.id)),
        plaintext(context.config.encrypt && info.ours && info.encrypted ? PlaintextBodies::refused
                                                                        : PlaintextBodies::allowed),
        trusted(by_name || restores_unasked(context.config, info, signature)) {}

  std::string key_of(CatalogEntry const& entry) const { return folder + entry.stored_name; }

  // The first caller reads the other manifests, the others wait for it.
  Result<Rescue*> other_snapshots() {
    std::scoped_lock lock(rescue_mutex);
    if (rescue) return rescue.get();
    if (rescue_error) return *rescue_error;
    auto const build = [&]() -> Result<std::unique_ptr<Rescue>> {
      B2B_ASSIGN(BucketListing const listing, list_bucket(context, false));
      return Rescue::build(context, listing, scratch_dir);
    };
    auto built = build();
    if (!built) {
      rescue_error = built.error();
      return *rescue_error;
    }
    rescue = std::move(*built);
    return rescue.get();
  }

  // False: no other snapshot holds a body that verifies.
  Result<bool> fetch_elsewhere(CatalogEntry const& entry, std::string const& destination) {
    B2B_ASSIGN(Rescue* const others, other_snapshots());
    B2B_ASSIGN(auto const candidates, others->candidates(entry.entry.hash, entry.entry.size));
    for (StoredObject const& candidate : candidates) {
      if (candidate.key == key_of(entry)) continue;
      auto const fetched = fetch_object(context, candidate.key, entry.entry, plaintext, scratch_dir, destination);
      if (fetched) return true;
      if (is_damage(fetched.error().condition)) continue;
      B2B_ASSIGN(bool const missing, means_missing(context, fetched.error(), candidate.key));
      if (!missing) return fetched.error();
    }
    return false;
  }

  Result<void> fetch(CatalogEntry const& entry, std::string const& destination) {
    if (!trusted) return not_trusted(info, signature);
    std::string const key = key_of(entry);
    auto const own = fetch_object(context, key, entry.entry, plaintext, scratch_dir, destination);
    if (own) {
      ++opened;
      return {};
    }
    if (!is_damage(own.error().condition)) {
      B2B_ASSIGN(bool const missing, means_missing(context, own.error(), key));
      if (!missing) return own.error();
      B2B_ASSIGN(bool const found, fetch_elsewhere(entry, destination));
      if (!found) return nowhere(entry, key, rescue->unread());
      ++opened;
      return {};
    }
    bool const key_is_good = signature == Signature::valid || opened > 0 || own.error().condition == Condition::corrupt;
    if (!key_is_good) {
      ++wrong_key;
      return own.error();
    }
    // Damaged where it belongs; another snapshot may hold the same content whole.
    auto const found = fetch_elsewhere(entry, destination);
    if (found && *found) {
      ++opened;
      ++rescued_damaged;
      return {};
    }
    ++corrupt;
    return damaged(own.error());
  }
};

PluginFetcher::PluginFetcher(EngineContext& context, SnapshotInfo const& info, Signature signature, std::string scratch_dir,
                         bool by_name)
    : impl_(std::make_unique<Impl>(context, info, signature, std::move(scratch_dir), by_name)) {}

PluginFetcher::~PluginFetcher() = default;

Result<void> PluginFetcher::fetch(CatalogEntry const& entry, std::string const& destination) {
  return impl_->fetch(entry, destination);
}

std::string PluginFetcher::diagnose() const {
  std::uint64_t const good = impl_->opened;
  std::uint64_t const locked = impl_->wrong_key;
  std::uint64_t const broken = impl_->corrupt;
  std::uint64_t const rescued = impl_->rescued_damaged;
  if (locked > 0 && good == 0 && broken == 0) {
    if (locked == 1)
      return "The only object that was read cannot be opened: the key is wrong, or the object is damaged. Check encryptionKey "
             "(or applicationKey, when the snapshot was encrypted with that) and decryptionKeys.";
    return std::string("Every object (") + std::to_string(locked) + ") failed to open: the key is probably wrong. Check encryptionKey (or "
           "applicationKey, when the snapshot was encrypted with that), and list former keys in decryptionKeys.";
  }
  std::uint64_t const failed = locked + broken;
  std::string text;
  if (failed > 0)
    text = std::to_string(failed) + " of " + std::to_string(failed + good) + " objects are damaged or were tampered with: they "
           "failed twice, the second time after a fresh download, while others opened. Try these files from another snapshot.";
  if (rescued > 0)
    text += std::string(text.empty() ? "" : " ") + std::to_string(rescued) + " damaged bodies were taken from other snapshots that hold the "
            "same content; run daemonctl verify --read-data.";
  return text;
}

}  // namespace b2b
