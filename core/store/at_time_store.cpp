#include "core/store/at_time_store.h"

#include <map>
#include <mutex>

#include "core/store/call_checks.h"
#include "core/util/encoding.h"

namespace b2b {
namespace {

constexpr std::size_t versions_kept = 8192;
constexpr std::chrono::minutes clock_grain{1};  // a store tells whole seconds, and a person's clock may be ahead of it

// From all versions, in the order of list_versions(), to the one of each key that counted at that moment; nothing for keys that had none, or
// a hide marker, then.
class Picker {
 public:
  explicit Picker(TimePoint at) : at_(at) {}

  // Is `version` the one of its key that counted?
  bool takes(ObjectVersion const& version) {
    if (version.key == decided_ || version.modified > at_) return false;
    decided_ = version.key;  // newest first within a key: older ones count no more
    return !version.hide_marker;
  }

 private:
  TimePoint at_;
  std::string decided_;
};

ObjectInfo info_of(ObjectVersion const& version) { return {version.key, version.size, {}, version.modified}; }

class AtTimeStore final : public Store {
 public:
  AtTimeStore(std::shared_ptr<Store> inner, TimePoint at) : inner_(std::move(inner)), at_(at), traits_(inner_->traits()) {
    traits_.name += " as of " + format_iso8601(at);
    traits_.versioned = false;
    traits_.copy_is_free = false;
  }

  StoreTraits const& traits() const override { return traits_; }

  Result<ObjectInfo> get(std::string const& key, std::optional<ByteRange> range, ByteSink& sink, std::stop_token const& stop) override {
    B2B_ASSIGN(ObjectVersion const version, version_of("read", key, stop));
    B2B_ASSIGN(ObjectInfo info, inner_->get_version(version, range, sink, stop));
    info.modified = version.modified;  // the list tells it more exactly
    return info;
  }

  Result<ObjectInfo> head(std::string const& key, std::stop_token const& stop) override {
    B2B_ASSIGN(ObjectVersion const version, version_of("look at", key, stop));
    return info_of(version);
  }

  Result<void> list(ListOptions const& options, std::function<bool(ListEntry const&)> const& visit, std::stop_token const& stop) override {
    Picker picker(at_);
    std::string group;
    auto const see = [&](ObjectVersion const& version) {
      if (!picker.takes(version)) return true;
      remember(version);
      auto const slash = options.delimiter ? version.key.find('/', options.prefix.size()) : std::string::npos;
      ListEntry entry;
      entry.is_prefix = slash != std::string::npos;
      entry.object = info_of(version);
      if (entry.is_prefix) {
        entry.object = {};
        entry.object.key = version.key.substr(0, slash + 1);
        if (entry.object.key == group) return true;
        group = entry.object.key;
      }
      if (entry.object.key <= options.start_after) return true;
      return visit(entry);
    };
    return inner_->list_versions(options.prefix, see, stop);
  }

  Result<void> list_versions(std::string const& prefix, std::function<bool(ObjectVersion const&)> const& visit, std::stop_token const& stop) override {
    Picker picker(at_);
    return inner_->list_versions(prefix, [&](ObjectVersion const& version) { return !picker.takes(version) || visit(version); }, stop);
  }

  Result<ObjectInfo> get_version(ObjectVersion const& version, std::optional<ByteRange> range, ByteSink& sink, std::stop_token const& stop) override {
    return inner_->get_version(version, range, sink, stop);
  }

  Result<ObjectInfo> put(std::string const& key, ByteSource const&, std::stop_token const&) override { return read_only(key); }
  Result<void> copy(std::string const&, std::string const& to, std::uint64_t, std::stop_token const&) override { return read_only(to); }
  Result<void> remove_versions(std::span<ObjectVersion const> versions, std::stop_token const&) override {
    return read_only(versions.empty() ? std::string() : versions.front().key);
  }
  Result<std::uint64_t> remove_unfinished(std::string const& prefix, std::uint64_t, std::stop_token const&) override { return read_only(prefix); }
  Result<void> flush(std::stop_token const& stop) override { return check_stop(stop, "flush", traits_.name); }

  Result<TimePoint> now(std::stop_token const& stop) override {
    B2B_TRY(check_stop(stop, "ask the time of", traits_.name));
    return at_;
  }

  StoreCounters counters() const override { return inner_->counters(); }

 private:
  Error read_only(std::string const& key) const {
    return make_error(Condition::refused, "nothing is changed in " + traits_.name + ": it is only read as it was then", {}, key);
  }

  Result<ObjectVersion> version_of(std::string_view doing, std::string const& key, std::stop_token const& stop) {
    B2B_TRY(check_key(doing, key));
    {
      std::scoped_lock lock(mutex_);
      if (auto const known = versions_.find(key); known != versions_.end()) return known->second;
    }
    Picker picker(at_);
    std::optional<ObjectVersion> found;
    auto const see = [&](ObjectVersion const& version) {
      if (version.key != key) return false;  // the key itself is the first of all that begin with it
      if (picker.takes(version)) found = version;
      return !found;
    };
    B2B_TRY(inner_->list_versions(key, see, stop));
    if (!found) return no_such_object(traits_.name, key);
    remember(*found);
    return *found;
  }

  void remember(ObjectVersion const& version) {
    std::scoped_lock lock(mutex_);
    if (versions_.size() >= versions_kept) versions_.clear();
    versions_[version.key] = version;
  }

  std::shared_ptr<Store> const inner_;
  TimePoint const at_;
  StoreTraits traits_;
  std::mutex mutex_;
  std::map<std::string, ObjectVersion> versions_;
};

}  // namespace

Result<std::shared_ptr<Store>> make_at_time_store(std::shared_ptr<Store> store, TimePoint at, std::stop_token const& stop) {
  if (!store->traits().versioned)
    return make_error(Condition::unsupported, store->traits().name + " keeps no older versions, so it cannot be read as it was at an earlier time",
                      "Leave out --at. A copy of that directory from then, out of another backup, can be configured as endpoint");
  B2B_ASSIGN(TimePoint const now, store->now(stop));
  if (at > now + clock_grain)
    return make_error(Condition::usage, format_iso8601(at) + " lies in the future: the store's clock says " + format_iso8601(now), "Name a time that has been");
  return std::shared_ptr<Store>(std::make_shared<AtTimeStore>(std::move(store), at));
}

}  // namespace b2b
