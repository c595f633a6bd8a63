// The repository's configuration and key slots in a store, and the master key they lead to. Calls block; one
// thread at a time.
//
// No object here is ever changed: slots are added and removed, and the configuration is written once. The
// store has no compare-and-swap: of two that make a repository at the same moment the one whose configuration
// stands there in the end has made it, and the other one opens that. What is there but cannot be reached is
// told with how the application key must be made.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/packed/config_object.h"
#include "core/packed/key_slot.h"
#include "core/store/store.h"

namespace b2b::packed {

// The repository as people know it: "openclaw-backup.repo in bucket agent-backup at …".
std::string repository_name(Store const& store, std::string_view prefix);

struct SlotList {
  std::vector<KeySlot> slots;         // of this repository, newest first
  std::vector<std::string> problems;  // slots that cannot be read, in words
  std::size_t foreign = 0;            // of other repositories: left alone
  bool complete = true;  // false: there are more than max_slots; only the first of them were looked at

  bool has_recovery_code() const {
    return std::any_of(slots.begin(), slots.end(), [](KeySlot const& slot) { return slot.kind == SlotKind::recovery; });
  }
};

struct OpenedRepository {
  RepositoryConfig config;
  Key master;
  std::vector<std::size_t> without_slot;  // which of the given secrets open no slot: without one of the
                                          // others they restore nothing
  std::map<std::size_t, SlotId> slots;    // which slot each of them opened, as far as one was opened just
                                          // now: what the key file knows is not tried again
};

struct NewRepository {
  std::string label;  // of its first slot: for people
  ChunkSizes data = data_chunk_sizes;
  ChunkSizes list = list_chunk_sizes;
};

class KeyStore {
 public:
  // `prefix`: that of the plugin's layout. `key_file`: "packed.key" of the data directory; empty: no key is
  // kept or looked for there. Store and clock must outlive this.
  KeyStore(Store& store, std::string prefix, std::string key_file, Clock& clock);

  // nullopt: there is no repository. Also for the look before a snapshot object is written: is it still the
  // same one?
  Result<std::optional<RepositoryConfig>> config(std::stop_token const& stop);

  // At most max_slots are read.
  Result<SlotList> slots(RepositoryId const& repository, std::stop_token const& stop);

  // From the key file when it knows the repository and each of the secrets; else each unknown secret is tried
  // with the slots of its kind (a quarter of a second each) and the key file written. Errors: wrong_key (none
  // opens one; the message names what slots there are).
  Result<OpenedRepository> open(RepositoryConfig const& config, std::span<SlotSecret const> secrets,
                                std::stop_token const& stop);

  // Opens the repository, or makes one whose first slot is for secrets[0]. Errors: usage (no secret), corrupt
  // (objects of a repository are there without its configuration: a new one over them would make them
  // useless).
  Result<OpenedRepository> open_or_create(NewRepository const& wanted, std::span<SlotSecret const> secrets,
                                          std::stop_token const& stop);

  // limit: there are max_slots already.
  Result<KeySlot> add_slot(OpenedRepository const& repository, SlotSecret const& secret,
                           std::string const& label, std::stop_token const& stop);

  // For good, old versions included. Errors: not_found; refused (no other slot would be left). The master key
  // stays what it is: who has kept it, or a copy of the slot and its secret, can still read.
  Result<void> remove_slot(RepositoryId const& repository, SlotId const& id, std::stop_token const& stop);

 private:
  Result<std::optional<OpenedRepository>> create(NewRepository const& wanted, SlotSecret const& secret,
                                                 std::stop_token const& stop);
  Result<void> refuse_remains(std::stop_token const& stop);
  Result<void> put(std::string const& key, std::string text, std::stop_token const& stop);
  Error explained(Error error) const;
  void remember(OpenedRepository const& repository, SlotSecret const& secret, bool opens);

  Store& store_;
  std::string const prefix_;
  std::string const key_file_;
  Clock& clock_;
};

}  // namespace b2b::packed
