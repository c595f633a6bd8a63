// Random changes against a watcher that runs at the same time: whatever differs between two scans was
// reported, and afterwards every directory is still watched. A failure names its seed, round and operations;
// B2B_SEED=… begins with that seed. What runs at the same time may still go another way.
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <thread>
#include <tuple>

#include <sys/stat.h>

#include "watched.h"

using namespace b2b;
using namespace b2b::test;
namespace fs = std::filesystem;

namespace {

using Key = std::tuple<ino_t, mode_t, off_t, std::int64_t, std::int64_t>;

// Files by their stat keys, directories by their existence.
std::map<std::string, Key> scan(std::string const& root) {
  std::map<std::string, Key> out;
  for (auto const& entry : fs::recursive_directory_iterator(root)) {
    struct stat info {};
    REQUIRE(::lstat(entry.path().c_str(), &info) == 0);
    std::string const path = entry.path().lexically_relative(root);
    bool const is_directory = S_ISDIR(info.st_mode);
    out[path] = {info.st_ino, info.st_mode, is_directory ? 0 : info.st_size,
                 is_directory ? 0 : info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec,
                 is_directory ? 0 : info.st_ctim.tv_sec * 1'000'000'000 + info.st_ctim.tv_nsec};
  }
  return out;
}

// What was done, in order, and the directories that came, went or moved by it: a report of one stands for all
// below it, also where it is the same directory afterwards (it moved away, something in it changed, and it
// moved back).
struct Operations {
  std::string text;
  std::set<std::string> moved;
};

// One random operation; most of them fail now and then, which is fine.
void change_something(std::string const& root, std::mt19937& random, Operations& done) {
  auto const pick = [&] {
    std::string out;
    for (auto depth = 1 + random() % 4; depth > 0; --depth)
      out += (out.empty() ? "d" : "/d") + std::to_string(random() % 3);
    return out;
  };
  auto const pick_file = [&] { return pick() + "/f" + std::to_string(random() % 3); };
  auto const absolute = [&](std::string const& path) { return root + "/" + path; };
  std::error_code failed;
  switch (random() % 10) {
    case 0:
    case 1:
    case 2: {
      auto const path = pick();
      for (std::string made = path; !made.empty() && !path_exists(absolute(made)); made = parent_path(made))
        done.moved.insert(made);
      fs::create_directories(absolute(path), failed);
      done.text += "make " + path + "\n";
      break;
    }
    case 3:
    case 4:
    case 5: {
      auto const path = pick_file();
      if (std::ofstream(absolute(path), std::ios::app) << random()) done.text += "write " + path + "\n";
      break;
    }
    case 6: {
      auto const path = pick();
      if (fs::remove_all(absolute(path), failed) == 0) break;
      done.moved.insert(path);
      done.text += "remove " + path + "\n";
      break;
    }
    case 7: {
      auto const path = pick_file();
      if (fs::remove(absolute(path), failed)) done.text += "remove " + path + "\n";
      break;
    }
    case 8: {
      auto const from = pick(), to = pick();
      fs::rename(absolute(from), absolute(to), failed);
      if (failed) break;
      done.moved.insert({from, to});
      done.text += "move " + from + " to " + to + "\n";
      break;
    }
    default: {
      auto const from = pick() + "/f0", to = pick() + "/f1";
      fs::rename(absolute(from), absolute(to), failed);
      if (!failed) done.text += "move " + from + " to " + to + "\n";
    }
  }
}

// The path, or a directory above it that itself came, went or moved.
bool told(std::string path, std::set<std::string> const& reported, std::set<std::string> const& moved) {
  if (reported.contains(path)) return true;
  for (path = parent_path(path); !path.empty(); path = parent_path(path))
    if (moved.contains(path) && reported.contains(path)) return true;
  return false;
}

constexpr int unlimited = 1 << 30;

// Every directory is watched or polled now: a new file in each is reported. Polling has then seen all that
// was done before, which it must, since a change that is undone before the next look is none to it.
void probe_all(Watched& w, std::map<std::string, Key> const& now, bool may_be_polled) {
  w.changed.clear();
  std::set<std::string> directories;
  for (auto const& [path, key] : now)
    if (S_ISDIR(std::get<1>(key))) directories.insert(path);
  for (auto const& path : directories)
    w.write(path + "/probe");
  if (!may_be_polled) w.settle();
  for (auto const& path : directories) {
    INFO(path);
    auto const reported = [&] {
      return w.changed.contains(path + "/probe") || (may_be_polled && w.changed.contains(path));
    };
    if (may_be_polled)
      REQUIRE(w.until([&] { return reported() || !w.desynced.empty(); }));
    else
      REQUIRE(reported());
  }
}

void run(unsigned seed, int most_watches, bool at_the_same_time) {
  INFO("seed " << seed);
  bool const may_be_polled = most_watches != unlimited;
  Watched w;
  w.options.may_skip_directory = {};
  w.options.poll_interval = std::chrono::milliseconds(2);
  w.system.most_watches = most_watches;
  std::mt19937 random(seed);
  w.start();
  for (int round = 0; round < 25; ++round) {
    INFO("round " << round);
    auto const before = scan(w.root);
    w.changed.clear();
    w.desynced.clear();
    auto const operations = 1 + random() % 60;
    Operations done;
    auto const work = [&] {
      for (auto i = operations; i > 0; --i) {
        change_something(w.root, random, done);
        if (!at_the_same_time && random() % 4 == 0) w.context.poll_one();
      }
    };
    w.context.restart();
    if (at_the_same_time) {
      std::thread worker(work);
      for (int i = 0; i < 20; ++i)
        w.context.run_one_for(std::chrono::microseconds(200));
      worker.join();
    } else {
      work();
    }
    w.settle();
    auto const after = scan(w.root);
    if (!w.desynced.empty()) continue;
    INFO(done.text);
    std::set<std::string> differ;
    for (auto const& [path, key] : after)
      if (auto const old = before.find(path); old == before.end() || old->second != key) differ.insert(path);
    for (auto const& [path, key] : before)
      if (!after.contains(path)) differ.insert(path);
    for (auto const& path : differ) {
      INFO(path);
      if (!may_be_polled) {
        REQUIRE(told(path, w.changed, done.moved));
      } else {  // polled directories stand for what is in them, and come with the next round
        std::string nearest = parent_path(path);  // of what was removed whole, the directory that is left
        while (!nearest.empty() && !after.contains(nearest))
          nearest = parent_path(nearest);
        REQUIRE(w.until([&] {
          return told(path, w.changed, done.moved) || w.changed.contains(nearest) || !w.desynced.empty();
        }));
      }
    }
    probe_all(w, after, may_be_polled);
  }
}

unsigned first_seed(unsigned usual) {
  char const* const given = std::getenv("B2B_SEED");
  return given == nullptr ? usual : static_cast<unsigned>(std::strtoul(given, nullptr, 10));
}

}  // namespace

TEST_CASE("random changes between steps are all reported") {
  unsigned const first = first_seed(1);
  for (unsigned seed = first; seed < first + 15; ++seed)
    run(seed, unlimited, false);
}

TEST_CASE("random changes at the same time are all reported") {
  unsigned const first = first_seed(101);
  for (unsigned seed = first; seed < first + 15; ++seed)
    run(seed, unlimited, true);
}

TEST_CASE("random changes with too few watches are all reported") {
  unsigned const first = first_seed(201);
  for (unsigned seed = first; seed < first + 10; ++seed)
    run(seed, 3 + static_cast<int>(seed % 8), seed % 2 == 0);
}
