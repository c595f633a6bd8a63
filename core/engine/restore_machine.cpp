#include "core/engine/restore_machine.h"

#include <algorithm>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/capture/capture.h"
#include "core/capture/database.h"
#include "core/config/json5.h"
#include "core/config/plugin_registration.h"
#include "core/engine/carry_over.h"
#include "core/engine/restore_plan.h"
#include "core/engine/restore_target.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::uint64_t longest_config = 4 << 20;
constexpr std::size_t tables_named = 8;

// Is the directory (or file) there one of the B2 plugin?
bool holds_our_plugin(std::string const& path) {
  if (path.find("b2-backup") != std::string::npos) return true;
  for (std::string const& manifest :
       {join_path(path, "openclaw.plugin.json"), join_path(parent_path(path), "openclaw.plugin.json")}) {
    auto const text = read_file(manifest, longest_config);
    auto const parsed =
        text ? parse_json5(*text, manifest) : Result<boost::json::value>(boost::json::value());
    if (!parsed || !parsed->is_object()) continue;
    auto const* const id = parsed->get_object().if_contains("id");
    if (id != nullptr && id->is_string() &&
        (id->get_string() == "b2-backup" || id->get_string() == "openclaw-b2-backup"))
      return true;
  }
  return false;
}

Result<std::string> read_in_tree(TargetTree const& tree, std::string const& path) {
  B2B_ASSIGN(UniqueFd const fd, tree.open_file(path));
  std::string text(longest_config + 1, '\0');
  B2B_ASSIGN(
      std::size_t const got,
      read_some(fd.get(), {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}, tree.absolute(path)));
  if (got > longest_config)
    return make_error(Condition::limit, tree.absolute(path) + " is too long", {}, path);
  text.resize(got);
  return text;
}

std::string list_of(std::set<std::string> const& names) {
  std::string out;
  std::size_t shown = 0;
  for (std::string const& name : names) {
    if (shown++ == tables_named) return out + ", …";
    out += (out.empty() ? "" : ", ") + printable(name);
  }
  return out;
}

class MachineKeeper {
 public:
  MachineKeeper(EngineContext& context, RestoreSite const& site, PlanStore& plan, Catalog& snapshot,
                MachineRules const& rules)
      : context_(context), site_(site), tree_(*site.tree), plan_(plan), snapshot_(snapshot), rules_(rules) {}

  Result<std::vector<std::string>> run() {
    B2B_TRY(keep_registration());
    B2B_TRY(plan_.for_each(
        {PlanAction::write_file}, PlanStore::Order::ascending, [&](PlanRow&& row) -> Result<void> {
          if (context_.stop.stop_requested())
            return make_error(Condition::cancelled, "the restore was interrupted", "Nothing was changed");
          return row.staged && row.staged_database ? keep_rows(row) : Result<void>();
        }));
    tell();
    return std::move(notes_);
  }

 private:
  Result<void> keep_registration() {
    if (rules_.config_path.empty()) return {};
    B2B_ASSIGN(auto const row, plan_.find(rules_.config_path));
    if (!row || !row->staged || row->item.type != EntryType::file) return {};
    auto const ours = read_in_tree(tree_, site_.in_tree(row->item.path));
    auto const theirs = read_in_tree(tree_, site_.staged(*row));
    if (!ours || !theirs) return {};
    auto const kept = keep_plugin_registration(
        *ours, *theirs, [](std::string_view path) { return holds_our_plugin(std::string(path)); });
    if (!kept) return {};
    // Under a name of its own first: the staged file may be a hard link to something else.
    std::string const fresh = site_.staged(*row) + "-kept";
    {
      B2B_ASSIGN(UniqueFd const fd, tree_.open_new_file(fresh));
      B2B_TRY(write_all(fd.get(), as_bytes(*kept), tree_.absolute(fresh)));
      B2B_TRY(fsync_file(fd.get(), tree_.absolute(fresh)));
    }
    B2B_TRY(tree_.rename(fresh, site_.staged(*row)));
    notes_.push_back("the B2 plugin's entry in " + printable(row->item.path) +
                     " stays as it is on this machine");
    return set_metadata(*row);
  }

  Result<void> keep_rows(PlanRow const& row) {
    B2B_ASSIGN(auto const entry, snapshot_.find(row.item.path));
    if (!entry || entry->entry.damaged) return {};
    B2B_ASSIGN(auto const raw, plan_.find(row.item.path + "-wal"));
    if (raw && raw->staged) return {};
    std::string const current = join_path(rules_.scratch, "current.sqlite");
    B2B_ASSIGN(bool const readable, copy_current(row, current));
    B2B_TRY(unshare(row));
    CarryOverRules rules;
    rules.prefer_snapshot = rules_.prefer_snapshot || rules_.fresh;
    auto const done =
        carry_over(tree_.absolute(site_.staged(row)), readable ? current : std::string(), rules);
    ::unlink(current.c_str());
    if (!done) {
      if (done.error().condition != Condition::corrupt) return done.error();
      notes_.push_back(printable(row.item.path) + ": this machine's credentials could not be put into it (" +
                       done.error().message + "), so what signs in through it has to sign in again");
      return {};
    }
    for (std::string const& problem : done->problems)
      notes_.push_back(printable(row.item.path) + ": " + problem);
    kept_rows_ += done->kept_rows;
    if (done->kept_rows > 0) kept_in_.insert(row.item.path);
    if (rules_.fresh || !readable) empty_.insert(done->empty_tables.begin(), done->empty_tables.end());
    deliveries_ += done->forgotten_deliveries;
    return done->changed ? set_metadata(row) : Result<void>();
  }

  // false: there is none, or none that can be read.
  Result<bool> copy_current(PlanRow const& row, std::string const& copy) {
    if (!row.item.touches_database || row.item.displaces || !row.item.existing ||
        row.item.existing->type != NodeType::file)
      return false;
    B2B_ASSIGN(auto const made, copy_database(tree_.absolute(row.item.path), copy, context_.stop));
    if (!made.damaged) return true;
    notes_.push_back(
        "the database " + printable(row.item.path) + " that was here is damaged (" + made.problem +
        "): credentials in it are not carried over, so what signs in through it has to sign in again");
    ::unlink(copy.c_str());
    return false;
  }

  // A staged file that is a hard link to another one gets a copy of its own, since only it may change.
  Result<void> unshare(PlanRow const& row) {
    std::string const staged = site_.staged(row);
    B2B_ASSIGN(auto const there, tree_.status(staged));
    if (!there || there->links <= 1) return {};
    std::string const own = staged + "-own";
    {
      B2B_ASSIGN(UniqueFd const from, tree_.open_file(staged));
      B2B_ASSIGN(UniqueFd const to, tree_.open_new_file(own));
      std::vector<std::uint8_t> buffer(128 * 1024);
      for (;;) {
        B2B_ASSIGN(std::size_t const got, read_some(from.get(), buffer, tree_.absolute(staged)));
        B2B_TRY(write_all(to.get(), std::span<std::uint8_t const>(buffer.data(), got), tree_.absolute(own)));
        if (got < buffer.size()) break;
      }
    }
    B2B_TRY(tree_.rename(own, staged));
    return set_metadata(row);
  }

  Result<void> set_metadata(PlanRow const& row) {
    B2B_ASSIGN(auto const entry, snapshot_.find(row.item.path));
    if (!entry) return {};
    NodeMetadata wanted = metadata_of(entry->entry, rules_.as_root);
    if (!entry->entry.has_metadata && row.item.existing && row.item.existing->type == NodeType::file)
      wanted.mode = row.item.existing->mode;
    auto const set = tree_.set_metadata(site_.staged(row), wanted);
    if (!set)
      notes_.push_back("the mode, owner or time of " + printable(row.item.path) +
                       " could not be set: " + set.error().message);
    return {};
  }

  void tell() {
    if (kept_rows_ > 0)
      notes_.push_back("this machine's own credentials and identity stay: " + std::to_string(kept_rows_) +
                       (kept_rows_ == 1 ? " row" : " rows") + " in " + list_of(kept_in_));
    if (!empty_.empty())
      notes_.push_back(
          "neither the snapshot nor this machine holds credentials for some of what was in use: sign in "
          "again, and pair "
          "devices again, where it is asked for (empty: " +
          list_of(empty_) + ")");
    if (deliveries_ > 0)
      notes_.push_back(std::to_string(deliveries_) +
                       (deliveries_ == 1 ? " message that was" : " messages that were") +
                       " waiting to be sent when the snapshot was taken will not be sent again");
  }

  EngineContext& context_;
  RestoreSite const& site_;
  TargetTree const& tree_;
  PlanStore& plan_;
  Catalog& snapshot_;
  MachineRules const& rules_;
  std::vector<std::string> notes_;
  std::uint64_t kept_rows_ = 0;
  std::set<std::string> kept_in_;
  std::set<std::string> empty_;
  std::uint64_t deliveries_ = 0;
};

}  // namespace

Result<std::vector<std::string>> keep_what_is_this_machines(EngineContext& context, RestoreSite const& site,
                                                            PlanStore& plan, Catalog& snapshot,
                                                            MachineRules const& rules) {
  return MachineKeeper(context, site, plan, snapshot, rules).run();
}

}  // namespace b2b
