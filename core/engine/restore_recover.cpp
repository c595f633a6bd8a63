// What interrupted restores left: finished, undone or cleared away (declared in core/engine/restore.h and restore_site.h).
#include <list>

#include "core/engine/restore.h"
#include "core/engine/restore_pointer.h"
#include "core/engine/restore_site.h"
#include "core/engine/restore_target.h"
#include "core/engine/swap_group.h"
#include "core/gateway/fence.h"
#include "core/gateway/open_by.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/log.h"
#include "core/util/unfinished_write.h"

namespace b2b {
namespace {

using Decision = RestorePointer::Decision;

// Databases are half swapped: nobody may have them open, and no gateway may start, until they are whole. Without
// openclaw.json none should have started; one that did is named.
Result<GatewayFence> fence_off(TargetTree const& tree, SwapFolder const& folder, std::string const& state_dir) {
  auto const refuse = [&](std::string const& why) {
    return make_error(Condition::refused,
                      "an interrupted restore left databases in " + tree.path() + " half replaced, and it cannot be finished now: " + why,
                      "Stop it (the gateway: openclaw gateway stop); the next b2backupd job finishes the restore by itself. Do not "
                      "start a gateway before that",
                      tree.path());
  };
  auto fence = GatewayFence::raise(state_dir);
  if (!fence) {
    if (fence.error().condition != Condition::refused) return fence.error();
    return refuse(fence.error().message);
  }
  std::vector<std::string> paths;
  B2B_TRY(folder.each_operation([&](SwapOperation const& operation) -> Result<void> {
    bool const moves = operation.kind == SwapOperation::Kind::place || operation.kind == SwapOperation::Kind::move;
    if (!moves) return {};
    for (std::string const& path : {operation.path, operation.other, operation.kept}) {
      auto const fd = path.empty() ? Result<UniqueFd>(UniqueFd()) : tree.open_file(path);
      if (fd && *fd && begins_like_a_database(fd->get())) paths.push_back(tree.absolute(path));
    }
    return {};
  }));
  OpenFiles const open = open_by(paths);
  if (open.openers.empty()) return fence;
  Opener const& first = open.openers.front();
  return refuse(first.path + " is open in " + printable(first.command) + " (pid " + std::to_string(first.pid) + ")");
}

std::string told_of(SwapOutcome const& outcome, std::string const& where) {
  std::string told = outcome.undone ? "an interrupted restore in " + where + " was undone: everything is as it was before it"
                                    : "an interrupted restore in " + where + " was finished: everything is as in its snapshot";
  if (outcome.cause) told += " (it could not be finished: " + outcome.cause->message + ")";
  return told;
}

void note_databases(RecoveredRestores& out, SwapFolder const& folder, SwapOutcome const& outcome) {
  if (!folder.changes_databases()) return;
  out.databases = parse_interrupted(folder.about());
  out.undone = outcome.undone;
}

// One leftover staging folder that counts for itself, or of which is decided what becomes of it. nullopt: nothing there, or its
// restore is still at work.
Result<std::optional<std::string>> recover_folder(TargetTree const& tree, std::string const& staging, std::string const& state_dir,
                                                  Decision decision = Decision::none, RecoveredRestores* out = nullptr) {
  using Told = std::optional<std::string>;
  B2B_ASSIGN(auto found, SwapFolder::adopt(tree, staging));
  if (!found) return Told();
  std::string told =
      "cleared away an interrupted restore in " + tree.path() + "; it had not changed anything yet";
  if (decision == Decision::forward) B2B_TRY(found->begin());
  std::optional<GatewayFence> fence;
  if (found->committed()) {
    if (found->changes_databases()) {
      auto raised = fence_off(tree, *found, state_dir);
      if (!raised) return raised.error();
      fence.emplace(std::move(*raised));
    }
    if (decision == Decision::back) B2B_TRY(found->mark_for_undoing({}));
    B2B_ASSIGN(SwapOutcome const outcome, found->run());
    told = told_of(outcome, tree.path());
    if (out != nullptr) note_databases(*out, *found, outcome);
  }
  B2B_TRY(found->remove());
  return Told(std::move(told));
}

// Names of leftover folders in `directory` of the tree, relative to the tree.
Result<std::vector<std::string>> leftovers(TargetTree const& tree, std::string const& directory, std::string_view prefix) {
  std::vector<std::string> out;
  B2B_ASSIGN(auto const there, tree.status(directory));
  if (!there || there->type != NodeType::directory) return out;
  B2B_ASSIGN(auto const names, tree.list(directory));
  for (std::string const& name : names)
    if (name.starts_with(prefix)) out.push_back(join_path(directory, name));
  return out;
}

Result<std::vector<std::string>> leftovers_of(RestoreSite const& site) {
  std::vector<std::string> out;
  if (site.kind == RestoreSite::Kind::in_place) {
    B2B_ASSIGN(out, leftovers(*site.tree, std::string(restore_own_folder), "restore-"));
  }
  B2B_ASSIGN(auto const more, leftovers(*site.tree, {}, site.kind == RestoreSite::Kind::fresh ? fresh_folder_prefix(site.name)
                                                                                              : std::string(restore_dot_folder)));
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

class Recovery {
 public:
  explicit Recovery(EngineContext& context) : context_(context), data_dir_(context.instance.data_dir) {}

  Result<RecoveredRestores> run() {
    // Housekeeping: what stays of it harms nothing, and must not keep anyone from a backup.
    if (auto const cleared = remove_abandoned_writes(restore_pointers_folder(data_dir_)); !cleared) log_warning(cleared.error().text());
    B2B_ASSIGN(RestorePointers pointers, list_restore_pointers(data_dir_));
    pointers_ = std::move(pointers.known);
    B2B_ASSIGN(RestoreSite const here, choose_site(context_, {}));
    state_is_there_ = here.tree.has_value();
    if (here.tree) {
      B2B_ASSIGN(auto const folders, leftovers_of(here));
      for (std::string const& staging : folders)
        B2B_TRY(in_state_directory(*here.tree, staging));
    }
    if (!told_.empty()) B2B_TRY(forget_config_copy(context_));
    for (std::string const& id : pointers.unreadable) {
      told_.push_back("removed the unreadable note " + restore_pointer_path(data_dir_, id) + " about an interrupted restore");
      B2B_TRY(remove_restore_pointer(data_dir_, id));
    }
    for (RestorePointer const& pointer : pointers_)
      B2B_TRY(elsewhere(pointer));
    out_.sentences = std::move(told_);
    return std::move(out_);
  }

 private:
  Result<void> in_state_directory(TargetTree const& tree, std::string const& staging) {
    std::string const id = staging.substr(staging.rfind('-') + 1);
    std::vector<RestorePointer*> others;
    for (RestorePointer& pointer : pointers_)
      if (pointer.group == id && pointer.id != id && pointer.decision == Decision::none) others.push_back(&pointer);
    if (others.empty()) return alone(tree, staging);
    B2B_ASSIGN(auto leader, SwapFolder::adopt(tree, staging));
    if (!leader) return {};  // still at work, with all its parts
    if (!leader->committed()) {
      leader.reset();
      return alone(tree, staging);
    }
    return together(tree, *leader, others);
  }

  Result<void> alone(TargetTree const& tree, std::string const& staging) {
    B2B_ASSIGN(auto sentence, recover_folder(tree, staging, tree.path(), Decision::none, &out_));
    if (sentence) told_.push_back(std::move(*sentence));
    return {};
  }

  // All parts of a restore whose commit is there. Those that cannot be reached have it written in their pointers.
  Result<void> together(TargetTree const& tree, SwapFolder& leader, std::vector<RestorePointer*> const& others) {
    std::optional<GatewayFence> fence;
    if (leader.changes_databases()) {
      auto raised = fence_off(tree, leader, tree.path());
      if (!raised) return raised.error();
      fence.emplace(std::move(*raised));
    }
    struct Part {
      TargetTree tree;
      std::optional<SwapFolder> folder;
      RestorePointer* pointer;
    };
    std::list<Part> reached;
    std::vector<RestorePointer*> away;
    std::vector<SwapFolder*> folders;
    std::string where;
    for (RestorePointer* const pointer : others) {
      auto root = TargetTree::open(pointer->root);
      if (!root) {
        away.push_back(pointer);
        continue;
      }
      Part& part = reached.emplace_back(Part{std::move(*root), std::nullopt, pointer});
      auto folder = SwapFolder::adopt(part.tree, pointer->staging);
      if (folder && *folder) {
        part.folder.emplace(std::move(**folder));
        folders.push_back(&*part.folder);
        where += pointer->root + ", ";
      } else {
        away.push_back(pointer);
        reached.pop_back();
      }
    }
    folders.push_back(&leader);
    B2B_ASSIGN(SwapOutcome const outcome, SwapGroup(folders).run({}, [&](bool undone) -> Result<void> {
      for (RestorePointer* const pointer : away) {
        pointer->decision = undone ? Decision::back : Decision::forward;
        B2B_TRY(keep_restore_pointer(data_dir_, *pointer));
      }
      return {};
    }));
    told_.push_back(told_of(outcome, where + tree.path()));
    note_databases(out_, leader, outcome);
    for (Part& part : reached)
      B2B_TRY(part.folder->remove());
    return leader.remove();
  }

  Result<void> elsewhere(RestorePointer const& pointer) {
    auto tree = TargetTree::open(pointer.root);
    if (!tree && tree.error().condition != Condition::not_found) return tree.error();
    auto const there = tree ? tree->status(pointer.staging) : Result<std::optional<NodeStatus>>(std::optional<NodeStatus>());
    bool const nothing = there && !*there;
    if (nothing && is_unmounted(pointer)) {
      told_.push_back("an interrupted restore in " + pointer.root + " waits for its disk, which was at " + pointer.mount + " and is not there now");
      return {};
    }
    if (nothing) {
      // A target that was deleted needs nothing any more.
      if (!tree) told_.push_back("an interrupted restore to " + pointer.root + " cannot be looked after: the directory is not there");
      return remove_restore_pointer(data_dir_, pointer.id);
    }
    if (pointer.decision == Decision::none && leader_is_away(pointer)) return {};
    auto sentence = there ? recover_folder(*tree, pointer.staging, context_.config.state_dir, pointer.decision)
                          : Result<std::optional<std::string>>(there.error());
    if (!sentence) {
      // Another directory's trouble must not keep this one from being backed up; it is told every time.
      told_.push_back("an interrupted restore to " + pointer.root + " could not be cleared up: " + sentence.error().text());
      return {};
    }
    if (!*sentence) return {};  // still at work
    told_.push_back(std::move(**sentence));
    return remove_restore_pointer(data_dir_, pointer.id);
  }

  // It says what becomes of this one, and cannot be asked: the state directory is not mounted.
  bool leader_is_away(RestorePointer const& pointer) const {
    if (pointer.group.empty() || pointer.id == pointer.group) return false;
    if (!state_is_there_) return true;
    for (RestorePointer const& other : pointers_)
      if (other.id == pointer.group) return is_unmounted(other);
    return false;
  }

  EngineContext& context_;
  std::string const data_dir_;
  std::vector<RestorePointer> pointers_;
  std::vector<std::string> told_;
  RecoveredRestores out_;
  bool state_is_there_ = false;
};

}  // namespace

Result<std::vector<std::string>> recover_site(RestoreSite const& site) {
  std::vector<std::string> told;
  if (!site.tree) return told;
  B2B_ASSIGN(auto const folders, leftovers_of(site));
  for (std::string const& staging : folders) {
    B2B_ASSIGN(auto sentence, recover_folder(*site.tree, staging, site.tree->path()));
    if (sentence) told.push_back(std::move(*sentence));
  }
  return told;
}

std::string interrupted_text(InterruptedRestore const& restore) {
  return (restore.snapshot.empty() ? "" : "snapshot " + restore.snapshot + "\n") + (restore.gateway_ran ? "gateway ran\n" : "");
}

InterruptedRestore parse_interrupted(std::string_view text) {
  constexpr std::string_view snapshot = "snapshot ";
  InterruptedRestore out;
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    std::string_view const line = text.substr(0, end);
    if (line == "gateway ran") out.gateway_ran = true;
    if (line.starts_with(snapshot) && parse_snapshot_id(line.substr(snapshot.size()))) out.snapshot = line.substr(snapshot.size());
    text.remove_prefix(end + 1);
  }
  return out;
}

Result<RecoveredRestores> recover_restores_in_detail(EngineContext& context) { return Recovery(context).run(); }

Result<std::vector<std::string>> recover_restores(EngineContext& context) {
  B2B_ASSIGN(RecoveredRestores recovered, recover_restores_in_detail(context));
  return std::move(recovered.sentences);
}

}  // namespace b2b
