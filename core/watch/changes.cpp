#include "core/watch/changes.h"

#include <algorithm>
#include <utility>

namespace b2b {

void ChangeSet::note(TimePoint at) {
  first_change_ = first_change_ ? std::min(*first_change_, at) : at;
  last_change_ = last_change_ ? std::max(*last_change_, at) : at;
}

void ChangeSet::add(std::string_view path, TimePoint at) {
  note(at);
  if (paths_.contains(path)) return;
  if (paths_.size() >= max_paths || path.size() > max_path_bytes - path_bytes_) {
    ++not_kept_;
    return;
  }
  paths_.emplace(path);
  path_bytes_ += path.size();
}

void ChangeSet::add_unknown(TimePoint at) {
  note(at);
  unknown_ = true;
}

void ChangeSet::add_all(ChangeSet const& other) {
  if (other.empty()) return;
  for (auto const& path : other.paths_)
    add(path, *other.first_change_);
  note(*other.first_change_);
  note(*other.last_change_);
  not_kept_ += other.not_kept_;
  unknown_ = unknown_ || other.unknown_;
}

std::string ChangeSet::count_text() const {
  if (empty()) return "nothing";
  if (unknown_) return "an unknown number of files";
  std::string const count = std::to_string(paths_.size()) + (paths_.size() == 1 ? " file" : " files");
  return not_kept_ == 0 ? count : count + " and more";
}

void ChangeSet::clock_is(TimePoint now) {
  if (empty()) return;
  first_change_ = std::min(*first_change_, now);
  last_change_ = std::min(*last_change_, now);
}

ChangeSet ChangeSet::take() { return std::exchange(*this, ChangeSet()); }

void ChangeSet::clear() { *this = ChangeSet(); }

}  // namespace b2b
