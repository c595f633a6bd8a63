#include "core/store/hidden.h"

#include <algorithm>

namespace b2b {
namespace {

constexpr std::chrono::hours pause_between_bouts{1};

// Takes the versions of one key after the other, each newest first.
class Looks {
 public:
  explicit Looks(HiddenQuestion const& question) : question_(question) {}

  void see(ObjectVersion const& version) {
    if (version.key != newest_.key) {
      newest_ = version;
      hidden_ = version.modified;
      told_ = false;
      return;
    }
    if (told_) return;
    if (version.hide_marker) {
      if (newest_.hide_marker) hidden_ = version.modified;  // several, one over the other: the first of them did it
      return;
    }
    bool const replaced = question_.written_once && !newest_.hide_marker && newest_.size != version.size;
    if (!newest_.hide_marker && !replaced) return;
    told_ = true;
    times_.push_back(hidden_);
    if (newest_.hide_marker && (!question_.counts || question_.counts(version.key))) counting_.push_back(hidden_);
  }

  HiddenObjects take() {
    HiddenObjects found;
    if (counting_.empty()) return found;
    found.count = counting_.size();
    found.first = found.last = *std::max_element(counting_.begin(), counting_.end());
    std::sort(times_.begin(), times_.end(), std::greater<>());
    for (TimePoint const time : times_) {
      if (time > found.last) continue;
      if (found.first - time > pause_between_bouts) break;
      found.first = time;
    }
    found.in_bout = static_cast<std::uint64_t>(std::count_if(counting_.begin(), counting_.end(), [&](TimePoint time) { return time >= found.first; }));
    return found;
  }

 private:
  HiddenQuestion const& question_;
  ObjectVersion newest_;
  TimePoint hidden_{};   // that key: its newest version, or the first of the markers over what is beneath
  bool told_ = false;
  std::vector<TimePoint> times_;
  std::vector<TimePoint> counting_;
};

}  // namespace

TimePoint moment_before(TimePoint hidden) { return std::chrono::floor<std::chrono::milliseconds>(hidden) - std::chrono::milliseconds(1); }

TimePoint HiddenObjects::before() const { return moment_before(first); }

Result<HiddenObjects> find_hidden(Store& store, HiddenQuestion const& question, std::stop_token const& stop) {
  if (!store.traits().versioned) return HiddenObjects();
  Looks looks(question);
  for (std::string const& prefix : question.prefixes)
    B2B_TRY(store.list_versions(prefix, [&](ObjectVersion const& version) { looks.see(version); return true; }, stop));
  return looks.take();
}

Result<std::optional<TimePoint>> hidden_since(Store& store, std::string const& key, std::stop_token const& stop) {
  std::optional<TimePoint> marker;
  bool beneath = false;
  if (!store.traits().versioned) return marker;
  auto const see = [&](ObjectVersion const& version) {
    if (version.key != key) return false;
    if (version.hide_marker) marker = version.modified;
    else beneath = true;
    return !beneath;  // another marker may come; an object decides
  };
  B2B_TRY(store.list_versions(key, see, stop));
  return beneath ? marker : std::nullopt;
}

}  // namespace b2b
