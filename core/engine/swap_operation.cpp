// The operations of a swap. Each looks at what is there to know whether it was done before, so that a journal
// can be gone through again from any point, in either direction.
#include <cerrno>

#include "core/engine/swap.h"

namespace b2b {
namespace {

Result<void> step(SwapHook const& hook, std::string_view what, std::string_view path) {
  if (!hook) return {};
  return hook(std::string(what) + " " + std::string(path));
}

// What is at the path. Behind a symbolic link there is nothing of ours: one that was set aside for a directory is back
// already when undoing is gone through again.
Result<std::optional<NodeStatus>> what_is_at(TargetTree const& tree, std::string_view path) {
  auto found = tree.status(path);
  if (!found && found.error().condition == Condition::refused) return std::optional<NodeStatus>();
  return found;
}

Error changed_meanwhile(TargetTree const& tree, std::string_view path, std::string_view what) {
  return make_error(Condition::changed,
                    tree.absolute(path) + " " + std::string(what) + " while the restore was under way",
                    "Stop what writes there (is an agent running?) and restore again", std::string(path));
}

// Puts what is at `path` under `kept` as well, so that `path` is never missing; where links are not possible
// it moves.
Result<void> keep_old(TargetTree const& tree, SwapOperation const& operation, SwapHook const& hook) {
  B2B_TRY(step(hook, "keep", operation.path));
  auto const linked = tree.make_hard_link(operation.path, operation.kept);
  if (linked) return {};
  if (linked.error().condition == Condition::no_space) return linked;
  return tree.rename(operation.path, operation.kept);
}

Result<void> do_place(TargetTree const& tree, SwapOperation const& operation, bool resumed,
                      SwapHook const& hook) {
  if (operation.kept.empty() && !resumed) {  // nothing is expected there: most often the system says so, too
    B2B_TRY(step(hook, "place", operation.path));
    B2B_ASSIGN(bool const placed, tree.rename_to_free_name(operation.other, operation.path));
    if (placed) return {};
  }
  B2B_ASSIGN(auto const staged, tree.status(operation.other));
  if (!staged) return {};
  B2B_ASSIGN(auto const there, what_is_at(tree, operation.path));
  if (operation.kept.empty()) {
    if (there) return changed_meanwhile(tree, operation.path, "appeared");
  } else {
    B2B_ASSIGN(auto const kept, tree.status(operation.kept));
    if (!kept && there) B2B_TRY(keep_old(tree, operation, hook));
    if (!kept && !there && !resumed) return changed_meanwhile(tree, operation.path, "vanished");
  }
  B2B_TRY(step(hook, "place", operation.path));
  return tree.rename(operation.other, operation.path);
}

Result<void> undo_place(TargetTree const& tree, SwapOperation const& operation, SwapHook const& hook) {
  B2B_ASSIGN(auto const there, what_is_at(tree, operation.path));
  if (operation.kept.empty()) {
    B2B_ASSIGN(auto const staged, tree.status(operation.other));
    if (staged || !there) return {};
    B2B_TRY(step(hook, "take back", operation.path));
    return tree.rename(operation.path, operation.other);
  }
  B2B_ASSIGN(auto const kept, tree.status(operation.kept));
  if (!kept) return {};
  // Two names of one file (the old was kept, the new never placed): rename(2) would do nothing and leave
  // both.
  if (there && there->inode == kept->inode && there->mount == kept->mount) {
    B2B_TRY(step(hook, "drop the second name of", operation.path));
    return tree.remove_file(operation.kept);
  }
  // The new file goes back to where it was staged, so that going forwards again would still find it.
  B2B_ASSIGN(auto const staged, tree.status(operation.other));
  if (there && !staged) {
    B2B_TRY(step(hook, "take back", operation.path));
    B2B_TRY(tree.rename(operation.path, operation.other));
  }
  B2B_TRY(step(hook, "put back", operation.path));
  return tree.rename(operation.kept, operation.path);
}

Result<void> set_metadata(TargetTree const& tree, std::string_view path, NodeMetadata const& wanted,
                          SwapHook const& hook) {
  if (wanted == NodeMetadata{}) return {};
  B2B_TRY(step(hook, "set metadata", path));
  return tree.set_metadata(path, wanted);
}

}  // namespace

Result<void> do_operation(TargetTree const& tree, SwapOperation const& operation, bool resumed,
                          SwapHook const& hook) {
  switch (operation.kind) {
    case SwapOperation::Kind::move:
    case SwapOperation::Kind::publish: {
      B2B_ASSIGN(auto const moved, tree.status(operation.other));
      if (moved) return {};
      B2B_ASSIGN(auto const there, what_is_at(tree, operation.path));
      if (!there) return {};
      B2B_TRY(step(hook, "move", operation.path));
      return tree.rename(operation.path, operation.other);
    }
    case SwapOperation::Kind::make_directory: {
      B2B_TRY(step(hook, "make", operation.path));
      auto const made = tree.make_directory(operation.path, 0700);
      if (!made) return made.error();
      return {};
    }
    case SwapOperation::Kind::place:
      return do_place(tree, operation, resumed, hook);
    case SwapOperation::Kind::metadata: {
      auto const set = set_metadata(tree, operation.path, operation.after, hook);
      // The first run may have set a mode above it already that keeps us out now: then this is done, too.
      if (!set && resumed && set.error().condition == Condition::permission) return {};
      return set;
    }
    case SwapOperation::Kind::remove_directory: {
      B2B_TRY(step(hook, "remove", operation.path));
      auto const removed = tree.remove_directory(operation.path);
      if (removed) return {};
      // Something in it stays (it is outside the snapshot's scope, or a mount): then so does the directory.
      int const code = removed.error().system_errno;
      if (code == ENOTEMPTY || code == EEXIST || code == EBUSY || code == ENOTDIR || code == ENOENT)
        return {};
      return removed;
    }
  }
  return {};
}

Result<void> undo_operation(TargetTree const& tree, SwapOperation const& operation, SwapHook const& hook) {
  switch (operation.kind) {
    case SwapOperation::Kind::move:
    case SwapOperation::Kind::publish: {
      B2B_ASSIGN(auto const moved, tree.status(operation.other));
      if (!moved) return {};
      // Something that others made there meanwhile (in a directory that could not be unmade for it) makes
      // room, beside it.
      B2B_ASSIGN(auto const there, what_is_at(tree, operation.path));
      if (there) {
        B2B_TRY(step(hook, "make room for", operation.path));
        B2B_TRY(tree.rename(operation.path, operation.path + ".appeared-during-restore"));
      }
      B2B_TRY(step(hook, "move back", operation.path));
      return tree.rename(operation.other, operation.path);
    }
    case SwapOperation::Kind::make_directory: {
      B2B_ASSIGN(auto const there, what_is_at(tree, operation.path));
      if (!there || there->type != NodeType::directory) return {};
      B2B_TRY(step(hook, "unmake", operation.path));
      auto const removed = tree.remove_directory(operation.path);
      int const code = removed ? 0 : removed.error().system_errno;
      if (code == ENOTEMPTY || code == EEXIST) return {};  // somebody else put something in it meanwhile
      return removed;
    }
    case SwapOperation::Kind::place:
      return undo_place(tree, operation, hook);
    case SwapOperation::Kind::metadata: {
      B2B_ASSIGN(auto const there, what_is_at(tree, operation.path));
      if (!there) return {};
      return set_metadata(tree, operation.path, operation.before, hook);
    }
    case SwapOperation::Kind::remove_directory: {
      B2B_ASSIGN(auto const there, what_is_at(tree, operation.path));
      if (there) return {};
      B2B_TRY(step(hook, "make again", operation.path));
      B2B_ASSIGN(bool const made, tree.make_directory(operation.path, operation.before.mode.value_or(0700)));
      if (!made) return {};
      return set_metadata(tree, operation.path, operation.before, hook);
    }
  }
  return {};
}

}  // namespace b2b
