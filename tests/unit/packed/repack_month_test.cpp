// A month of pushes, with retention and a collection a day: what lies in the bucket then is hardly more than a new repository with the same
// snapshots would take, and all of it restores, by the reference reader, too.
#include <sys/wait.h>

#include <cstdlib>
#include <random>

#include "core/packed/collect.h"
#include "core/util/file.h"
#include "tests/support/paths.h"
#include "tests/unit/packed/repository_support.h"

using namespace b2b;
using namespace b2b::packed;
using namespace b2b::packed::test;

namespace {

using std::chrono::hours;
using std::chrono::minutes;

// The tree of an agent at work: logs that grow, files that are written anew, some that come and go.
class Tree {
 public:
  Tree() {
    for (int i = 0; i < 20; ++i) files["blob-" + std::to_string(i)] = bytes(200'000);
    for (int i = 0; i < 300; ++i) files["small/" + std::to_string(i)] = bytes(draw(3'000) + 1);
  }
  void work() {
    std::string& log = files["sessions/" + std::to_string(works_++ / 40)];
    log += log_text(100 + draw(300), static_cast<unsigned>(works_ * 1000));
    if (draw(3) == 0) files["blob-" + std::to_string(draw(20))] = bytes(150'000 + draw(100'000));
    for (int i = 0; i < 3; ++i) files["small/" + std::to_string(draw(300))] = bytes(draw(3'000) + 1);
    std::string& touched = files["blob-" + std::to_string(draw(20))];
    touched.replace(draw(touched.size() - 1000), 500, bytes(500));
  }
  Files files;

 private:
  std::size_t draw(std::size_t below) { return random_() % below; }
  std::string bytes(std::size_t count) {
    std::string text(count, '\0');
    for (char& each : text) each = static_cast<char>(random_());
    return text;
  }
  std::mt19937 random_{20260219};
  std::size_t works_ = 0;
};

struct Stored {
  std::uint64_t bytes = 0, packs = 0, indexes = 0, marks = 0;
};

// Hidden versions count as well.
Stored stored(Store& store) {
  Stored out;
  REQUIRE(store.list_versions(repository_prefix("p"), [&](ObjectVersion const& one) {
    out.bytes += one.size;
    out.packs += one.key.starts_with(packs_prefix("p")) ? 1 : 0;
    out.indexes += one.key.starts_with(indexes_prefix("p")) ? 1 : 0;
    out.marks += one.key.starts_with(marks_prefix("p")) ? 1 : 0;
    return true;
  }, {}));
  return out;
}

struct Kept {
  TimePoint pushed{};
  Files files;
};

// The newest three, and the newest of each of the last four days but today.
bool is_kept(std::map<std::string, Kept> const& all, std::string const& id, TimePoint now) {
  auto const at = all.find(id);
  auto const behind = static_cast<std::size_t>(std::distance(at, all.end()));
  if (behind <= 3) return true;
  auto const day = [](TimePoint time) { return std::chrono::floor<std::chrono::days>(time); };
  return day(now) - day(at->second.pushed) <= std::chrono::days(4) && day(std::next(at)->second.pushed) != day(at->second.pushed);
}

int reference_reader(Store& store, std::string const& what) {
  b2b::test::Scratch const scratch;
  for (std::string const& key : keys_of(store)) {
    std::string const path = scratch / ("bucket/" + key);
    REQUIRE(make_directories(path.substr(0, path.rfind('/'))));
    REQUIRE(atomic_write_file(path, get_text(store, key, max_pack_bytes, {}).value()));
  }
  REQUIRE(atomic_write_file(scratch / "secret", "correct horse\n"));
  std::string const command = "python3 -B '" + b2b::test::source_directory() + "/tests/reference/read_repository.py' '" + (scratch / "bucket") +
                              "' p --secret-file '" + (scratch / "secret") + "' --kind passphrase " + what + " > '" + (scratch / "said") + "' 2>&1";
  int const status = std::system(command.c_str());
  WARN(read_file(scratch / "said", 1 << 20).value());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("a month of pushes leaves hardly more than a new repository would take", "[repack_month]") {
  ManualClock clock{TimePoint(std::chrono::seconds(1'771'502'400))};
  std::shared_ptr<Store> const store = make_memory_store(clock, true);
  OpenedRepository const keys = open_keys(*store, clock).value();
  Machine machine(store, keys);
  std::map<std::string, Kept> kept;
  Tree tree;
  CollectReport total;
  std::uint64_t most = 0;
  auto const collect_once = [&] {
    machine.open();
    auto const report = collect(machine.repository, machine.scratch.path(), {});
    if (!report) FAIL(report.error().text());
    total.packs_removed += report->packs_removed;
    total.bytes_removed += report->bytes_removed;
    total.packs_repacked += report->packs_repacked;
    total.bytes_repacked += report->bytes_repacked;
    total.indexes_merged += report->indexes_merged;
  };
  std::uint64_t pushed_bytes = 0;
  for (int push = 0; push < 200; ++push) {
    tree.work();
    machine.open();
    machine.clock.advance(minutes(216));
    auto const done = machine.push(tree.files);
    pushed_bytes += done.bytes;
    kept[done.id.text] = {clock.now(), tree.files};
    clock.advance(minutes(216));  // 200 in 30 days
    for (auto it = kept.begin(); it != kept.end();) {
      bool const stays = is_kept(kept, it->first, clock.now());
      if (!stays) REQUIRE(remove_all(*store, snapshot_key("p", it->first), {}));
      it = stays ? std::next(it) : kept.erase(it);
    }
    if (push % 7 == 6) {
      collect_once();
      most = std::max(most, stored(*store).bytes);
    }
  }
  Stored const last_day = stored(*store);
  std::vector<Stored> after;
  for (int day = 0; day < 7; ++day) {
    clock.advance(hours(26));
    collect_once();
    after.push_back(stored(*store));
  }
  Stored const now = after.back();

  std::shared_ptr<Store> const fresh_store = make_memory_store(clock, true);
  Machine fresh(fresh_store, open_keys(*fresh_store, clock).value());
  for (auto const& [id, snapshot] : kept) fresh.push(snapshot.files);
  Stored const needed = stored(*fresh_store);
  WARN(kept.size() << " snapshots kept; pushed " << pushed_bytes << " bytes, repacked " << total.packs_repacked << " packs into " << total.bytes_repacked
                   << " bytes, removed " << total.packs_removed << ", merged " << total.indexes_merged << " index objects; at most " << most
                   << " bytes stored, " << last_day.bytes << " in " << last_day.packs << " packs and " << last_day.indexes
                   << " index objects on the last day, " << after[2].bytes << " after three days, " << now.bytes << " in " << now.packs << " packs and "
                   << now.indexes << " index objects after seven; new: " << needed.bytes << " in " << needed.packs << " packs");
  CHECK(kept.size() >= 5);
  CHECK(now.marks == 0);
  CHECK(now.bytes * 10 <= needed.bytes * 12);
  CHECK(now.packs <= 10);
  CHECK(now.indexes <= 33);
  Machine reader(store, keys);
  REQUIRE(reader.synced);
  for (auto const& [id, snapshot] : kept) {
    INFO("snapshot " << id);
    CHECK(restore(reader, *parse_snapshot_id(id)) == snapshot.files);
  }
  CHECK(reference_reader(*store, "check") == 0);
}
