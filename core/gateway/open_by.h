// Who has these files open? From /proc, by device and inode, so that hard links and other names count.
#pragma once

#include <string>
#include <vector>

namespace b2b {

struct Opener {
  int pid = 0;
  std::string command;   // name of the program, at most 15 characters
  std::string path;      // as it was asked for
  friend bool operator==(Opener const&, Opener const&) = default;
};

struct OpenFiles {
  std::vector<Opener> openers;     // each pid and path once, this process left out
  bool complete = true;            // every process of this user could be inspected
  std::size_t not_inspected = 0;   // processes (also of other users) that could not; as root usually 0
};

// Paths that do not exist are left out of the question. What is open at the moment of the call: a process may open a file
// right after it. `complete` is false, too, when /proc cannot be read.
OpenFiles open_by(std::vector<std::string> const& paths);

}  // namespace b2b
