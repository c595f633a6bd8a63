// What `daemonctl key …` does with the key slots of the repository. No lock is needed: slots are objects of
// their own, and the master key stays what it is. Each call leaves the records (key_records.h) in line with
// what it saw. Errors of all: not_found (there is no repository), wrong_key (no configured secret opens it,
// and this machine does not have the key), the store's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/engine/context.h"
#include "core/packed/key_store.h"

namespace b2b {

struct SlotView {
  packed::KeySlot slot;
  std::string_view opened_by;  // "encryptionKey", "applicationKey", "decryptionKeys": which configured secret
                               // opens it; empty: none
};

struct SlotListing {
  std::string repository;       // in words
  std::vector<SlotView> slots;  // newest first
  std::vector<std::string> problems;
  bool has_recovery_code = false;
  bool key_is_here = false;  // this machine keeps the master key, and needs none of the secrets
};

// Tries each configured secret with each slot of its kind, a quarter of a second each. Needs no secret that
// opens anything.
Result<SlotListing> list_key_slots(EngineContext& context);

// Pure. The slot whose id begins so. Errors: usage (shorter than 4 digits, or not hex), not_found, usage
// (several).
Result<packed::SlotId> find_slot(SlotListing const& listing, std::string_view beginning);
std::string short_slot_id(packed::SlotId const& id);  // what people are shown: 8 digits

// Errors: refused (a slot is there for this secret already), limit.
Result<packed::KeySlot> add_key_slot(EngineContext& context, packed::SlotSecret const& secret,
                                     std::string const& label);

// For good. Errors: refused (the last one).
Result<void> remove_key_slot(EngineContext& context, packed::SlotId const& id);

// What replaced what. `problems`: old slots that could not be removed, in words; they still open.
struct SlotExchange {
  std::vector<packed::SlotId> made;
  std::vector<packed::SlotId> removed;
  std::vector<std::string> problems;
};

// A slot with a salt of its own for each configured secret that has one, and for the first configured secret
// in any case; then the slots go that they had. An old slot goes only when the new one was read back.
Result<SlotExchange> rewrap_key_slots(EngineContext& context);

// A slot for the code; then the slots go that older codes had. After an error the code does not count, and
// the older one does.
Result<SlotExchange> replace_recovery_code(EngineContext& context, Secret const& code);

// Opens the repository with a secret that is not configured and keeps the master key in the data directory,
// after which every verb works. Returns the slot. Errors: wrong_key (it opens none; the message says which of
// its kind there are), corrupt (this machine has another key).
Result<packed::KeySlot> open_key_slot(EngineContext& context, packed::SlotSecret const& secret);

}  // namespace b2b
