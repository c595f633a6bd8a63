#include "daemon/setup/trial.h"

#include <algorithm>
#include <array>

#include <unistd.h>

#include "core/config/sources.h"
#include "core/util/file.h"

namespace b2b::setup {
namespace {

constexpr std::uint64_t left_alone_bytes = 64ull << 20;

}  // namespace

std::string scratch_parent(ConfigSources const& sources) {
  std::string const configured(variable(sources, "TMPDIR"));
  for (std::string const& place : {configured, std::string("/var/tmp")})
    if (place.starts_with('/') && ::access(place.c_str(), W_OK | X_OK) == 0) return place;
  return "/tmp";
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "this-machine";
  return name.data();
}

std::string pattern_of(std::string_view path) {
  std::string out;
  for (char const c : path) {
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

void Sample::add(std::string const& path, std::uint64_t bytes, bool database) {
  ++files_;
  bytes_ += bytes;
  bool const always = path == "openclaw.json" || database || path.ends_with(".sqlite");
  bool const also = !always && others_ < others_max && other_bytes_ + bytes <= other_bytes_max;
  if (!(always || also) || patterns_.size() >= named_max) return;
  patterns_.push_back(pattern_of(path));
  chosen_.insert(path);
  sampled_bytes_ += bytes;
  if (!also) return;
  ++others_;
  other_bytes_ += bytes;
}

void Sample::decide(std::uint64_t room) {
  room_ = room;
  sampled_ = bytes_ > all_bytes_max || bytes_ + left_alone_bytes > room;
  if (!sampled_) patterns_.clear();
}

std::uint64_t Sample::needed_bytes() const {
  return (sampled_ ? sampled_bytes_ : bytes_) + left_alone_bytes;
}

bool Sample::covers(std::string const& path) const {
  return !sampled_ || chosen_.count(path) > 0;
}

}  // namespace b2b::setup
