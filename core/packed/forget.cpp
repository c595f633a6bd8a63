#include "core/packed/forget.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/packed/list_sink.h"
#include "core/packed/put_snapshot.h"
#include "core/packed/snapshots.h"

namespace b2b::packed {
namespace {

constexpr std::size_t hashes_max = 10'000;   // remembered, to find copies by

bool covers_name(Forgetting::Covers const& covers, std::string const& path) { return covers(path, false) || covers(path, true); }

class Visitor final : public EntryLineVisitor {
 public:
  explicit Visitor(std::function<Result<void>(Entry const&)> visit) : visit_(std::move(visit)) {}
  Result<void> entry(Entry&& entry, std::uint64_t) override { return visit_(entry); }
  Result<void> chunks(std::span<ChunkId const>, bool) override { return {}; }

 private:
  std::function<Result<void>(Entry const&)> visit_;
};

// Hands on what stays, and notes the chunks of what does not.
class Filter final : public EntryLineVisitor {
 public:
  Filter(Forgetting::Covers const& covers, ChunkIndex& index, EntryLineWriter& lines) : covers_(covers), index_(index), lines_(lines) {}

  Result<void> entry(Entry&& entry, std::uint64_t chunks) override {
    drops_ = covers_(entry.path, entry.type == EntryType::directory);
    if (drops_) {
      if (entry.type == EntryType::file) ++files_, bytes_ += entry.size;
      return {};
    }
    if (!entry.hard_link_of.empty() && covers_(entry.hard_link_of, false)) {
      // The first of the names that are left has it instead; it comes before the others, as their order is that of the list.
      auto const [heir, first] = heirs_.try_emplace(entry.hard_link_of, entry.path);
      entry.hard_link_of = first ? std::string() : heir->second;
    }
    return lines_.begin(entry, chunks);
  }
  Result<void> chunks(std::span<ChunkId const> ids, bool) override {
    return drops_ ? index_.add_forgotten(ChunkType::data, ids) : lines_.add_chunks(ids);
  }
  std::uint64_t files() const { return files_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  Forgetting::Covers const& covers_;
  ChunkIndex& index_;
  EntryLineWriter& lines_;
  std::map<std::string, std::string> heirs_;   // of a file with several names that goes under one
  std::uint64_t files_ = 0;
  std::uint64_t bytes_ = 0;
  bool drops_ = false;
};

}  // namespace

Forgetting::Forgetting(std::shared_ptr<Repository> repository, Covers covers, std::string scratch_dir, std::stop_token stop)
    : repository_(std::move(repository)), covers_(std::move(covers)), scratch_dir_(std::move(scratch_dir)), stop_(std::move(stop)) {}

Result<PathsToForget> Forgetting::look(SnapshotId const& id, Visit const& found) {
  Changing changing;
  B2B_ASSIGN(changing.snapshot, read_snapshot(*repository_, id, stop_, &changing.object));
  PathsToForget out;
  std::uint64_t files = 0;
  Visitor visitor([&](Entry const& entry) -> Result<void> {
    bool const is_file = entry.type == EntryType::file;
    files += is_file ? 1 : 0;
    if (!covers_(entry.path, entry.type == EntryType::directory)) return {};
    ++out.entries;
    if (is_file) {
      ++out.files;
      out.bytes += entry.size;
      if (entry.size > 0 && hashes_.size() < hashes_max) hashes_.insert(entry.hash);
    }
    return found(id, entry);
  });
  ChunkReader reader(repository_, scratch_dir_, stop_);
  B2B_TRY(read_list(reader, changing.snapshot, visitor));
  auto const& skipped = changing.snapshot.info.skipped;
  out.skipped = static_cast<std::uint64_t>(
      std::count_if(skipped.begin(), skipped.end(), [&](auto const& skip) { return covers_name(covers_, skip.first); }));
  out.every_file = out.files > 0 && out.files == files;
  if (!out.any()) {
    clean_.insert(id.text);
  } else if (!out.every_file) {
    changing_.push_back(std::move(changing));
  }
  return out;
}

Result<void> Forgetting::find_copies(Visit const& found) {
  if (hashes_.empty()) return {};
  for (Changing const& changing : changing_) {
    Visitor visitor([&](Entry const& entry) -> Result<void> {
      bool const is_copy = entry.type == EntryType::file && hashes_.contains(entry.hash) && !covers_(entry.path, false);
      return is_copy ? found(changing.snapshot.info.id, entry) : Result<void>();
    });
    ChunkReader reader(repository_, scratch_dir_, stop_);
    B2B_TRY(read_list(reader, changing.snapshot, visitor));
  }
  return {};
}

Result<void> Forgetting::replace(ChunkWriter& writer, std::function<void(SnapshotId const&, Result<void> const&)> const& ended,
                                 std::function<void(SnapshotId const&, Error const&)> const& kept) {
  for (Changing& changing : changing_) B2B_TRY(write_list(changing, writer));
  if (!changing_.empty()) {
    B2B_TRY(writer.flush());
    B2B_TRY(repository_->store->flush(stop_));
    B2B_TRY(write_index(*repository_, stop_));
    B2B_TRY(repository_->store->flush(stop_));
  }
  for (Changing const& changing : changing_) {
    SnapshotId const& id = changing.snapshot.info.id;
    auto const done = put(changing, writer);
    if (!done && done.error().condition != Condition::changed && done.error().condition != Condition::not_found) return done.error();
    if (done) clean_.insert(id.text);
    ended(id, done);
  }
  changing_.clear();
  return remove_older_versions(kept);
}

Result<void> Forgetting::write_list(Changing& changing, ChunkWriter& writer) {
  SnapshotPayload without;
  without.info = changing.snapshot.info;
  ChunkReader reader(repository_, scratch_dir_, stop_);
  ListSink sink(*repository_, writer, without);
  EntryLineWriter lines(sink);
  Filter filter(covers_, *repository_->index, lines);
  B2B_TRY(read_list(reader, changing.snapshot, filter));
  B2B_TRY(lines.finish());
  B2B_TRY(sink.finish());
  // The names go, too.
  B2B_TRY(repository_->index->add_forgotten(ChunkType::list, changing.snapshot.list));
  without.entries = lines.entries();
  SnapshotInfo& info = without.info;
  info.files -= std::min(info.files, filter.files());
  info.bytes -= std::min(info.bytes, filter.bytes());
  std::uint64_t const names = std::erase_if(info.skipped, [&](auto const& skip) { return covers_name(covers_, skip.first); });
  info.skipped_total -= std::min(info.skipped_total, names);
  changing.snapshot = std::move(without);
  return {};
}

// Where nothing was lost since the writer began, only the list is new: the contents were needed all the while by the object that goes.
Result<void> Forgetting::put(Changing const& changing, ChunkWriter& writer) {
  SnapshotToPut to_put{changing.snapshot, writer.start(), [&] { return is_whole(repository_, changing.snapshot, scratch_dir_, stop_); }, changing.object};
  auto const done = put_snapshot(*repository_, std::move(to_put), stop_);
  return done ? Result<void>() : done.error();
}

Result<void> Forgetting::remove_older_versions(std::function<void(SnapshotId const&, Error const&)> const& kept) {
  Store& store = *repository_->store;
  if (!store.traits().versioned) return {};
  std::string const prefix = snapshots_prefix(repository_->prefix);
  std::map<std::string, std::vector<ObjectVersion>> older;   // by id
  std::set<std::string> hidden;   // since somebody did that meanwhile: an older version is the good one
  auto const listed = store.list_versions(
      prefix,
      [&](ObjectVersion const& version) {
        std::string id = version.key.substr(prefix.size());
        if (!clean_.contains(id)) return true;
        if (version.latest && version.hide_marker) hidden.insert(std::move(id));
        else if (!version.latest) older[std::move(id)].push_back(version);
        return true;
      },
      stop_);
  if (!listed && listed.error().condition == Condition::permission && !clean_.empty()) {
    kept(*parse_snapshot_id(*clean_.begin()), listed.error());
    return {};
  }
  B2B_TRY(listed);
  for (std::string const& id : hidden) older.erase(id);
  for (auto const& [text, versions] : older) {
    auto const removed = store.remove_versions(versions, stop_);
    if (!removed && removed.error().condition != Condition::permission) return removed.error();
    if (!removed) kept(*parse_snapshot_id(text), removed.error());
  }
  return {};
}

}  // namespace b2b::packed
