// Glob patterns over '/'-separated relative paths, the dialect of the configuration's include and exclude lists and of
// --path. Pure; no file system access.
//
//   *        any run of characters except '/'          **/   any number of directories, none included
//   ?        one character except '/'                  /**   (at the end) everything below
//   [a-z]    one character of a set, [!a-z] or [^a-z] not        \x    x itself
//
// Rules about where a pattern applies (as in .gitignore): without a '/' (other than at its end) it matches the name of a
// file or directory at any depth; with one it is anchored at the root. With a '/' at its end it matches directories only.
// A pattern that matches a directory covers all below it. Matching is by bytes (a character is a byte) and case-sensitive.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/util/error.h"

namespace b2b {

class Glob {
 public:
  // Fails with Condition::usage on an empty pattern, an unclosed '[', a trailing '\' or a '..' component.
  static Result<Glob> parse(std::string_view pattern);

  // Does the pattern match this very path?
  bool matches(std::string_view path, bool is_directory) const;
  // Does it match the path or one of the directories above it?
  bool covers(std::string_view path, bool is_directory) const;
  // Could something below this directory match? (Lets a scan leave out whole trees.) May say yes too often, never no wrongly.
  bool may_match_below(std::string_view directory) const;
  std::string const& text() const { return text_; }

 private:
  std::string text_;
  std::vector<std::string> components_;  // "**" stands for any number of directories
  bool anchored_ = false;
  bool directories_only_ = false;
};

}  // namespace b2b
