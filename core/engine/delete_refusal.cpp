#include "core/engine/delete_refusal.h"

#include "core/crypto/hash.h"
#include "core/util/encoding.h"

namespace b2b {
namespace {

constexpr std::chrono::hours try_again_after{7 * 24};

std::string record_key(Config const& config) {
  std::string place;
  for (std::string_view const part : {std::string_view(config.endpoint), std::string_view(config.bucket), std::string_view(config.prefix),
                                      config.key_id.reveal()})
    place += std::string(part) + "\n";
  return "deletes-refused:" + to_hex(sha256(place)).substr(0, 16);
}

}  // namespace

DeleteRefusal::DeleteRefusal(Index& index, Config const& config) : index_(index), key_(record_key(config)) {}

// "<since> <tried>"
Result<std::optional<DeleteRefusal::Times>> DeleteRefusal::times() const {
  B2B_ASSIGN(auto const text, index_.value(key_));
  auto const space = text ? text->find(' ') : std::string::npos;
  if (space == std::string::npos) return std::optional<Times>();
  auto const since = parse_iso8601(text->substr(0, space));
  auto const tried = parse_iso8601(text->substr(space + 1));
  if (!since || !tried) return std::optional<Times>();
  return std::optional(Times{*since, *tried});
}

Result<std::optional<TimePoint>> DeleteRefusal::since() const {
  B2B_ASSIGN(auto const known, times());
  return known ? std::optional(known->since) : std::optional<TimePoint>();
}

Result<bool> DeleteRefusal::is_fresh(TimePoint now) const {
  B2B_ASSIGN(auto const known, times());
  return known && now >= known->tried && now - known->tried < try_again_after;
}

Result<bool> DeleteRefusal::refused(TimePoint now) {
  B2B_ASSIGN(auto const known, times());
  B2B_TRY(index_.set_value(key_, format_iso8601(known ? known->since : now) + " " + format_iso8601(now)));
  return !known;
}

Result<void> DeleteRefusal::deleted() {
  B2B_ASSIGN(auto const known, times());
  return known ? index_.clear_value(key_) : Result<void>();
}

}  // namespace b2b
