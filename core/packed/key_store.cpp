#include "core/packed/key_store.h"

#include <algorithm>

#include "core/packed/hidden_repository.h"
#include "core/packed/key_file.h"
#include "core/packed/reach.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b::packed {
namespace {

std::string slots_in_words(SlotList const& list) {
  std::string out;
  for (KeySlot const& slot : list.slots)
    out += (out.empty() ? "" : ", ") + std::string(slot_kind_name(slot.kind)) + " of " +
           format_iso8601(slot.created).substr(0, 10) +
           (slot.label.empty() ? "" : " (" + printable(slot.label) + ")");
  for (std::string const& problem : list.problems)
    out += (out.empty() ? "" : "; ") + problem;
  return out;
}

Error nothing_opens(std::string const& repository, SlotList const& list) {
  if (list.slots.empty() && list.problems.empty())
    return make_error(Condition::corrupt, "the repository " + repository + " has no key slot",
                      "Put its objects under keys/ back from an older version of them, or from a copy of the "
                      "bucket. A machine "
                      "that pushed to it has the key in its data directory (packed.key): keep that file");
  return make_error(Condition::wrong_key,
                    "none of the configured secrets opens the repository " + repository +
                        "; it opens with: " + slots_in_words(list),
                    "Set the application key or encryptionKey it was made with. Or use the recovery code: daemonctl key open "
                    "asks for it, and after that this machine has the key");
}

// Tries the secret with each slot of its kind. nullopt: it opens none.
struct Opening {
  SlotId slot{};
  Key master;
};
Result<std::optional<Opening>> try_slots(SlotList const& list, RepositoryId const& repository,
                                     SlotSecret const& secret, std::stop_token const& stop) {
  for (KeySlot const& slot : list.slots) {
    if (slot.kind != secret.kind) continue;
    if (stop.stop_requested())
      return make_error(Condition::cancelled, "stopped while opening the repository");
    auto opened = open_slot(slot, repository, secret);
    if (opened) return std::optional(Opening{slot.id, *opened});
    if (opened.error().condition != Condition::wrong_key) return opened.error();
  }
  return std::optional<Opening>();
}

}  // namespace

std::string repository_name(Store const& store, std::string_view prefix) {
  std::string name = repository_prefix(prefix);
  name.pop_back();
  return name + " in " + store.traits().name;
}

KeyStore::KeyStore(Store& store, std::string prefix, std::string key_file, Clock& clock)
    : store_(store), prefix_(std::move(prefix)), key_file_(std::move(key_file)), clock_(clock) {}

Error KeyStore::explained(Error error) const { return explain_reach(std::move(error), prefix_); }

Result<void> KeyStore::put(std::string const& key, std::string text, std::stop_token const& stop) {
  auto const stored = store_.put(key, MemorySource(std::move(text)), stop);
  if (!stored) return explained(stored.error());
  return {};
}

Result<std::optional<RepositoryConfig>> KeyStore::config(std::stop_token const& stop) {
  auto const text = get_text(store_, config_key(prefix_), max_config_bytes, stop);
  if (!text && text.error().condition == Condition::not_found) return std::optional<RepositoryConfig>();
  if (!text) return explained(text.error());
  auto parsed = parse_config(*text);
  if (parsed) return std::optional(*parsed);
  Error error = parsed.error();
  error.message = repository_name(store_, prefix_) + ": " + error.message;
  error.subject = config_key(prefix_);
  return error;
}

Result<SlotList> KeyStore::slots(RepositoryId const& repository, std::stop_token const& stop) {
  std::string const folder = slots_prefix(prefix_);
  std::vector<SlotId> ids;
  SlotList out;
  auto const take = [&](ListEntry const& entry) {
    auto const id = id_from_hex<SlotId>(std::string_view(entry.object.key).substr(folder.size()));
    if (!id) return true;
    if (ids.size() == max_slots) {
      out.complete = false;
      return false;
    }
    ids.push_back(*id);
    return true;
  };
  ListOptions options;
  options.prefix = folder;
  if (auto const listed = store_.list(options, take, stop); !listed) return explained(listed.error());
  for (SlotId const& id : ids) {
    auto const text = get_text(store_, slot_key(prefix_, id), max_slot_bytes, stop);
    bool const too_long =
        !text && text.error().condition == Condition::limit && text.error().http_status == 0;
    if (!text && text.error().condition == Condition::not_found) continue;  // removed in the meantime
    if (!text && !too_long) return explained(text.error());
    auto slot = text ? parse_slot(*text, id) : Result<KeySlot>(text.error());
    if (!slot)
      out.problems.push_back(slot.error().text());
    else if (slot->repository != repository)
      ++out.foreign;
    else
      out.slots.push_back(std::move(*slot));
  }
  std::stable_sort(out.slots.begin(), out.slots.end(),
                   [](KeySlot const& a, KeySlot const& b) { return a.created > b.created; });
  return out;
}

Result<OpenedRepository> KeyStore::open(RepositoryConfig const& config, std::span<SlotSecret const> secrets,
                                        std::stop_token const& stop) {
  OpenedRepository out;
  out.config = config;
  std::optional<KeyFile> file;
  if (!key_file_.empty()) file = read_key_file(key_file_, config.id);
  bool const from_file = file.has_value();
  bool changed = false;
  std::optional<SlotList> list;
  std::map<std::size_t, bool> outcomes;
  for (std::size_t i = 0; i < secrets.size(); ++i) {
    if (secrets[i].secret.empty()) continue;
    if (file) {
      auto const known = file->secrets.find(secret_digest(file->master, secrets[i]));
      if (known != file->secrets.end()) {
        outcomes[i] = known->second;
        continue;
      }
    }
    if (!list) {
      B2B_ASSIGN(list, slots(config.id, stop));
    }
    B2B_ASSIGN(auto const opening, try_slots(*list, config.id, secrets[i], stop));
    outcomes[i] = opening.has_value();
    changed = true;
    if (!opening) continue;
    out.slots[i] = opening->slot;
    if (!file) {
      file.emplace();
      file->repository = config.id;
      file->master = opening->master;
    } else if (!equal_in_constant_time(file->master.bytes(), opening->master.bytes())) {
      return make_error(
          Condition::corrupt,
          "two key slots of the repository " + repository_name(store_, prefix_) + " hold different keys",
          "One of them was put there by somebody else: remove the slot you do not know");
    }
  }
  if (!file) {
    if (!list) {
      B2B_ASSIGN(list, slots(config.id, stop));
    }
    return nothing_opens(repository_name(store_, prefix_), *list);
  }
  out.master = file->master;
  for (auto const& outcome : outcomes) {
    if (!outcome.second) out.without_slot.push_back(outcome.first);
    file->secrets[secret_digest(file->master, secrets[outcome.first])] = outcome.second;
  }
  if (key_file_.empty() || (from_file && !changed)) return out;
  if (auto const written = write_key_file(key_file_, *file); !written)
    log_warning("the repository's key cannot be kept, so that it is derived each time: " +
                written.error().text());
  return out;
}

void KeyStore::remember(OpenedRepository const& repository, SlotSecret const& secret, bool opens) {
  if (key_file_.empty()) return;
  auto file = read_key_file(key_file_, repository.config.id);
  if (!file) {
    file.emplace();
    file->repository = repository.config.id;
    file->master = repository.master;
  }
  file->secrets[secret_digest(repository.master, secret)] = opens;
  if (auto const written = write_key_file(key_file_, *file); !written)
    log_warning("the repository's key cannot be kept, so that it is derived each time: " +
                written.error().text());
}

Result<void> KeyStore::refuse_remains(std::stop_token const& stop) {
  std::string found;
  auto const look = [&](ListEntry const& entry) {
    // Neither needs a repository: slots of one that was never finished, and pins of the plugin's snapshots.
    bool const harmless = entry.object.key == slots_prefix(prefix_) || entry.object.key == pins_prefix(prefix_);
    if (!entry.is_prefix || harmless) return true;
    found = entry.object.key;
    return false;
  };
  ListOptions options;
  options.prefix = repository_prefix(prefix_);
  options.delimiter = true;
  if (auto const listed = store_.list(options, look, stop); !listed) return explained(listed.error());
  if (found.empty()) return {};
  return make_error(
      Condition::corrupt,
      repository_name(store_, prefix_) + " has objects under " + printable(found) +
          " and no object \"config\"",
      "Put \"config\" back from an older version of it or from a copy of the bucket, or set prefix to "
      "another one. A new repository over these objects would make them useless",
      config_key(prefix_));
}

Result<std::optional<OpenedRepository>> KeyStore::create(NewRepository const& wanted,
                                                         SlotSecret const& secret,
                                                         std::stop_token const& stop) {
  OpenedRepository made;
  made.config.data = wanted.data;
  made.config.list = wanted.list;
  random_bytes(made.config.id);
  std::array<std::uint8_t, 32> bytes{};
  random_bytes(bytes);
  made.master = Key(bytes);
  wipe(bytes.data(), bytes.size());
  B2B_ASSIGN(KeySlot const slot,
             wrap_master_key(made.master, made.config.id, secret, wanted.label, clock_.now()));
  B2B_TRY(put(slot_key(prefix_, slot.id), format_slot(slot), stop));
  B2B_TRY(store_.flush(stop));
  B2B_ASSIGN(auto standing, config(stop));  // making the slot took its time: another one may have come first
  if (!standing) {
    B2B_TRY(put(config_key(prefix_), format_config(made.config), stop));
    B2B_TRY(store_.flush(stop));
    B2B_ASSIGN(standing, config(stop));
  }
  made.slots[0] = slot.id;
  if (standing == made.config) return std::optional(std::move(made));
  // A slot that belongs to no repository is left alone by all readers; this one is in nobody's way if it
  // stays.
  if (auto const removed = remove_all(store_, slot_key(prefix_, slot.id), stop); !removed)
    log_info("a key slot that is not needed stays in the bucket: " + removed.error().text());
  return std::optional<OpenedRepository>();
}

Result<OpenedRepository> KeyStore::open_or_create(NewRepository const& wanted,
                                                  std::span<SlotSecret const> secrets,
                                                  std::stop_token const& stop) {
  B2B_ASSIGN(auto standing, config(stop));
  if (!standing) {
    if (secrets.empty())
      return make_error(Condition::usage, "a repository needs a secret to protect it",
                        "Set applicationKey or encryptionKey");
    B2B_TRY(refuse_hidden_repository(store_, prefix_, stop));
    B2B_TRY(refuse_remains(stop));
    B2B_ASSIGN(auto made, create(wanted, secrets.front(), stop));
    if (made) {
      remember(*made, secrets.front(), true);
      for (std::size_t i = 1; i < secrets.size(); ++i)
        made->without_slot.push_back(i);
      return std::move(*made);
    }
    B2B_ASSIGN(standing, config(stop));
  }
  if (!standing)
    return make_error(Condition::changed, repository_name(store_, prefix_) + " was removed while it was made",
                      "Try again");
  return open(*standing, secrets, stop);
}

Result<KeySlot> KeyStore::add_slot(OpenedRepository const& repository, SlotSecret const& secret,
                                   std::string const& label, std::stop_token const& stop) {
  B2B_ASSIGN(auto const list, slots(repository.config.id, stop));
  if (!list.complete || list.slots.size() + list.problems.size() + list.foreign >= max_slots)
    return make_error(Condition::limit,
                      repository_name(store_, prefix_) + " has " + std::to_string(max_slots) +
                          " key slots, and no more are read",
                      "Remove slots that nobody uses");
  B2B_ASSIGN(KeySlot slot,
             wrap_master_key(repository.master, repository.config.id, secret, label, clock_.now()));
  B2B_TRY(put(slot_key(prefix_, slot.id), format_slot(slot), stop));
  B2B_TRY(store_.flush(stop));
  remember(repository, secret, true);
  return slot;
}

Result<void> KeyStore::remove_slot(RepositoryId const& repository, SlotId const& id,
                                   std::stop_token const& stop) {
  B2B_ASSIGN(auto const list, slots(repository, stop));
  auto const found =
      std::find_if(list.slots.begin(), list.slots.end(), [&](KeySlot const& slot) { return slot.id == id; });
  if (found == list.slots.end())
    return make_error(Condition::not_found,
                      repository_name(store_, prefix_) + " has no key slot " + to_hex(id), {}, to_hex(id));
  Error const last =
      make_error(Condition::refused,
                 "the key slot " + to_hex(id) + " is the last one of " + repository_name(store_, prefix_) +
                     ": without it nothing could be restored",
                 "Add another slot first", to_hex(id));
  if (list.slots.size() == 1) return last;
  if (auto const removed = remove_all(store_, slot_key(prefix_, id), stop); !removed)
    return explained(removed.error());
  // Which secret it was for is not known here: what the key file remembers of secrets is forgotten.
  if (!key_file_.empty())
    if (auto file = read_key_file(key_file_, repository); file && !file->secrets.empty()) {
      file->secrets.clear();
      B2B_TRY(write_key_file(key_file_, *file));
    }
  // Somebody else may have removed the other ones at the same moment.
  B2B_ASSIGN(auto const left, slots(repository, stop));
  if (!left.slots.empty()) return {};
  B2B_TRY(put(slot_key(prefix_, id), format_slot(*found), stop));
  B2B_TRY(store_.flush(stop));
  return last;
}

}  // namespace b2b::packed
