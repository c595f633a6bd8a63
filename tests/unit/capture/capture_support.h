// A directory to work in, and short words for what the capture tests do again and again.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "core/capture/capture.h"
#include "core/capture/scan.h"
#include "core/sqlite/sqlite.h"
#include "core/util/clock.h"
#include "core/util/file.h"
#include "tests/support/catch.h"

namespace b2b::test {

// The value, or a failed test that says why there is none.
template <class T>
T need(Result<T> result) {
  if (!result) FAIL(result.error().text());
  return std::move(*result);
}
inline void need(Result<void> result) {
  if (!result) FAIL(result.error().text());
}

class Place {
 public:
  explicit Place(std::string const& above = "/tmp") : directory_(need(TemporaryDirectory::create(above, "b2b-capture-"))) {
    need(make_directories(root()));
  }
  std::string const& path() const { return directory_.path(); }
  std::string root() const { return join_path(path(), "state"); }
  std::string at(std::string_view relative) const { return join_path(root(), relative); }
  void directory(std::string_view relative) const { need(make_directories(at(relative), 0755)); }
  // Writes a file and the directories above it.
  std::string write(std::string_view relative, std::string_view content) const {
    std::string const full = at(relative);
    need(make_directories(parent_path(full), 0755));
    UniqueFd const fd = need(open_file(full, O_WRONLY | O_CREAT | O_TRUNC, "write", 0644));
    need(write_all(fd.get(), as_bytes(content), full));
    return full;
  }

 private:
  TemporaryDirectory directory_;
};

inline void append(std::string const& path, std::string_view content) {
  UniqueFd const fd = need(open_file(path, O_WRONLY | O_APPEND, "append to"));
  need(write_all(fd.get(), as_bytes(content), path));
}

inline std::string slurp(std::string const& path) { return need(read_file(path, 1ull << 32)); }

inline std::string body_of(ByteSource const& body) {
  auto reader = need(body.open());
  std::string out;
  std::vector<std::uint8_t> buffer(64 << 10);
  while (auto const got = need(reader->read(buffer))) out.append(as_text({buffer.data(), got}));
  return out;
}

inline sqlite::Database create_database(std::string const& path, std::string const& sql) {
  need(make_directories(parent_path(path), 0755));
  auto database = need(sqlite::Database::open(path, sqlite::OpenMode::create));
  need(database.execute("PRAGMA synchronous=OFF"));  // only the kernel must see it
  need(database.execute(sql));
  return database;
}

inline std::shared_ptr<Spool> spool_in(std::string const& directory) {
  SpoolOptions options;
  options.keep_free_bytes = 0;
  return need(Spool::open(directory, options));
}

// A scan's result for one path, without the scan.
inline ScanItem item_for(Place const& place, std::string_view relative) {
  ScanItem item;
  item.entry.path = relative;
  item.absolute = place.at(relative);
  item.root_bytes = place.root().size();
  return item;
}

inline CaptureResult capture(Place const& place, std::string_view relative, CaptureOptions const& options = {},
                             Clock& clock = system_clock()) {
  return need(capture_file(item_for(place, relative), spool_in(join_path(place.path(), "spool")), options, clock, {}));
}

// The one file of a capture that went well, if only as far as a damaged database lets it.
inline CapturedFile only_file(CaptureResult result) {
  for (auto const& skip : result.skips)
    if (skip.reason != SkipReason::damaged) FAIL(skip.path + " was skipped: " + skip.detail);
  REQUIRE(result.files.size() == 1);
  return std::move(result.files[0]);
}

// The captured body as a database of its own.
inline sqlite::Database open_body(Place const& place, ByteSource const& body, std::string const& name = "restored.sqlite") {
  std::string const path = join_path(place.path(), name);
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << body_of(body);
  return need(sqlite::Database::open(path, sqlite::OpenMode::read_write));
}

struct Scanned {
  std::map<std::string, ScanItem> items;
  std::vector<std::string> order;
  std::map<std::string, Skip> skips;
};

inline Scanned scan_all(std::vector<Root> const& roots, Scope const& scope, std::size_t threads = 4) {
  Scanned out;
  ScanCallbacks callbacks;
  callbacks.entry = [&](ScanItem&& item) {
    out.order.push_back(item.entry.path);
    std::string const path = item.entry.path;
    REQUIRE(out.items.emplace(path, std::move(item)).second);
  };
  callbacks.skip = [&](Skip&& skip) {
    std::string const path = skip.path;
    out.skips.emplace(path, std::move(skip));
  };
  need(scan(roots, scope, threads, callbacks, {}));
  return out;
}

inline Scope everything() { return need(Scope::build({"**"}, {})); }

// Acts as another user while it lives, so that permissions count although the tests run as root.
class WithoutPrivileges {
 public:
  WithoutPrivileges() : was_root_(::geteuid() == 0) {
    if (was_root_) REQUIRE(::seteuid(65534) == 0);
  }
  ~WithoutPrivileges() {
    if (was_root_ && ::seteuid(0) != 0) std::abort();
  }
  WithoutPrivileges(WithoutPrivileges const&) = delete;
  WithoutPrivileges& operator=(WithoutPrivileges const&) = delete;

 private:
  bool was_root_;
};

// The system's clock, with something that happens each time it is asked: capture asks once at its start and then once
// before each copy, between opening the file and reading it.
class MeddlingClock final : public Clock {
 public:
  explicit MeddlingClock(std::function<void(unsigned call)> meddle) : meddle_(std::move(meddle)) {}
  TimePoint now() const override {
    meddle_(calls_++);
    return system_clock().now();
  }
  std::chrono::nanoseconds monotonic() const override { return system_clock().monotonic(); }

 private:
  std::function<void(unsigned)> meddle_;
  mutable unsigned calls_ = 0;
};

}  // namespace b2b::test
