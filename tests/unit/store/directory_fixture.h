// A temporary directory with a store in it, for the tests of the directory store.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <sys/stat.h>

#include "core/store/store.h"
#include "core/util/file.h"
#include "tests/unit/store/conformance_support.h"

namespace b2b::test {

class DirectoryFixture {
 public:
  DirectoryFixture()
      : directory_(
            *TemporaryDirectory::create(std::filesystem::temp_directory_path().string(), "b2b-store-")) {
    reopen();
  }
  std::string const& root() const { return directory_.path(); }
  std::string bucket() const { return root() + "/bucket"; }
  std::string path(std::string const& key) const { return bucket() + "/" + key; }
  Store& store() { return *store_; }
  void reopen() {
    auto opened = open_directory_store(root(), "bucket");
    REQUIRE(ok(opened));
    store_ = std::move(*opened);
  }

  void write_file(std::string const& key, std::string const& text) const {
    std::filesystem::create_directories(std::filesystem::path(path(key)).parent_path());
    std::ofstream(path(key), std::ios::binary) << text;
  }

  // Everything below the bucket, folders with a '/' at the end, the temporary folder itself left out.
  std::vector<std::string> files() const {
    std::vector<std::string> found;
    for (auto const& entry : std::filesystem::recursive_directory_iterator(bucket())) {
      std::string name = entry.path().string().substr(bucket().size() + 1);
      if (name == ".b2backupd-tmp") continue;
      found.push_back(entry.is_directory() && !entry.is_symlink() ? name + "/" : name);
    }
    std::ranges::sort(found);
    return found;
  }

  unsigned mode(std::string const& key) const {
    struct stat status {};
    REQUIRE(::lstat(path(key).c_str(), &status) == 0);
    return status.st_mode & 07777U;
  }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
};

}  // namespace b2b::test
