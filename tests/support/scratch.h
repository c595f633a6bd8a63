// A private directory for one test, removed with what the test left in it.
#pragma once

#include <filesystem>
#include <string>

#include "core/util/file.h"

namespace b2b::test {

class Scratch {
 public:
  Scratch() : directory_(TemporaryDirectory::create(std::filesystem::temp_directory_path(), "b2b-test-").value()) {}
  std::string const& path() const { return directory_.path(); }
  std::string operator/(std::string_view name) const { return join_path(path(), name); }

 private:
  TemporaryDirectory directory_;
};

}  // namespace b2b::test
