// Random changes against a watcher that runs at the same time: whatever differs between two scans was reported, and
// afterwards every directory is still watched.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>
#include <thread>
#include <tuple>

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

// One random operation; most of them fail now and then, which is fine.
void change_something(std::string const& root, std::mt19937& random) {
  auto const path = [&] {
    std::string out = root;
    for (auto depth = 1 + random() % 4; depth > 0; --depth)
      out += "/d" + std::to_string(random() % 3);
    return out;
  };
  std::error_code ignored;
  switch (random() % 10) {
    case 0:
    case 1:
    case 2:
      fs::create_directories(path(), ignored);
      break;
    case 3:
    case 4:
    case 5:
      std::ofstream(path() + "/f" + std::to_string(random() % 3), std::ios::app) << random();
      break;
    case 6:
      fs::remove_all(path(), ignored);
      break;
    case 7:
      fs::remove(path() + "/f" + std::to_string(random() % 3), ignored);
      break;
    case 8:
      fs::rename(path(), path(), ignored);
      break;
    default:
      fs::rename(path() + "/f0", path() + "/f1", ignored);
  }
}

// The path, or a directory above it that itself came, went or moved.
bool told(std::string path, std::set<std::string> const& reported, std::map<std::string, Key> const& before,
          std::map<std::string, Key> const& after) {
  if (reported.contains(path)) return true;
  for (path = parent_path(path); !path.empty(); path = parent_path(path)) {
    auto const old = before.find(path);
    auto const now = after.find(path);
    bool const same = old != before.end() && now != after.end() && std::get<0>(old->second) == std::get<0>(now->second);
    if (!same && reported.contains(path)) return true;
  }
  return false;
}

constexpr int unlimited = 1 << 30;

void run(unsigned seed, int most_watches, bool at_the_same_time) {
  INFO("seed " << seed);
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
    auto const work = [&] {
      for (auto i = operations; i > 0; --i) {
        change_something(w.root, random);
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
    if (most_watches == unlimited) w.settle();
    auto const after = scan(w.root);
    if (!w.desynced.empty()) continue;
    std::set<std::string> differ;
    for (auto const& [path, key] : after)
      if (auto const old = before.find(path); old == before.end() || old->second != key) differ.insert(path);
    for (auto const& [path, key] : before)
      if (!after.contains(path)) differ.insert(path);
    for (auto const& path : differ) {
      INFO(path);
      if (most_watches == unlimited) {
        REQUIRE(told(path, w.changed, before, after));
      } else {  // polled directories stand for what is in them, and come with the next round
        std::string nearest = parent_path(path);  // of what was removed whole, the directory that is left
        while (!nearest.empty() && !after.contains(nearest)) nearest = parent_path(nearest);
        REQUIRE(w.until([&] {
          return told(path, w.changed, before, after) || w.changed.contains(nearest) || !w.desynced.empty();
        }));
      }
    }
    if (most_watches != unlimited) continue;
    w.changed.clear();
    std::set<std::string> probes;
    for (auto const& [path, key] : after)
      if (S_ISDIR(std::get<1>(key))) probes.insert(path + "/probe");
    for (auto const& probe : probes)
      w.write(probe);
    w.settle();
    for (auto const& probe : probes) {
      INFO(probe);
      REQUIRE(w.changed.contains(probe));
    }
  }
}

}  // namespace

TEST_CASE("random changes between steps are all reported") {
  for (unsigned seed = 1; seed <= 15; ++seed)
    run(seed, unlimited, false);
}

TEST_CASE("random changes at the same time are all reported") {
  for (unsigned seed = 101; seed <= 115; ++seed)
    run(seed, unlimited, true);
}

TEST_CASE("random changes with too few watches are all reported") {
  for (unsigned seed = 201; seed <= 210; ++seed)
    run(seed, 3 + static_cast<int>(seed % 8), seed % 2 == 0);
}
