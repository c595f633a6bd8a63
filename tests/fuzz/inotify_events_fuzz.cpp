// Any bytes as what the kernel reports: they are taken or ask for a rescan, and the names in them stay inside the tree.
#include <cerrno>
#include <cstdint>
#include <map>
#include <string>

#include "core/util/error.h"
#include "core/watch/inotify_tree.h"

using namespace b2b;

namespace {

// Watches most of what it is asked to; nothing of it exists and could be listed. The root's watch is 2.
class AnySystem final : public WatchSystem {
 public:
  int open() override { return 0; }
  int add(int, std::string const& path, std::uint32_t) override {
    if (path.size() > 4096) return -ENAMETOOLONG;
    if (path.size() % 7 == 6) return -ENOENT;
    auto const [place, is_new] = watches_.emplace(path, last_ + 1);
    if (is_new) ++last_;
    return place->second;
  }
  void remove(int, int watch) override {
    B2B_ASSERT(std::erase_if(watches_, [&](auto const& known) { return known.second == watch; }) <= 1);
  }
  std::uint64_t limit(std::string const&) override { return 0; }

 private:
  std::map<std::string, int> watches_;
  int last_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::span<std::uint8_t const> rest(data, size);
  while (auto const event = next_inotify_event(rest))
    B2B_ASSERT(event->name.find('/') == std::string_view::npos && event->name != "..");

  AnySystem system;
  InotifyTree tree(system, "/nonexistent-b2b/root", {}, [](std::string const& path) {
    B2B_ASSERT(!path.starts_with('/') && ("/" + path + "/").find("/../") == std::string::npos);
  });
  B2B_ASSERT(tree.attach(0));
  tree.work(1);
  auto const outcome = tree.handle({data, size});
  if (!rest.empty()) B2B_ASSERT(!outcome.lost.empty() || size == 0);
  for (int i = 0; i < 1000 && tree.pending() > 0; ++i)
    tree.work(16);
  B2B_ASSERT(tree.pending() == 0 || size > 16000);
  return 0;
}
