#include "core/engine/key_records.h"

#include <charconv>

#include "core/crypto/hash.h"
#include "core/util/encoding.h"

namespace b2b {
namespace {

constexpr std::string_view recovery = "recovery-code";
constexpr std::string_view looked = "looked-at";
constexpr std::string_view own = "slot:";
constexpr std::string_view trouble = "problem";

std::string place_of(Config const& config) {
  return to_hex(sha256(config.endpoint + "\n" + config.bucket + "\n" + config.prefix)).substr(0, 16);
}

}  // namespace

KeyRecords::KeyRecords(Index& index, Config const& config) : index_(index), place_(place_of(config)) {}

std::string KeyRecords::name(std::string_view what) const {
  return "packed-keys:" + place_ + ":" + std::string(what);
}

Result<std::optional<bool>> KeyRecords::recovery_code() const {
  B2B_ASSIGN(auto const known, index_.value(name(recovery)));
  return known ? std::optional(*known == "yes") : std::nullopt;
}

Result<void> KeyRecords::set_recovery_code(bool there_is_one) {
  std::string_view const value = there_is_one ? "yes" : "no";
  B2B_ASSIGN(auto const known, index_.value(name(recovery)));
  return known == value ? Result<void>() : index_.set_value(name(recovery), value);
}

Result<std::optional<TimePoint>> KeyRecords::looked_at() const {
  B2B_ASSIGN(auto const text, index_.value(name(looked)));
  std::int64_t seconds = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), seconds).ec != std::errc())
    return std::optional<TimePoint>();
  return std::optional(TimePoint(std::chrono::seconds(seconds)));
}

Result<void> KeyRecords::set_looked_at(TimePoint time) {
  auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  return index_.set_value(name(looked), std::to_string(seconds));
}

Result<std::vector<KeyRecords::OwnSlot>> KeyRecords::own_slots() const {
  std::string const prefix = name(own);
  B2B_ASSIGN(auto const records, index_.values_with_prefix(prefix));
  std::vector<OwnSlot> out;
  for (auto const& [key, secret] : records)
    if (auto const id = packed::id_from_hex<packed::SlotId>(std::string_view(key).substr(prefix.size())))
      out.push_back({*id, secret});
  return out;
}

Result<void> KeyRecords::remember(OwnSlot const& slot) {
  return index_.set_value(name(own) + to_hex(slot.slot), slot.secret);
}

Result<void> KeyRecords::forget(packed::SlotId const& slot) {
  return index_.clear_value(name(own) + to_hex(slot));
}

Result<std::string> KeyRecords::problem() const {
  B2B_ASSIGN(auto const text, index_.value(name(trouble)));
  return text.value_or(std::string());
}

Result<void> KeyRecords::set_problem(std::string const& text) {
  B2B_ASSIGN(std::string const known, problem());
  if (known == text) return {};
  return text.empty() ? index_.clear_value(name(trouble)) : index_.set_value(name(trouble), text);
}

}  // namespace b2b
