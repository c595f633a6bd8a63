#include "core/engine/key_slots.h"

#include <algorithm>

#include "core/engine/key_records.h"
#include "core/engine/packed_keys.h"
#include "core/packed/key_file.h"
#include "core/util/encoding.h"

namespace b2b {
namespace {

using packed::KeySlot;
using packed::SlotId;
using packed::SlotKind;
using packed::SlotList;
using packed::SlotSecret;

constexpr std::size_t least_digits = 4;

Error no_repository(EngineContext const& context) {
  return make_error(Condition::not_found,
                    "there is no repository of the packed layout " + repository_words(context),
                    "The first push with layout: \"packed\" makes it. If there should be one, compare bucket "
                    "and prefix: daemonctl config show");
}

Result<packed::RepositoryConfig> standing_config(EngineContext& context) {
  B2B_ASSIGN(auto const config, key_store(context).config(context.stop));
  if (!config) return no_repository(context);
  return *config;
}

Result<packed::OpenedRepository> opened_repository(EngineContext& context) {
  B2B_ASSIGN(auto opened, open_repository_keys(context));
  if (!opened) return no_repository(context);
  return std::move(*opened);
}

// Whether there is a recovery code is known by every list.
Result<SlotList> slots_of(EngineContext& context, packed::RepositoryId const& repository) {
  B2B_ASSIGN(auto list, key_store(context).slots(repository, context.stop));
  B2B_TRY(KeyRecords(*context.index, context.config).set_recovery_code(list.has_recovery_code()));
  return list;
}

bool opens(KeySlot const& slot, SlotSecret const& secret) {
  return slot.kind == secret.kind && packed::open_slot(slot, slot.repository, secret).has_value();
}

Error stopped() {
  return make_error(Condition::cancelled, "interrupted");
}

// The slot as it stands in the store, or an error: nothing is removed before that.
Result<void> read_back(EngineContext& context, KeySlot const& added, SlotList& list) {
  B2B_ASSIGN(list, slots_of(context, added.repository));
  for (KeySlot const& slot : list.slots)
    if (slot.id == added.id && slot.wrapped == added.wrapped) return {};
  return make_error(Condition::corrupt,
                    "the new key slot " + short_slot_id(added.id) + " cannot be read back from " +
                        repository_words(context),
                    "The old ones are still there. Try again");
}

// Slots that are not needed any more. What goes wrong from here on is told and stops nothing: the new slot
// counts already.
void remove_slots(EngineContext& context, packed::RepositoryId const& repository,
                  std::vector<SlotId> const& ids, SlotExchange& out) {
  KeyRecords records(*context.index, context.config);
  packed::KeyStore keys = key_store(context);
  for (SlotId const& id : ids) {
    auto const removed = keys.remove_slot(repository, id, context.stop);
    if (!removed && removed.error().condition != Condition::not_found) {
      out.problems.push_back("the old key slot " + short_slot_id(id) +
                             " is still there and still opens the backups: " + removed.error().message +
                             ". Remove it with a key that may delete: daemonctl key remove " +
                             short_slot_id(id));
      continue;
    }
    if (auto const forgotten = records.forget(id); !forgotten)
      out.problems.push_back(forgotten.error().text());
    out.removed.push_back(id);
  }
}

}  // namespace

std::string short_slot_id(SlotId const& id) {
  return to_hex(id).substr(0, 8);
}

Result<SlotListing> list_key_slots(EngineContext& context) {
  B2B_ASSIGN(auto const config, standing_config(context));
  B2B_ASSIGN(auto list, slots_of(context, config.id));
  auto const secrets = configured_secrets(context.config);
  SlotListing out;
  out.repository = repository_words(context);
  out.has_recovery_code = list.has_recovery_code();
  out.problems = std::move(list.problems);
  std::string const key_file = key_file_path(context);
  out.key_is_here = !key_file.empty() && packed::read_key_file(key_file, config.id).has_value();
  for (KeySlot& slot : list.slots) {
    SlotView view{std::move(slot), {}};
    for (ConfiguredSecret const& configured : secrets) {
      if (context.stop.stop_requested()) return stopped();
      if (!opens(view.slot, configured.secret)) continue;
      view.opened_by = configured.setting;
      break;
    }
    out.slots.push_back(std::move(view));
  }
  return out;
}

Result<SlotId> find_slot(SlotListing const& listing, std::string_view beginning) {
  bool const hex = beginning.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (!hex || beginning.size() < least_digits)
    return make_error(Condition::usage,
                      "\"" + printable(beginning.substr(0, 100)) + "\" is not the beginning of a slot's id",
                      "daemonctl key list shows the ids; at least 4 of their digits are needed");
  std::vector<SlotId> found;
  for (SlotView const& view : listing.slots)
    if (to_hex(view.slot.id).starts_with(beginning)) found.push_back(view.slot.id);
  if (found.size() == 1) return found.front();
  if (found.empty())
    return make_error(Condition::not_found,
                      listing.repository + " has no key slot " + std::string(beginning.substr(0, 32)),
                      "daemonctl key list shows which there are");
  return make_error(Condition::usage,
                    std::to_string(found.size()) + " key slots begin with " + std::string(beginning),
                    "Give more of its digits");
}

Result<KeySlot> add_key_slot(EngineContext& context, SlotSecret const& secret, std::string const& label) {
  B2B_ASSIGN(auto const opened, opened_repository(context));
  B2B_ASSIGN(auto const list, slots_of(context, opened.config.id));
  for (KeySlot const& slot : list.slots) {
    if (context.stop.stop_requested()) return stopped();
    if (opens(slot, secret))
      return make_error(Condition::refused, "it opens " + repository_words(context) +
                                                " already, with the key slot " + short_slot_id(slot.id));
  }
  return key_store(context).add_slot(opened, secret, label, context.stop);
}

Result<void> remove_key_slot(EngineContext& context, SlotId const& id) {
  B2B_ASSIGN(auto const config, standing_config(context));
  B2B_TRY(key_store(context).remove_slot(config.id, id, context.stop));
  KeyRecords records(*context.index, context.config);
  B2B_TRY(records.forget(id));
  B2B_ASSIGN(auto const left, slots_of(context, config.id));
  return left.slots.empty()
             ? Result<void>(make_error(
                   Condition::corrupt, repository_words(context) + " has no key slot any more",
                   "Another machine removed one at the same moment. Add one now: daemonctl key recovery"))
             : Result<void>();
}

Result<SlotExchange> rewrap_key_slots(EngineContext& context) {
  B2B_ASSIGN(auto const opened, opened_repository(context));
  B2B_ASSIGN(auto list, slots_of(context, opened.config.id));
  KeyRecords records(*context.index, context.config);
  packed::KeyStore keys = key_store(context);
  SlotExchange out;
  auto const secrets = configured_secrets(context.config);
  std::vector<SlotId> done;
  for (std::size_t i = 0; i < secrets.size(); ++i) {
    std::vector<SlotId> former;
    std::string label = context.instance.host;
    for (KeySlot const& slot : list.slots) {
      if (context.stop.stop_requested()) return stopped();
      bool const ours =
          std::find(done.begin(), done.end(), slot.id) == done.end() && opens(slot, secrets[i].secret);
      if (!ours) continue;
      if (former.empty()) label = slot.label;
      former.push_back(slot.id);
    }
    bool const relied_on = i == 0 && !relied_on_setting(context.config).empty();
    if (former.empty() && !relied_on) continue;
    B2B_ASSIGN(KeySlot const added, keys.add_slot(opened, secrets[i].secret, label, context.stop));
    out.made.push_back(added.id);
    done.push_back(added.id);
    if (relied_on)
      B2B_TRY(records.remember({added.id, to_hex(packed::secret_digest(opened.master, secrets[i].secret))}));
    B2B_TRY(read_back(context, added, list));
    remove_slots(context, opened.config.id, former, out);
    done.insert(done.end(), former.begin(), former.end());
  }
  return out;
}

Result<SlotExchange> replace_recovery_code(EngineContext& context, Secret const& code) {
  B2B_ASSIGN(auto const opened, opened_repository(context));
  B2B_ASSIGN(auto list, slots_of(context, opened.config.id));
  std::vector<SlotId> former;  // not what another machine makes at this moment
  for (KeySlot const& slot : list.slots)
    if (slot.kind == SlotKind::recovery) former.push_back(slot.id);
  B2B_ASSIGN(KeySlot const added, key_store(context).add_slot(opened, {SlotKind::recovery, code},
                                                              context.instance.host, context.stop));
  SlotExchange out;
  out.made.push_back(added.id);
  B2B_TRY(read_back(context, added, list));
  remove_slots(context, opened.config.id, former, out);
  return out;
}

Result<KeySlot> open_key_slot(EngineContext& context, SlotSecret const& secret) {
  std::string const path = key_file_path(context);
  if (path.empty())
    return make_error(Condition::bad_config,
                      "the key would become part of the snapshots: dataDir lies in the state directory",
                      "Set dataDir to a directory outside of it");
  B2B_ASSIGN(auto const config, standing_config(context));
  B2B_ASSIGN(auto const list, slots_of(context, config.id));
  std::string of_its_kind;
  for (KeySlot const& slot : list.slots) {
    if (slot.kind != secret.kind) continue;
    if (context.stop.stop_requested()) return stopped();
    auto const master = packed::open_slot(slot, config.id, secret);
    if (master) {
      auto file = packed::read_key_file(path, config.id);
      if (file && !equal_in_constant_time(file->master.bytes(), master->bytes()))
        return make_error(Condition::corrupt,
                          "the key slot " + short_slot_id(slot.id) + " of " + repository_words(context) +
                              " holds another key than the one this machine has",
                          "It was put there by somebody else: remove it, and keep " + path);
      if (!file) {
        file.emplace();
        file->repository = config.id;
        file->master = *master;
      }
      B2B_TRY(packed::write_key_file(path, *file));
      return slot;
    }
    if (master.error().condition != Condition::wrong_key) return master.error();
    of_its_kind += (of_its_kind.empty() ? "" : ", ") + format_iso8601(slot.created).substr(0, 10) +
                   (slot.label.empty() ? "" : " (" + printable(slot.label) + ")");
  }
  bool const code = secret.kind == SlotKind::recovery;
  std::string const what = code ? "recovery code" : "passphrase";
  std::string message = "this " + what + " does not open " + repository_words(context);
  message +=
      of_its_kind.empty() ? ": there is no " + what + " for it" : "; it has one made on " + of_its_kind;
  return make_error(
      Condition::wrong_key, std::move(message),
      code ? "A newer code replaces the older ones: look for a later paper. Any other secret of this "
             "repository opens it as well: the "
             "application key or encryptionKey of a machine that pushes to it, in the configuration"
           : "Capitals and blanks count. Any other secret of this repository opens it as well");
}

}  // namespace b2b
