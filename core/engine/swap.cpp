#include "core/engine/swap.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/engine/swap_group.h"
#include "core/snapshot/manifest.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::uint64_t longest_places_file = 4 << 20;
constexpr std::size_t longest_note = 4096;
constexpr std::string_view databases_first_line = "this restore changes databases: no gateway may run\n";

Result<void> step(SwapHook const& hook, std::string_view what) {
  if (!hook) return {};
  return hook(what);
}

Result<void> write_new_file(TargetTree const& tree, std::string const& path, std::string_view content) {
  B2B_ASSIGN(UniqueFd const fd, tree.open_new_file(path));
  B2B_TRY(write_all(fd.get(), as_bytes(content), tree.absolute(path)));
  return fsync_file(fd.get(), tree.absolute(path));
}

Result<std::vector<std::string>> read_places(TargetTree const& tree, std::string const& path) {
  std::vector<std::string> places;
  B2B_ASSIGN(auto const there, tree.status(path));
  if (!there) return places;
  B2B_ASSIGN(UniqueFd const fd, tree.open_file(path));
  if (there->size > longest_places_file)
    return make_error(Condition::corrupt, tree.absolute(path) + " is too long", {}, path);
  std::string text(static_cast<std::size_t>(there->size), '\0');
  B2B_ASSIGN(
      std::size_t const got,
      read_some(fd.get(), {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}, tree.absolute(path)));
  text.resize(got);
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t const end = text.find('\n', begin);
    if (end == std::string::npos) break;  // torn by a crash before anything was made in that place
    auto const place = uri_decode(std::string_view(text).substr(begin, end - begin));
    // Only what we make ourselves is ever removed.
    if (!place || !path_problem(*place).empty() || !base_name(*place).starts_with(".b2backupd-restore-"))
      return make_error(Condition::corrupt, tree.absolute(path) + " names a place that is none of ours", {},
                        path);
    places.push_back(*place);
    begin = end + 1;
  }
  return places;
}

}  // namespace

std::string SwapFolder::at(std::string_view name) const {
  return join_path(staging_, name);
}

Result<SwapFolder> SwapFolder::create(TargetTree const& tree, std::string staging,
                                      std::vector<std::string> const& other_places) {
  B2B_ASSIGN(bool const made, tree.make_directory(staging, 0700));
  if (!made)
    return make_error(Condition::io, tree.absolute(staging) + " exists already", "Try again", staging);
  B2B_ASSIGN(UniqueFd lock, tree.open_new_file(join_path(staging, "lock")));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return errno_error(errno, "lock", tree.absolute(staging));
  B2B_TRY(write_new_file(tree, join_path(staging, "undo.ready"), "this restore is being undone\n"));
  if (!other_places.empty()) {
    std::string text;
    for (auto const& place : other_places)
      text += uri_encode(place, true) + "\n";
    B2B_TRY(write_new_file(tree, join_path(staging, "places"), text));
  }
  B2B_TRY(tree.sync_directory(staging));
  B2B_TRY(tree.sync_directory(parent_path(staging)));
  return SwapFolder(tree, std::move(staging), std::move(lock), other_places, false);
}

Result<std::optional<SwapFolder>> SwapFolder::adopt(TargetTree const& tree, std::string staging) {
  using Found = std::optional<SwapFolder>;
  B2B_ASSIGN(auto const folder, tree.status(staging));
  if (!folder) return Found();
  if (folder->type != NodeType::directory || folder->uid != ::geteuid() || (folder->mode & 022) != 0)
    return make_error(Condition::refused,
                      tree.absolute(staging) +
                          " looks like the leftover of an interrupted restore, but belongs to somebody "
                          "else or is open to others, so it is not trusted",
                      "Look at it, and remove it if it is not yours", staging);
  UniqueFd lock;
  B2B_ASSIGN(auto const lock_there, tree.status(join_path(staging, "lock")));
  if (lock_there) {
    B2B_ASSIGN(lock, tree.open_file(join_path(staging, "lock")));
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return Found();
      return errno_error(errno, "lock", tree.absolute(staging));
    }
  }
  B2B_ASSIGN(auto places, read_places(tree, join_path(staging, "places")));
  return Found(SwapFolder(tree, std::move(staging), std::move(lock), std::move(places), true));
}

bool SwapFolder::committed() const {
  auto const there = tree_->status(at("journal"));
  return !there || there->has_value();  // when in doubt: yes, so that nothing is removed
}

Result<void> SwapFolder::note_databases(std::string const& about) {
  return write_new_file(*tree_, at("databases"), std::string(databases_first_line) + about);
}

std::string SwapFolder::about() const {
  auto const fd = tree_->open_file(at("databases"));
  if (!fd) return {};
  std::string text(longest_note, '\0');
  auto const got = read_some(fd->get(), {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}, tree_->absolute(staging_));
  if (!got) return {};
  text.resize(*got);
  return text.starts_with(databases_first_line) ? text.substr(databases_first_line.size()) : std::string();
}

bool SwapFolder::changes_databases() const {
  auto const there = tree_->status(at("databases"));
  return !there || there->has_value();
}

Result<void> SwapFolder::each_operation(std::function<Result<void>(SwapOperation const&)> const& visit) const {
  B2B_ASSIGN(SwapJournal const journal, SwapJournal::open(*tree_, at("journal")));
  return journal.forwards(visit);
}

Result<SwapJournalWriter> SwapFolder::begin_journal() {
  return SwapJournalWriter::create(*tree_, at("journal.new"));
}

Result<void> SwapFolder::sync() {
  B2B_TRY(tree_->sync_file_system(staging_));
  for (auto const& place : places_) {
    B2B_ASSIGN(auto const there, tree_->status(place));
    if (there) B2B_TRY(tree_->sync_file_system(place));
  }
  return {};
}

Result<void> SwapFolder::ready(SwapJournalWriter& journal, SwapHook const& hook) {
  B2B_TRY(journal.finish());
  B2B_TRY(step(hook, "sync"));
  B2B_TRY(sync());  // what was staged, on every mount, before anything counts on it
  return tree_->sync_directory(staging_);
}

Result<void> SwapFolder::begin(SwapHook const& hook) {
  B2B_ASSIGN(auto const waits, tree_->status(at("journal.new")));
  B2B_ASSIGN(auto const begun, tree_->status(at("journal")));
  if (!waits || begun) return {};
  B2B_TRY(step(hook, "commit"));
  B2B_TRY(tree_->rename(at("journal.new"), at("journal")));
  return tree_->sync_directory(staging_);
}

Result<void> SwapFolder::commit(SwapJournalWriter& journal, SwapHook const& hook) {
  B2B_TRY(ready(journal, hook));
  return begin(hook);
}

Result<std::optional<SwapJournal>> SwapFolder::open_journal() const {
  using Found = std::optional<SwapJournal>;
  B2B_ASSIGN(auto const there, tree_->status(at("journal")));
  if (!there) return Found();
  B2B_ASSIGN(SwapJournal journal, SwapJournal::open(*tree_, at("journal")));
  return Found(std::move(journal));
}

Result<void> SwapFolder::go_forwards(SwapHook const& hook) {
  B2B_ASSIGN(auto const journal, open_journal());
  if (!journal) return {};
  // Publishing takes away the names by which the operations before it know that they are done.
  bool published = false;
  if (resumed_)
    B2B_TRY(journal->forwards([&](SwapOperation const& operation) -> Result<void> {
      if (operation.kind != SwapOperation::Kind::publish) return {};
      B2B_ASSIGN(auto const done, tree_->status(operation.other));
      published = published || done.has_value();
      return {};
    }));
  bool reached = false;
  B2B_TRY(journal->forwards([&](SwapOperation const& operation) -> Result<void> {
    reached = reached || operation.kind == SwapOperation::Kind::publish;
    if (published && !reached) return {};
    return do_operation(*tree_, operation, resumed_, hook);
  }));
  B2B_TRY(step(hook, "sync what was done"));
  return sync();
}

Result<void> SwapFolder::go_backwards(SwapHook const& hook) {
  B2B_ASSIGN(auto const journal, open_journal());
  if (!journal) return {};
  B2B_TRY(journal->backwards(
      [&](SwapOperation const& operation) { return undo_operation(*tree_, operation, hook); }));
  B2B_TRY(step(hook, "sync what was undone"));
  return sync();
}

Result<void> SwapFolder::mark_for_undoing(SwapHook const& hook) {
  B2B_ASSIGN(auto const ready, tree_->status(at("undo.ready")));
  if (!ready) return {};
  B2B_TRY(step(hook, "mark for undoing"));
  B2B_TRY(tree_->rename(at("undo.ready"), at("undo")));  // needs no room on a full disk
  return tree_->sync_directory(staging_);
}

bool SwapFolder::is_marked_for_undoing() const {
  auto const marker = tree_->status(at("undo"));
  return marker && marker->has_value();
}

Result<void> SwapFolder::forget_journal(SwapHook const& hook) {
  B2B_ASSIGN(auto const there, tree_->status(at("journal")));
  if (!there) return {};
  B2B_TRY(step(hook, "forget the journal"));
  B2B_TRY(tree_->remove_file(at("journal")));
  return tree_->sync_directory(staging_);
}

Result<SwapOutcome> SwapFolder::run(SwapHook const& hook) {
  return SwapGroup({this}).run(hook);
}

Result<void> SwapFolder::remove(SwapHook const& hook) {
  for (auto const& place : places_) {
    B2B_TRY(step(hook, "remove a staging folder"));
    B2B_TRY(tree_->remove_tree(place));
  }
  B2B_TRY(step(hook, "remove the staging folder"));
  return tree_->remove_tree(staging_);
}

}  // namespace b2b
