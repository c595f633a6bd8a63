#include "core/engine/delete_refusal.h"

#include "core/crypto/hash.h"
#include "core/util/encoding.h"

namespace b2b {
namespace {

constexpr std::chrono::hours try_again_after{7 * 24};
constexpr std::chrono::hours try_little_again_after{24};
constexpr std::string_view little_end = " little";

std::string record_key(Config const& config) {
  std::string place;
  for (std::string_view const part : {std::string_view(config.endpoint), std::string_view(config.bucket), std::string_view(config.prefix),
                                      config.key_id.reveal()})
    place += std::string(part) + "\n";
  return "deletes-refused:" + to_hex(sha256(place)).substr(0, 16);
}

}  // namespace

DeleteRefusal::DeleteRefusal(Index& index, Config const& config) : index_(index), key_(record_key(config)) {}

// "<since> <tried>", and perhaps " little"
Result<std::optional<DeleteRefusal::Times>> DeleteRefusal::times() const {
  B2B_ASSIGN(auto text, index_.value(key_));
  bool const little = text && text->ends_with(little_end);
  if (little) text->resize(text->size() - little_end.size());
  auto const space = text ? text->find(' ') : std::string::npos;
  if (space == std::string::npos) return std::optional<Times>();
  auto const since = parse_iso8601(text->substr(0, space));
  auto const tried = parse_iso8601(text->substr(space + 1));
  if (!since || !tried) return std::optional<Times>();
  return std::optional(Times{*since, *tried, little});
}

Result<std::optional<TimePoint>> DeleteRefusal::since() const {
  B2B_ASSIGN(auto const known, times());
  return known ? std::optional(known->since) : std::optional<TimePoint>();
}

Result<bool> DeleteRefusal::is_fresh(TimePoint now) const {
  B2B_ASSIGN(auto const known, times());
  return known && now >= known->tried && now - known->tried < (known->little ? try_little_again_after : try_again_after);
}

Result<bool> DeleteRefusal::refused(TimePoint now, bool little) {
  B2B_ASSIGN(auto const known, times());
  std::string const times = format_iso8601(known ? known->since : now) + " " + format_iso8601(now);
  B2B_TRY(index_.set_value(key_, times + std::string(little ? little_end : "")));
  return !known;
}

Result<void> DeleteRefusal::clear() {
  B2B_ASSIGN(auto const known, times());
  return known ? index_.clear_value(key_) : Result<void>();
}

}  // namespace b2b
