// What belongs into a snapshot. Pure: rules in, yes or no (with the reason) out.
//
// A path is taken when an include rule covers it and no exclude rule does. User excludes are strongest, then user
// includes, then the built-in excludes, then the built-in includes; the private list (never_taken) beats them all.
// The scope is recorded in each snapshot, so that a restore knows which files it would have held. Immutable once made:
// safe from any thread.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/util/error.h"
#include "core/util/glob.h"

namespace b2b {

class Scope {
 public:
  // The built-in rules (the plugin's, plus what today's OpenClaw needs) with the user's on top.
  // `root_labels`: labelled roots (workspaces and agent directories outside the state directory), taken whole but for the
  // excludes. bad_config: a pattern that cannot be parsed or is not UTF-8, named.
  static Result<Scope> build(std::vector<std::string> const& user_include, std::vector<std::string> const& user_exclude,
                             std::vector<std::string> const& root_labels = {});
  // The rules of the plugin, for the snapshots it wrote.
  static Scope seed();
  // As recorded in a manifest: {"version":1,"include":[…],"exclude":[…],"userInclude":[…],"userExclude":[…]}.
  // corrupt: not of that form, or with a pattern that cannot be parsed. unsupported: a version newer than ours.
  static Result<Scope> parse(boost::json::value const& recorded);
  boost::json::value record() const;

  enum class Verdict { taken, not_included, excluded, never };
  // `path` as in Entry::path, any bytes; not empty.
  Verdict verdict(std::string_view path, bool is_directory) const;
  bool takes(std::string_view path, bool is_directory) const { return verdict(path, is_directory) == Verdict::taken; }
  // May anything below this directory be taken? False lets a scan leave the tree alone.
  bool may_take_below(std::string_view directory) const;

  // The same answers for a walk from the root down, without looking at all directories above again each time: which rules
  // cover a path is what covers its directory and what matches the path itself. The root is Cover{}.
  struct Cover {
    bool never = false, user_exclude = false, user_include = false, exclude = false, include = false;
  };
  Cover cover(Cover const& directory, std::string_view path, bool is_directory) const;
  static Verdict verdict(Cover const& cover);
  bool may_take_below(Cover const& cover, std::string_view directory) const;

 private:
  // A list as it is recorded, and what it compiles to: "a/**" also stands for the directory a itself, so that an empty
  // one is kept.
  struct Rules {
    std::vector<std::string> patterns;
    std::vector<Glob> globs;
    Result<void> add(std::string_view pattern, bool with_directory);
    bool matches(std::string_view path, bool is_directory) const;
    bool may_match_below(std::string_view directory) const;
  };
  Rules include_, exclude_, user_include_, user_exclude_;
};

// Directories that hold this file must never be taken, wherever they are (FACTS: a private update capture of OpenClaw).
inline constexpr std::string_view private_capture_marker = ".openclaw-private-update-capture";

}  // namespace b2b
