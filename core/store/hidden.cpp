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
      told_ = false;
      return;
    }
    if (version.hide_marker || told_) return;
    bool const replaced = question_.written_once && !newest_.hide_marker && newest_.size != version.size;
    if (!newest_.hide_marker && !replaced) return;
    told_ = true;
    times_.push_back(newest_.modified);
    if (!newest_.hide_marker) return;
    ++found_.count;
    if (question_.visit) question_.visit(version.key);
  }

  HiddenObjects take() {
    if (found_.count == 0) return found_;
    std::sort(times_.begin(), times_.end(), std::greater<>());
    found_.first = found_.last = times_.front();
    for (TimePoint const time : times_) {
      if (found_.first - time > pause_between_bouts) break;
      found_.first = time;
    }
    return found_;
  }

 private:
  HiddenQuestion const& question_;
  ObjectVersion newest_;
  bool told_ = false;
  std::vector<TimePoint> times_;
  HiddenObjects found_;
};

}  // namespace

TimePoint HiddenObjects::before() const {
  return std::chrono::floor<std::chrono::milliseconds>(first) - std::chrono::milliseconds(1);
}

Result<HiddenObjects> find_hidden(Store& store, HiddenQuestion const& question, std::stop_token const& stop) {
  if (!store.traits().versioned) return HiddenObjects();
  Looks looks(question);
  for (std::string const& prefix : question.prefixes)
    B2B_TRY(store.list_versions(prefix, [&](ObjectVersion const& version) { looks.see(version); return true; }, stop));
  return looks.take();
}

Result<bool> is_hidden(Store& store, std::string const& key, std::stop_token const& stop) {
  if (!store.traits().versioned) return false;
  bool marker = false;
  bool beneath = false;
  auto const see = [&](ObjectVersion const& version) {
    if (version.key != key) return false;
    if (version.hide_marker) marker = true;
    else beneath = true;
    return marker && !beneath;  // another marker may come; an object decides
  };
  B2B_TRY(store.list_versions(key, see, stop));
  return marker && beneath;
}

}  // namespace b2b
