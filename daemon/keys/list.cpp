// key list, remove and rewrap.
#include <algorithm>

#include <boost/json.hpp>

#include "core/engine/key_slots.h"
#include "core/engine/packed_keys.h"
#include "core/util/encoding.h"
#include "daemon/jobs/answers.h"
#include "daemon/keys/exchange.h"
#include "daemon/keys/verbs.h"

namespace b2b::daemonctl {
namespace {

namespace json = boost::json;

std::string kind_words(packed::SlotKind kind) {
  switch (kind) {
    case packed::SlotKind::application_key:
      return "application key";
    case packed::SlotKind::passphrase:
      return "passphrase";
    case packed::SlotKind::recovery:
      return "recovery code";
  }
  return {};
}

json::object slot_answer(SlotView const& view) {
  return {{"id", to_hex(view.slot.id)},
          {"kind", packed::slot_kind_name(view.slot.kind)},
          {"label", view.slot.label},
          {"created", format_iso8601(view.slot.created)},
          {"opensWith", view.opened_by.empty() ? json::value(nullptr) : json::value(view.opened_by)}};
}

std::string row(SlotView const& view) {
  std::string kind = kind_words(view.slot.kind);
  kind.resize(17, ' ');
  std::string out = "  " + short_slot_id(view.slot.id) + "  " + kind +
                    format_iso8601(view.slot.created).substr(0, 10) + "  " + printable(view.slot.label);
  if (!view.opened_by.empty()) out += "  (opens with the configured " + std::string(view.opened_by) + ")";
  return out;
}

bool opens_one(SlotListing const& listing, std::string_view setting) {
  return std::any_of(listing.slots.begin(), listing.slots.end(),
                     [&](SlotView const& view) { return view.opened_by == setting; });
}

void print(Console& console, Config const& config, SlotListing const& listing) {
  console.result(printable(listing.repository) + " opens with:");
  for (SlotView const& view : listing.slots)
    console.result(row(view));
  for (std::string const& problem : listing.problems)
    console.warn(printable(problem));
  std::string_view const needed = relied_on_setting(config);
  if (!needed.empty() && !opens_one(listing, needed)) {
    if (listing.key_is_here)
      console.result("The configured " + std::string(needed) +
                     " opens none of them. This machine keeps the key, and its next push adds a slot");
    else
      console.result("The configured " + std::string(needed) +
                     " opens none of them, and this machine does not have the key: daemonctl key open");
  }
  if (!listing.has_recovery_code) console.result("There is no recovery code yet: daemonctl key recovery");
}

// What somebody should know before this slot goes.
std::vector<std::string> warnings_before(SlotListing const& listing, SlotView const& view,
                                         Config const& config) {
  std::vector<std::string> out;
  if (!view.opened_by.empty()) {
    std::string text = "the configured " + std::string(view.opened_by) + " opens this slot";
    if (view.opened_by == relied_on_setting(config))
      text += "; as long as it is configured, the next push makes a new slot for it";
    out.push_back(std::move(text));
  }
  auto const codes = std::count_if(listing.slots.begin(), listing.slots.end(), [](SlotView const& each) {
    return each.slot.kind == packed::SlotKind::recovery;
  });
  if (view.slot.kind == packed::SlotKind::recovery && codes == 1)
    out.emplace_back(
        "it is the only recovery code: without it the backups depend on the other secrets alone");
  return out;
}

}  // namespace

int finish_exchange(Console& console, SlotExchange const& done, json::object answer) {
  json::array made;
  json::array removed;
  for (packed::SlotId const& id : done.made)
    made.emplace_back(to_hex(id));
  for (packed::SlotId const& id : done.removed)
    removed.emplace_back(to_hex(id));
  answer["made"] = std::move(made);
  answer["removed"] = std::move(removed);
  answer["problems"] = jobs::texts_answer(done.problems);
  if (!console.json())
    for (std::string const& problem : done.problems)
      console.warn(printable(problem));
  constexpr int incomplete = 3;
  return console.succeed(std::move(answer), done.problems.empty() ? 0 : incomplete);
}

int run_verb(Session& session, KeyListArguments const&) {
  Console& console = session.console;
  auto context = open_session_engine(session);
  if (!context) return console.fail(context.error());
  auto const listing = list_key_slots(*context);
  if (!listing) return console.fail(listing.error());
  if (!console.json()) print(console, context->config, *listing);
  json::array slots;
  for (SlotView const& view : listing->slots)
    slots.push_back(slot_answer(view));
  return console.succeed({{"repository", listing->repository},
                          {"slots", std::move(slots)},
                          {"problems", jobs::texts_answer(listing->problems)},
                          {"recoveryCode", listing->has_recovery_code},
                          {"keyIsHere", listing->key_is_here}},
                         0);
}

int run_verb(Session& session, KeyRemoveArguments const& arguments) {
  Console& console = session.console;
  auto context = open_session_engine(session);
  if (!context) return console.fail(context.error());
  auto const listing = list_key_slots(*context);
  if (!listing) return console.fail(listing.error());
  auto const id = find_slot(*listing, arguments.slot);
  if (!id) return console.fail(id.error());
  auto const view = std::find_if(listing->slots.begin(), listing->slots.end(),
                                 [&](SlotView const& each) { return each.slot.id == *id; });
  auto const warnings = warnings_before(*listing, *view, context->config);
  bool const last = listing->slots.size() == 1;  // which is refused: nothing to ask
  if (!console.json() && !last) {
    console.line(row(*view));
    for (std::string const& warning : warnings)
      console.warn(warning);
  }
  if (!arguments.yes && !last) {
    if (!console.can_ask())
      return console.fail(make_error(Condition::refused,
                                     "a key slot that was removed cannot be brought back, and there is "
                                     "nobody to ask; nothing was changed",
                                     "daemonctl key remove " + short_slot_id(*id) + " --yes does not ask"));
    auto const asker = setup::terminal_asker(true, session.stop);
    auto const sure = setup::confirm(*asker, "Remove it? What it was for opens the backups no more.", false);
    if (!sure) return console.fail(sure.error());
    if (!*sure) {
      console.warn("nothing was changed");
      return exit_code_of(Condition::refused);
    }
  }
  if (auto const removed = remove_key_slot(*context, *id); !removed) return console.fail(removed.error());
  console.line("The key slot " + short_slot_id(*id) + " is gone.");
  console.line(
      "  Who kept a copy of the slot and knows its secret, or has the key of a machine that pushed, can "
      "still read what they can get at.");
  return console.succeed({{"slot", to_hex(*id)}, {"warnings", jobs::texts_answer(warnings)}}, 0);
}

int run_verb(Session& session, KeyRewrapArguments const&) {
  Console& console = session.console;
  auto context = open_session_engine(session);
  if (!context) return console.fail(context.error());
  auto const done = rewrap_key_slots(*context);
  if (!done) return console.fail(done.error());
  console.line(
      std::to_string(done->made.size()) + (done->made.size() == 1 ? " key slot was" : " key slots were") +
      " made anew for the configured secrets" + (done->problems.empty() ? "; the old ones are gone." : "."));
  return finish_exchange(console, *done, {});
}

}  // namespace b2b::daemonctl
