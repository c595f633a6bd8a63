// A store in memory, for tests and simulations. Bodies are shared and immutable, so that the lock is held
// only to look things up; visitors and sinks are called without it and may call the store again.
#include "core/store/memory_store.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <mutex>

#include "core/store/call_checks.h"
#include "core/store/store.h"
#include "core/util/encoding.h"

namespace b2b {
namespace {

constexpr std::size_t buffer_bytes = 64 << 10;
constexpr std::size_t list_page = 1000;

struct Version {
  std::string id;
  std::shared_ptr<std::string const> body;  // null: a hide marker
  TimePoint modified{};
};

using Versions = std::deque<Version>;  // newest first, never empty

// The first text that sorts after everything below the folder "a/b/".
std::string past_folder(std::string folder) {
  folder.back() = '/' + 1;
  return folder;
}

class MemoryStore final : public Store {
 public:
  MemoryStore(Clock& clock, bool versioned) : clock_(clock) {
    traits_.name = "the memory store";
    traits_.transfers = 4;
    traits_.versioned = versioned;
    traits_.copy_is_free = true;
  }

  StoreTraits const& traits() const override { return traits_; }

  Result<ObjectInfo> put(std::string const& key, ByteSource const& body,
                         std::stop_token const& stop) override {
    B2B_TRY(begin("store", key, stop));
    B2B_ASSIGN(auto const reader, body.open());
    auto bytes = std::make_shared<std::string>();
    // Room for a byte more than announced, to see a body that grew.
    std::vector<std::uint8_t> buffer(
        static_cast<std::size_t>(std::min<std::uint64_t>(body.size(), buffer_bytes - 1)) + 1);
    while (true) {
      B2B_TRY(check_stop(stop, "store", key));
      B2B_ASSIGN(std::size_t const got, reader->read(buffer));
      bytes->append(as_text(std::span(buffer).first(got)));
      if (bytes->size() > body.size() || got < buffer.size()) break;
    }
    if (bytes->size() != body.size()) return body_changed(key, body.size(), bytes->size());
    bytes_sent_ += bytes->size();
    return insert(key, std::move(bytes));
  }

  Result<ObjectInfo> get(std::string const& key, std::optional<ByteRange> range, ByteSink& sink,
                         std::stop_token const& stop) override {
    B2B_TRY(begin("read", key, stop));
    B2B_ASSIGN(Version const version, newest(key));
    return send(key, version, range, sink, stop);
  }

  Result<ObjectInfo> get_version(ObjectVersion const& wanted, std::optional<ByteRange> range, ByteSink& sink,
                                 std::stop_token const& stop) override {
    if (!traits_.versioned) return Store::get_version(wanted, range, sink, stop);
    B2B_TRY(begin("read", wanted.key, stop));
    B2B_ASSIGN(Version const version, version_called(wanted.key, wanted.version_id));
    return send(wanted.key, version, range, sink, stop);
  }

  void hide(std::string const& key) {
    std::scoped_lock lock(mutex_);
    B2B_ASSERT(traits_.versioned);
    objects_[key].push_front({"v" + std::to_string(++last_version_), nullptr, clock_.now()});
  }

  Result<ObjectInfo> head(std::string const& key, std::stop_token const& stop) override {
    B2B_TRY(begin("look up", key, stop));
    B2B_ASSIGN(Version const version, newest(key));
    return info_of(key, version);
  }

  Result<void> list(ListOptions const& options, std::function<bool(ListEntry const&)> const& visit,
                    std::stop_token const& stop) override {
    ++requests_;
    B2B_TRY(check_stop(stop, "list", options.prefix));
    std::string from = std::max(options.prefix, options.start_after);
    while (true) {
      std::vector<ListEntry> const page = list_from(options, from);
      if (page.empty()) return {};
      for (ListEntry const& entry : page) {
        B2B_TRY(check_stop(stop, "list", options.prefix));
        if (!visit(entry)) return {};
      }
      ListEntry const& last = page.back();
      from = last.is_prefix ? past_folder(last.object.key) : last.object.key + '\0';
    }
  }

  Result<void> list_versions(std::string const& prefix,
                             std::function<bool(ObjectVersion const&)> const& visit,
                             std::stop_token const& stop) override {
    ++requests_;
    B2B_TRY(check_stop(stop, "list the versions of", prefix));
    std::string from = prefix;
    while (true) {
      std::vector<ObjectVersion> const page = versions_from(prefix, from);
      if (page.empty()) return {};
      for (ObjectVersion const& version : page) {
        B2B_TRY(check_stop(stop, "list the versions of", prefix));
        if (!visit(version)) return {};
      }
      from = page.back().key + '\0';
    }
  }

  Result<void> copy(std::string const& from, std::string const& to, std::uint64_t expected_size,
                    std::stop_token const& stop) override {
    B2B_TRY(check_key("copy to", to));
    B2B_TRY(begin("copy", from, stop));
    B2B_ASSIGN(Version const source, newest(from));
    if (source.body->size() != expected_size)
      return copy_source_changed(from, expected_size, source.body->size());
    insert(to, source.body);
    return {};
  }

  Result<void> remove_versions(std::span<ObjectVersion const> versions,
                               std::stop_token const& stop) override {
    for (ObjectVersion const& version : versions)
      B2B_TRY(check_key("remove", version.key));
    ++requests_;
    for (ObjectVersion const& version : versions) {
      B2B_TRY(check_stop(stop, "remove", version.key));
      std::scoped_lock lock(mutex_);
      auto const found = objects_.find(version.key);
      if (found == objects_.end()) continue;
      if (traits_.versioned)
        std::erase_if(found->second, [&](Version const& kept) { return kept.id == version.version_id; });
      else
        found->second.clear();
      if (found->second.empty()) objects_.erase(found);
    }
    return {};
  }

  Result<void> flush(std::stop_token const& stop) override { return check_stop(stop, "flush", traits_.name); }

  Result<std::uint64_t> remove_unfinished(std::string const& prefix, std::uint64_t,
                                          std::stop_token const& stop) override {
    ++requests_;
    B2B_TRY(check_stop(stop, "remove unfinished objects under", prefix));
    return std::uint64_t{0};  // a put that fails leaves nothing here
  }

  Result<TimePoint> now(std::stop_token const& stop) override {
    B2B_TRY(check_stop(stop, "ask the time of", traits_.name));
    return clock_.now();
  }

  StoreCounters counters() const override { return {requests_, 0, bytes_sent_, bytes_received_}; }

 private:
  Result<ObjectInfo> send(std::string const& key, Version const& version, std::optional<ByteRange> range, ByteSink& sink,
                          std::stop_token const& stop) {
    std::span<std::uint8_t const> rest = as_bytes(*version.body);
    if (range) {
      rest = rest.subspan(static_cast<std::size_t>(std::min<std::uint64_t>(range->offset, rest.size())));
      rest = rest.first(static_cast<std::size_t>(std::min<std::uint64_t>(range->length, rest.size())));
    }
    while (!rest.empty()) {
      B2B_TRY(check_stop(stop, "read", key));
      auto const piece = rest.first(std::min(rest.size(), buffer_bytes));
      B2B_TRY(sink.write(piece));
      bytes_received_ += piece.size();
      rest = rest.subspan(piece.size());
    }
    return info_of(key, version);
  }

  Result<void> begin(std::string_view doing, std::string const& key, std::stop_token const& stop) {
    B2B_TRY(check_key(doing, key));
    ++requests_;
    return check_stop(stop, doing, key);
  }

  ObjectInfo insert(std::string const& key, std::shared_ptr<std::string const> body) {
    std::scoped_lock lock(mutex_);
    Version version;
    version.body = std::move(body);
    version.modified = clock_.now();
    if (traits_.versioned) version.id = "v" + std::to_string(++last_version_);
    Versions& versions = objects_[key];
    if (!traits_.versioned) versions.clear();
    versions.push_front(version);
    return info_of(key, version);
  }

  Result<Version> newest(std::string const& key) const {
    std::scoped_lock lock(mutex_);
    auto const found = objects_.find(key);
    if (found == objects_.end() || !found->second.front().body) return no_such_object(traits_.name, key);
    return found->second.front();
  }

  Result<Version> version_called(std::string const& key, std::string const& id) const {
    std::scoped_lock lock(mutex_);
    auto const found = objects_.find(key);
    if (found != objects_.end())
      for (Version const& version : found->second)
        if (version.id == id && version.body) return version;
    return no_such_object(traits_.name, key);
  }

  static ObjectInfo info_of(std::string const& key, Version const& version) {
    return {key, version.body->size(), {}, version.modified};
  }

  std::vector<ListEntry> list_from(ListOptions const& options, std::string const& from) const {
    std::vector<ListEntry> page;
    std::scoped_lock lock(mutex_);
    auto at = objects_.lower_bound(from);
    while (at != objects_.end() && page.size() < list_page && at->first.starts_with(options.prefix)) {
      if (!at->second.front().body) {
        ++at;
        continue;
      }
      ListEntry entry;
      auto const slash = options.delimiter ? at->first.find('/', options.prefix.size()) : std::string::npos;
      entry.is_prefix = slash != std::string::npos;
      if (entry.is_prefix) {
        entry.object.key = at->first.substr(0, slash + 1);
        at = objects_.lower_bound(past_folder(entry.object.key));
      } else {
        entry.object = info_of(at->first, at->second.front());
        ++at;
      }
      if (entry.object.key > options.start_after) page.push_back(std::move(entry));
    }
    return page;
  }

  std::vector<ObjectVersion> versions_from(std::string const& prefix, std::string const& from) const {
    std::vector<ObjectVersion> page;
    std::scoped_lock lock(mutex_);
    for (auto at = objects_.lower_bound(from); at != objects_.end() && page.size() < list_page; ++at) {
      if (!at->first.starts_with(prefix)) break;
      for (Version const& version : at->second)
        page.push_back({at->first, version.id, version.body ? version.body->size() : 0, version.modified,
                        &version == &at->second.front(), !version.body});
    }
    return page;
  }

  Clock& clock_;
  StoreTraits traits_;
  mutable std::mutex mutex_;
  std::map<std::string, Versions> objects_;
  std::uint64_t last_version_ = 0;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> bytes_sent_{0};
  std::atomic<std::uint64_t> bytes_received_{0};
};

}  // namespace

void hide_in_memory_store(Store& store, std::string const& key) {
  auto* const memory = dynamic_cast<MemoryStore*>(&store);
  B2B_ASSERT(memory != nullptr);
  memory->hide(key);
}

std::unique_ptr<Store> make_memory_store(Clock& clock, bool versioned) {
  return std::make_unique<MemoryStore>(clock, versioned);
}

}  // namespace b2b
