// A store that could not be opened: it has its name and answers every call with why.
#include "core/store/store.h"

namespace b2b {
namespace {

class AwayStore final : public Store {
 public:
  AwayStore(std::string name, Error why) : why_(std::move(why)) { traits_.name = std::move(name); }
  StoreTraits const& traits() const override { return traits_; }
  Result<ObjectInfo> put(std::string const&, ByteSource const&, std::stop_token const&) override { return why_; }
  Result<ObjectInfo> get(std::string const&, std::optional<ByteRange>, ByteSink&, std::stop_token const&) override { return why_; }
  Result<ObjectInfo> head(std::string const&, std::stop_token const&) override { return why_; }
  Result<ObjectInfo> get_version(ObjectVersion const&, std::optional<ByteRange>, ByteSink&, std::stop_token const&) override { return why_; }
  Result<void> list(ListOptions const&, std::function<bool(ListEntry const&)> const&, std::stop_token const&) override { return why_; }
  Result<void> list_versions(std::string const&, std::function<bool(ObjectVersion const&)> const&, std::stop_token const&) override {
    return why_;
  }
  Result<void> copy(std::string const&, std::string const&, std::uint64_t, std::stop_token const&) override { return why_; }
  Result<void> remove_versions(std::span<ObjectVersion const>, std::stop_token const&) override { return why_; }
  Result<void> flush(std::stop_token const&) override { return why_; }
  Result<std::uint64_t> remove_unfinished(std::string const&, std::uint64_t, std::stop_token const&) override { return why_; }
  Result<TimePoint> now(std::stop_token const&) override { return why_; }
  StoreCounters counters() const override { return {}; }

 private:
  StoreTraits traits_;
  Error why_;
};

}  // namespace

std::unique_ptr<Store> make_away_store(std::string name, Error why) {
  return std::make_unique<AwayStore>(std::move(name), std::move(why));
}

}  // namespace b2b
