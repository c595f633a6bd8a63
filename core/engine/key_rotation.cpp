// That the configured secret has a slot, and a former application key's has none (packed_keys.h).
#include <algorithm>

#include "core/engine/key_records.h"
#include "core/engine/key_slots.h"
#include "core/engine/packed_keys.h"
#include "core/packed/key_file.h"
#include "core/util/encoding.h"
#include "core/util/log.h"

namespace b2b {
namespace {

constexpr auto look_every = std::chrono::hours(24);

using packed::KeySlot;
using packed::SlotId;
using packed::SlotKind;
using packed::SlotList;

KeySlot const* slot_in(SlotList const& list, SlotId const& id) {
  auto const found =
      std::find_if(list.slots.begin(), list.slots.end(), [&](KeySlot const& slot) { return slot.id == id; });
  return found == list.slots.end() ? nullptr : &*found;
}

class Look {
 public:
  Look(EngineContext& context, packed::OpenedRepository const& opened, packed::SlotSecret const& secret)
      : context_(context),
        opened_(opened),
        secret_(secret),
        digest_(to_hex(packed::secret_digest(opened.master, secret))),
        keys_(key_store(context)),
        records_(*context.index, context.config) {}

  Result<void> run() {
    auto list = keys_.slots(opened_.config.id, context_.stop);
    if (!list) return give_up(list.error());
    B2B_ASSIGN(auto own, own_slot(*list));
    if (!own) {
      auto const added = keys_.add_slot(opened_, secret_, context_.instance.host, context_.stop);
      if (!added) {
        if (added.error().condition == Condition::cancelled) return added.error();
        return trouble("the configured " + std::string(packed::slot_kind_name(secret_.kind)) +
                       " has no key slot in " + repository_words(context_) +
                       ", so that on a new machine it opens nothing: " + added.error().text());
      }
      log_info("the configured " + std::string(packed::slot_kind_name(secret_.kind)) +
               " got a key slot of its own, " + to_hex(added->id));
      own = added->id;
      list = keys_.slots(opened_.config.id, context_.stop);
      if (!list) return give_up(list.error());
      // Nothing goes before what replaces it is there for sure.
      KeySlot const* const standing = slot_in(*list, *own);
      if (standing == nullptr || standing->wrapped != added->wrapped)
        return trouble("the new key slot " + to_hex(*own) + " of " + repository_words(context_) +
                       " cannot be read back; it is tried again");
    }
    B2B_TRY(records_.remember({*own, digest_}));
    B2B_TRY(records_.set_problem({}));
    B2B_TRY(retire_former(*list));
    B2B_TRY(records_.set_recovery_code(list->has_recovery_code()));
    return records_.set_looked_at(context_.clock->now());
  }

 private:
  // The slot that the secret opens; derived only when nobody remembers.
  Result<std::optional<SlotId>> own_slot(SlotList const& list) {
    if (auto const tried = opened_.slots.find(0);
        tried != opened_.slots.end() && slot_in(list, tried->second) != nullptr)
      return std::optional(tried->second);
    B2B_ASSIGN(auto const remembered, records_.own_slots());
    for (auto const& own : remembered)
      if (own.secret == digest_ && slot_in(list, own.slot) != nullptr) return std::optional(own.slot);
    for (KeySlot const& slot : list.slots) {
      if (slot.kind != secret_.kind) continue;
      if (context_.stop.stop_requested())
        return make_error(Condition::cancelled, "stopped while opening the repository");
      auto const master = packed::open_slot(slot, opened_.config.id, secret_);
      if (master && equal_in_constant_time(master->bytes(), opened_.master.bytes()))
        return std::optional(slot.id);
    }
    return std::optional<SlotId>();
  }

  Result<void> retire_former(SlotList const& list) {
    B2B_ASSIGN(auto const remembered, records_.own_slots());
    for (auto const& own : remembered) {
      if (own.secret == digest_) continue;
      KeySlot const* const slot = slot_in(list, own.slot);
      if (slot == nullptr || slot->kind != SlotKind::application_key) {
        if (slot == nullptr && list.complete) B2B_TRY(records_.forget(own.slot));
        continue;
      }
      auto const removed = keys_.remove_slot(opened_.config.id, own.slot, context_.stop);
      if (!removed && removed.error().condition == Condition::cancelled) return removed.error();
      if (!removed && removed.error().condition != Condition::not_found) {
        B2B_TRY(trouble(
            "the key slot " + short_slot_id(own.slot) +
            " of this machine's former application key is still in " + repository_words(context_) +
            ", so that whoever has that key can read the backups: " + removed.error().message +
            ". Remove it with a key that may delete: daemonctl key remove " + short_slot_id(own.slot)));
        continue;
      }
      log_info("the key slot " + to_hex(own.slot) + " of this machine's former application key was removed");
      B2B_TRY(records_.forget(own.slot));
    }
    return {};
  }

  Result<void> trouble(std::string const& text) {
    log_warning(text);
    return records_.set_problem(text);
  }

  // The store did not answer: the push itself will say so when it matters.
  Result<void> give_up(Error const& error) {
    if (error.condition == Condition::cancelled) return error;
    log_warning("the key slots were not looked at: " + error.text());
    return {};
  }

  EngineContext& context_;
  packed::OpenedRepository const& opened_;
  packed::SlotSecret const& secret_;
  std::string const digest_;
  packed::KeyStore keys_;
  KeyRecords records_;
};

}  // namespace

Result<void> tend_key_slots(EngineContext& context, packed::OpenedRepository const& opened) {
  auto const secrets = configured_secrets(context.config);
  if (relied_on_setting(context.config).empty()) return {};  // decryptionKeys only open
  bool const fresh =
      !opened.slots.empty() ||
      std::find(opened.without_slot.begin(), opened.without_slot.end(), 0U) != opened.without_slot.end();
  KeyRecords const records(*context.index, context.config);
  B2B_ASSIGN(auto const looked, records.looked_at());
  TimePoint const now = context.clock->now();
  bool const due = !looked || now < *looked || now - *looked >= look_every;
  if (!fresh && !due) return {};
  return Look(context, opened, secrets.front().secret).run();
}

}  // namespace b2b
