// The plan of a restore, against targets that exist only in memory.
#include "core/engine/restore_plan.h"

#include <map>
#include <set>

#include "core/engine/restore_names.h"
#include "core/engine/restore_plan_store.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using b2b::test::Scratch;

namespace {

struct FakeNode {
  NodeStatus status;
  std::string content;  // or link target
  bool database = false;
};

class FakeTarget final : public TargetView {
 public:
  std::map<std::string, FakeNode, std::less<>> nodes;
  std::uint64_t longest_name = 255;

  FakeTarget() { directory(""); }
  FakeNode& add(std::string const& path, NodeType type, std::string const& content) {
    FakeNode& node = nodes[path];
    node.status.type = type;
    node.status.mode = type == NodeType::directory ? 0700 : 0600;
    node.status.size = content.size();
    node.status.mtime_ns = 1000;
    node.status.inode = nodes.size();
    node.status.mount = 1;
    node.content = content;
    return node;
  }
  FakeNode& file(std::string const& path, std::string const& content) {
    return add(path, NodeType::file, content);
  }
  FakeNode& directory(std::string const& path) { return add(path, NodeType::directory, ""); }
  FakeNode& link(std::string const& path, std::string const& to) { return add(path, NodeType::symlink, to); }

  Result<std::optional<NodeStatus>> status(std::string_view path) override {
    auto const node = nodes.find(path);
    if (node == nodes.end()) return std::optional<NodeStatus>();
    return std::optional<NodeStatus>(node->second.status);
  }
  Result<std::string> link_target(std::string_view path) override { return nodes.find(path)->second.content; }
  Result<bool> holds(CatalogEntry const& entry, NodeStatus const&) override {
    return sha256(nodes.find(entry.entry.path)->second.content) == entry.entry.hash;
  }
  Result<bool> has_database(std::string_view path, NodeStatus const&) override {
    return nodes.find(path)->second.database;
  }
  std::uint64_t name_max() const override { return longest_name; }
};

class Snapshot {
 public:
  Snapshot() : catalog(Catalog::create(scratch_ / "catalog").value()) {}
  Entry entry(std::string const& path, EntryType type) {
    Entry out;
    out.path = path;
    out.type = type;
    out.mode = type == EntryType::directory ? 0700 : 0600;
    out.mtime_ns = 1000;
    return out;
  }
  void put(Entry const& entry) {
    CatalogEntry row;
    row.entry = entry;
    row.stored_name = entry.path;
    REQUIRE(catalog.put(row));
  }
  Entry file(std::string const& path, std::string const& content) {
    Entry out = entry(path, EntryType::file);
    out.size = content.size();
    out.hash = sha256(content);
    put(out);
    return out;
  }
  void directory(std::string const& path) { put(entry(path, EntryType::directory)); }
  void link(std::string const& path, std::string const& to) {
    Entry out = entry(path, EntryType::symlink);
    out.target = to;
    put(out);
  }

 private:
  Scratch scratch_;

 public:
  Catalog catalog;
};

using Plan = std::map<std::string, PlanItem>;

Plan plan(Snapshot& snapshot, FakeTarget& target, PlanRules const& rules = {}) {
  Plan out;
  std::string last;
  auto const done = plan_restore(snapshot.catalog, target, rules, [&](PlanItem&& item) -> Result<void> {
    CHECK((out.empty() || last <= item.path || item.action == PlanAction::make_directory));
    last = item.path;
    CHECK_FALSE(out.contains(item.path));  // one item for each path
    out[item.path] = std::move(item);
    return {};
  });
  REQUIRE(done);
  return out;
}

Plan removals(Snapshot& snapshot, Snapshot& present, FakeTarget& target, RemovalRules const& rules) {
  Plan out;
  auto const done =
      plan_removals(present.catalog, snapshot.catalog, target, rules, [&](PlanItem&& item) -> Result<void> {
        out[item.path] = std::move(item);
        return {};
      });
  REQUIRE(done);
  return out;
}

PlanRules only(std::string const& glob) {
  PlanRules rules;
  rules.paths.push_back(Glob::parse(glob).value());
  return rules;
}

}  // namespace

TEST_CASE("restore plan: nothing there, everything is written") {
  Snapshot snapshot;
  FakeTarget target;
  target.nodes.clear();
  snapshot.directory("empty");
  snapshot.file("workspace/a.md", "a");
  snapshot.link("workspace/l", "a.md");
  auto const items = plan(snapshot, target);
  CHECK(items.at("empty").action == PlanAction::make_directory);
  CHECK(items.at("workspace").action ==
        PlanAction::make_directory);  // on the way, although the snapshot does not name it
  CHECK(items.at("workspace/a.md").action == PlanAction::write_file);
  CHECK(items.at("workspace/a.md").bytes == 1);
  CHECK(items.at("workspace/l").action == PlanAction::make_symlink);
  CHECK(items.size() == 4);
}

TEST_CASE("restore plan: what is as in the snapshot is left alone") {
  Snapshot snapshot;
  FakeTarget target;
  snapshot.directory("d");
  snapshot.file("d/same", "x");
  snapshot.file("d/mode", "x");
  snapshot.file("d/time", "x");
  snapshot.file("d/content", "x");
  snapshot.link("d/link", "same");
  snapshot.link("d/other-link", "same");
  target.directory("d");
  target.file("d/same", "x");
  target.file("d/mode", "x").status.mode = 0644;
  target.file("d/time", "x").status.mtime_ns = 999;
  target.file("d/content", "y");
  target.link("d/link", "same");
  target.link("d/other-link", "elsewhere");
  auto const items = plan(snapshot, target);
  CHECK(items.at("d").action == PlanAction::keep_directory);
  CHECK(items.at("d/same").action == PlanAction::unchanged);
  CHECK(items.at("d/mode").action == PlanAction::set_metadata);
  CHECK(items.at("d/time").action == PlanAction::set_metadata);
  CHECK(items.at("d/content").action == PlanAction::write_file);
  CHECK(items.at("d/content").existing);
  CHECK(items.at("d/link").action == PlanAction::unchanged);
  CHECK(items.at("d/other-link").action == PlanAction::make_symlink);
}

TEST_CASE("restore plan: owners and set-id bits count for root only") {
  Entry entry;
  entry.mode = 04755;
  entry.uid = 1000;
  entry.mtime_ns = 5;
  NodeStatus existing;
  existing.mode = 0755;
  existing.mtime_ns = 5;
  CHECK_FALSE(metadata_differs(entry, existing, false));
  CHECK(metadata_differs(entry, existing, true));
  CHECK(metadata_of(entry, false).mode == 0755U);
  CHECK_FALSE(metadata_of(entry, false).uid);
  CHECK(metadata_of(entry, true).mode == 04755U);
  CHECK(metadata_of(entry, true).uid == 1000U);
  entry.has_metadata = false;
  CHECK(metadata_of(entry, true) == NodeMetadata{});
  CHECK_FALSE(metadata_differs(entry, existing, true));
}

TEST_CASE("restore plan: a symbolic link on the way is never followed") {
  Snapshot snapshot;
  FakeTarget target;
  snapshot.file("plain/x", "x");
  snapshot.file("plain/sub/y", "y");
  snapshot.file("other", "o");
  target.link("plain", "/etc");
  SECTION("the snapshot only implies the directory: refused, by name") {
    auto const items = plan(snapshot, target);
    CHECK(items.at("plain/x").action == PlanAction::refused);
    CHECK(items.at("plain/x").problem.find("plain is a symbolic link") != std::string::npos);
    CHECK(items.at("plain/sub/y").action == PlanAction::refused);
    CHECK(items.at("other").action == PlanAction::write_file);  // the rest goes on
    CHECK(items.size() == 3);
  }
  SECTION("the snapshot has the directory: it takes the link's place") {
    snapshot.directory("plain");
    auto const items = plan(snapshot, target);
    CHECK(items.at("plain").action == PlanAction::make_directory);
    CHECK(items.at("plain").displaces);
    CHECK(items.at("plain/x").action == PlanAction::write_file);
    CHECK_FALSE(items.at("plain/x").existing);
    // Not when the person asked for something below it only.
    CHECK(plan(snapshot, target, only("plain/x")).at("plain/x").action == PlanAction::refused);
  }
}

TEST_CASE("restore plan: a snapshot that contradicts itself") {
  Snapshot snapshot;
  FakeTarget target;
  snapshot.link("a", "/etc");
  snapshot.file("a/passwd", "x");
  snapshot.file("b", "file");
  snapshot.file("b/c/d", "x");
  auto const items = plan(snapshot, target);
  CHECK(items.at("a").action == PlanAction::make_symlink);
  CHECK(items.at("a/passwd").action == PlanAction::refused);
  CHECK(items.at("a/passwd").problem.find("symbolic link") != std::string::npos);
  CHECK(items.at("b").action == PlanAction::write_file);
  CHECK(items.at("b/c/d").action == PlanAction::refused);
}

TEST_CASE("restore plan: another kind of thing in the way is moved as a whole") {
  Snapshot snapshot;
  FakeTarget target;
  snapshot.file("was-dir", "now a file");
  snapshot.directory("was-file");
  snapshot.file("was-file/x", "x");
  snapshot.file("was-link", "file");
  target.directory("was-dir");
  target.file("was-dir/inside", "i");
  target.file("was-file", "f");
  target.link("was-link", "/etc/passwd");
  auto const items = plan(snapshot, target);
  CHECK(items.at("was-dir").displaces);
  CHECK(items.at("was-dir").action == PlanAction::write_file);
  CHECK(items.at("was-file").displaces);
  CHECK(items.at("was-file").action == PlanAction::make_directory);
  CHECK(items.at("was-file/x").action == PlanAction::write_file);
  CHECK_FALSE(items.at("was-link").displaces);  // replaced by rename, never followed
  CHECK(items.at("was-link").action == PlanAction::write_file);
}

TEST_CASE("restore plan: databases are noticed") {
  Snapshot snapshot;
  FakeTarget target;
  Entry database = snapshot.file("state/o.sqlite", "new");
  database.database = true;
  snapshot.put(database);
  snapshot.file("notes", "n");
  target.directory("state");
  target.file("state/o.sqlite", "live").database = true;
  target.directory("notes");
  target.nodes.find("notes")->second.database = true;  // has one in it
  auto const items = plan(snapshot, target);
  CHECK(items.at("state/o.sqlite").touches_database);
  CHECK(items.at("state/o.sqlite").makes_database);
  CHECK(items.at("notes").touches_database);
  target.file("state/o.sqlite", "new").database = true;
  target.nodes.find("state/o.sqlite")->second.status.mtime_ns = 77;  // a checkpoint: no reason to touch it
  auto const same = plan(snapshot, target).at("state/o.sqlite");
  CHECK(same.action == PlanAction::unchanged);
  CHECK_FALSE(same.touches_database);
}

TEST_CASE("restore plan: names") {
  Snapshot snapshot;
  FakeTarget target;
  std::string const too_long(256, 'n');
  snapshot.file(too_long, "x");
  snapshot.file("d/" + too_long + "/x", "x");
  snapshot.file(std::string(255, 'm'), "x");
  snapshot.file("b2backupd/lock", "x");
  snapshot.file("b2backupd-not-ours", "x");
  snapshot.file("w/.b2backupd-restore-1/journal", "x");
  PlanRules rules;
  rules.in_place = true;
  auto items = plan(snapshot, target, rules);
  CHECK(items.at(too_long).action == PlanAction::refused);
  CHECK(items.at(too_long).problem.find("256 bytes") != std::string::npos);
  CHECK(items.at("d/" + too_long + "/x").action == PlanAction::refused);
  CHECK(items.at(std::string(255, 'm')).action == PlanAction::write_file);
  CHECK(items.at("b2backupd/lock").action == PlanAction::refused);
  CHECK(items.at("b2backupd-not-ours").action == PlanAction::write_file);
  CHECK(items.at("w/.b2backupd-restore-1/journal").action == PlanAction::refused);
  CHECK(plan(snapshot, target).at("b2backupd/lock").action ==
        PlanAction::write_file);  // elsewhere it is just a name
  target.longest_name = 143;
  CHECK(plan(snapshot, target, rules).at(std::string(255, 'm')).action == PlanAction::refused);
  for (char const* const bad : {"/etc/passwd", "../x", "a/../b", "", "a//b", "a/./b"})
    CHECK_FALSE(name_problem(bad, 255, false).empty());
  CHECK_FALSE(name_problem(std::string_view("a\0b", 3), 255, false).empty());
}

TEST_CASE("restore plan: file systems mounted below the target") {
  Snapshot snapshot;
  FakeTarget target;
  snapshot.file("a", "x");
  snapshot.directory("w");
  snapshot.file("w/f", "x");
  snapshot.file("w/d/g", "x");
  snapshot.file("bound", "x");
  target.directory("w").status.mount = 2;
  target.file("bound", "y").status.mount = 3;
  auto const items = plan(snapshot, target);
  CHECK(items.at("a").mount_top.empty());
  CHECK(items.at("w").action == PlanAction::keep_directory);
  CHECK(items.at("w/f").mount_top == "w");
  CHECK(items.at("w/d").mount_top == "w");
  CHECK(items.at("w/d/g").mount_top == "w");
  CHECK(items.at("bound").action == PlanAction::refused);
  CHECK(items.at("bound").problem.find("mount point") != std::string::npos);
}

TEST_CASE("restore plan: --path chooses") {
  Snapshot snapshot;
  FakeTarget target;
  snapshot.directory("workspace");
  snapshot.file("workspace/a.md", "x");
  snapshot.file("workspace/sub/b.md", "x");
  snapshot.file("openclaw.json", "x");
  CHECK(plan(snapshot, target, only("*.md")).size() == 4);  // two files and the directories on their way
  CHECK_FALSE(plan(snapshot, target, only("*.md")).contains("openclaw.json"));
  CHECK(plan(snapshot, target, only("workspace/**")).contains("workspace/sub/b.md"));
  CHECK(plan(snapshot, target, only("nothing/here")).empty());
}

TEST_CASE("restore plan: hard links") {
  Snapshot snapshot;
  FakeTarget target;
  snapshot.file("a", "x");
  Entry second = snapshot.file("b", "x");
  second.hard_link_of = "a";
  snapshot.put(second);
  target.file("a", "x");
  target.file("b", "x");
  SECTION("two files where there was one: made again") {
    auto const items = plan(snapshot, target);
    CHECK(items.at("a").action == PlanAction::unchanged);
    CHECK(items.at("b").action == PlanAction::write_file);
    // Alone it is a file like any other.
    CHECK(plan(snapshot, target, only("/b")).at("b").action == PlanAction::unchanged);
  }
  SECTION("one file") {
    target.nodes.find("b")->second.status.inode = target.nodes.find("a")->second.status.inode;
    CHECK(plan(snapshot, target).at("b").action == PlanAction::unchanged);
  }
}

TEST_CASE("restore plan: what the snapshot does not hold goes, within its own scope") {
  Snapshot snapshot, present;
  FakeTarget target;
  Scope const scope = Scope::build({}, {}).value();
  snapshot.file("workspace/keep.md", "x");
  snapshot.file("workspace/dir-now-file", "x");
  for (char const* const directory :
       {"workspace", "workspace/new", "workspace/kept-parent", "workspace/skipped-dir",
        "workspace/dir-now-file", "agents", "agents/a", "agents/a/sessions", "b2backupd"}) {
    present.directory(directory);
    target.directory(directory);
  }
  snapshot.file("workspace/kept-parent/x", "x");
  for (char const* const file :
       {"workspace/keep.md", "workspace/extra.md", "workspace/new/n.md", "workspace/skipped.md",
        "workspace/skipped-dir/s.md", "workspace/dir-now-file/inside", "workspace/.b2backupd-replaced-1",
        "agents/a/sessions/new.jsonl", "out-of-scope.txt"}) {
    present.file(file, "x");
    target.file(file, "x");
  }
  RemovalRules rules;
  rules.scope = &scope;
  rules.skipped = {"workspace/skipped.md", "workspace/skipped-dir"};
  auto const items = removals(snapshot, present, target, rules);
  CHECK(items.at("workspace/extra.md").action == PlanAction::move_away);
  CHECK(items.at("workspace/new/n.md").action == PlanAction::move_away);
  CHECK(items.at("workspace/new").action == PlanAction::remove_directory);
  CHECK_FALSE(items.at("workspace/new").only_if_emptied);
  CHECK(items.at("agents/a/sessions/new.jsonl").action == PlanAction::move_away);
  CHECK(items.at("agents").only_if_emptied);  // not itself in scope
  CHECK_FALSE(items.contains("workspace/keep.md"));
  CHECK_FALSE(items.contains("workspace/kept-parent"));
  CHECK_FALSE(items.contains("workspace/skipped.md"));
  CHECK_FALSE(items.contains("workspace/skipped-dir/s.md"));
  CHECK_FALSE(items.contains("workspace/skipped-dir"));
  CHECK_FALSE(items.contains("workspace/dir-now-file/inside"));  // goes with its directory
  CHECK_FALSE(items.contains("workspace/.b2backupd-replaced-1"));
  CHECK_FALSE(items.contains("out-of-scope.txt"));
  CHECK_FALSE(items.contains("b2backupd"));
  rules.skipped = {"."};
  CHECK(removals(snapshot, present, target, rules).empty());
}

TEST_CASE("plan store: keeps, finds and orders what it is given") {
  Scratch scratch;
  auto store = PlanStore::create(scratch / "plan").value();
  for (int i = 0; i < 1000; ++i) {
    PlanItem item;
    item.path = "d/" + std::to_string(1000 + i);
    item.action = i % 2 == 0 ? PlanAction::write_file : PlanAction::move_away;
    item.bytes = 5000;
    item.mount_top = i < 500 ? "" : "d";
    if (i == 7) {
      item.existing = NodeStatus{NodeType::symlink, 0644, 1, 2, 3, -4, 0, 5, 6, 7};
      item.displaces = item.touches_database = true;
    }
    REQUIRE(store.put(item));
  }
  auto const seventh = store.find("d/1007").value();
  REQUIRE(seventh);
  CHECK(seventh->item.displaces);
  CHECK(seventh->item.touches_database);
  CHECK_FALSE(seventh->item.makes_database);
  CHECK(seventh->item.existing->mtime_ns == -4);
  CHECK(seventh->item.existing->type == NodeType::symlink);
  CHECK_FALSE(store.find("d/1008").value()->item.existing);
  CHECK_FALSE(store.find("d").value());
  std::vector<std::string> up, down;
  REQUIRE(store.for_each({PlanAction::write_file}, PlanStore::Order::ascending,
                         [&](PlanRow&& row) -> Result<void> {
                           up.push_back(row.item.path);
                           return store.set_staged(row.number, row.item.path == "d/1000");
                         }));
  REQUIRE(store.for_each({PlanAction::write_file}, PlanStore::Order::descending,
                         [&](PlanRow&& row) -> Result<void> {
                           CHECK(row.staged);
                           down.push_back(row.item.path);
                           return {};
                         }));
  CHECK(up.size() == 500);
  CHECK(std::vector<std::string>(down.rbegin(), down.rend()) == up);
  CHECK(store.find("d/1000").value()->staged_database);
  CHECK(store.moves_anything_below("d").value());
  CHECK_FALSE(store.moves_anything_below("d/1").value());
  auto const mounts = store.mounts().value();
  CHECK(mounts.at("").bytes == 500 * 8192);
  CHECK(mounts.at("d").entries == 500);
  REQUIRE(store.set_refused(seventh->number, "because"));
  CHECK(store.find("d/1007").value()->item.problem == "because");
}

namespace {

// A file system that does not tell upper from lower case.
class FoldingShadow final : public NameShadow {
 public:
  Result<std::string> claim(std::string_view path, bool) override {
    std::string folded(path);
    for (char& c : folded)
      c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    if (folded.find(':') != std::string::npos) return std::string("cannot hold ':'");
    return taken_.insert(folded).second ? std::string() : std::string("the same name as another");
  }

 private:
  std::set<std::string> taken_;
};

}  // namespace

TEST_CASE("names that the target would fold together are refused, each by name") {
  Scratch scratch;
  auto store = PlanStore::create(scratch / "plan").value();
  for (char const* const path : {"README", "Readme", "a:b", "other", "readme"}) {
    PlanItem item;
    item.path = path;
    item.action = std::string_view(path) == "other" ? PlanAction::unchanged : PlanAction::write_file;
    REQUIRE(store.put(item));
  }
  FoldingShadow shadow;
  std::vector<std::string> refused;
  REQUIRE(refuse_impossible_names(
      store, "", shadow, [&](std::string const& path, std::string const&) { refused.push_back(path); }));
  CHECK(refused == std::vector<std::string>{"Readme", "a:b", "readme"});
  CHECK(store.find("README").value()->item.action == PlanAction::write_file);
  CHECK(store.find("Readme").value()->item.action == PlanAction::refused);
}

TEST_CASE("an ordinary file system tells all names apart; the shadow agrees with it") {
  Scratch scratch;
  auto const tree = TargetTree::open(scratch.path()).value();
  REQUIRE(tree.make_directory("names", 0700));
  auto const plain = names_are_plain(tree, "names");
  REQUIRE(plain);
  if (!*plain) {
    WARN("skipped: the temporary directory lies on a file system that folds names");
    return;
  }
  CHECK(tree.list("names").value().empty());
  DirectoryNameShadow shadow(tree, "names");
  CHECK(shadow.claim("d", true).value().empty());
  CHECK(shadow.claim("d/a", false).value().empty());
  CHECK(shadow.claim("d/A", false).value().empty());
  CHECK(shadow.claim("other/deep/x", false).value().empty());
  CHECK(shadow.claim("d/a", false).value().find("same name") != std::string::npos);
  CHECK(shadow.claim(std::string(300, 'x'), false).value().find("cannot hold") != std::string::npos);
}

TEST_CASE("plan: the gateway's lock files are not restored over those that tell whether it runs") {
  std::string const lock = "tmp/openclaw-1000/gateway.state.lock.sqlite";
  CHECK_FALSE(name_problem(lock, 255, true).empty());
  CHECK(name_problem(lock, 255, false).empty());
  CHECK(name_problem("tmp/openclaw-1000/other", 255, true).empty());
}
