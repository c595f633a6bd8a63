// OpenClaw's own configuration file, openclaw.json: JSON5 with $include. Read only, and only as far as it is
// asked for: an include that is broken somewhere else in the file does not matter.
//
// What OpenClaw does, and so do we: "$include" names a file or a list of files, relative to the including
// file; they are merged in order, then the keys beside "$include" over them (objects key by key, lists one
// after the other, else the later value). Files must lie in the configuration's directory or in one of the
// directories of OPENCLAW_INCLUDE_ROOTS, symbolic links resolved. At most 10 levels; a cycle is an error.
//
// One thread at a time.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include "core/util/error.h"

namespace b2b {

struct OpenClawConfigFile {
  std::string path;   // absolute, symbolic links resolved
  unsigned mode = 0;  // permission bits
};

class OpenClawConfig {
 public:
  // not_found when there is no such file; bad_config when it is malformed; errors of reading it as they come.
  // `include_roots`: absolute directories besides the file's own.
  static Result<OpenClawConfig> open(std::string const& path, std::vector<std::string> include_roots);

  // The value at a path of keys ({"plugins", "entries"}), includes on the way and below it resolved, ${NAME}
  // untouched; nullopt when there is none. Errors: an include on the way that is malformed, missing, outside,
  // too deep or cyclic.
  Result<std::optional<boost::json::value>> at(std::span<std::string_view const> path);
  Result<std::optional<boost::json::value>> at(std::initializer_list<std::string_view> path) {
    return at(std::span<std::string_view const>(path.begin(), path.size()));
  }

  std::string const& path() const { return path_; }
  // The file itself and the included files read so far.
  std::vector<OpenClawConfigFile> files() const;

 private:
  using Path = std::span<std::string_view const>;
  struct Parsed {
    boost::json::value value;
    unsigned mode = 0;
  };
  struct Place {                     // where a value stands
    std::vector<std::string> chain;  // real paths: the file itself, …, the including file
  };

  Result<boost::json::value const*> parsed(std::string const& real_path, std::uint64_t max_bytes);
  Result<std::optional<boost::json::value>> select(boost::json::value const& value, Path path,
                                                   Place const& place);
  Result<std::optional<boost::json::value>> select_plain(boost::json::value const& value, Path path,
                                                         Place const& place);
  Result<std::optional<boost::json::value>> select_included(boost::json::value const& name, Path path,
                                                            Place const& place);
  Result<std::string> resolve_include(std::string_view name, Place const& place) const;

  std::string path_;  // as given
  std::string real_path_;
  std::vector<std::string>
      roots_;  // directories that includes may be in, as they were given and as real paths
  std::vector<std::string> real_roots_;
  std::map<std::string, Parsed> files_;
  std::size_t includes_followed_ = 0;  // in this at(): lists of lists must not run away
};

// `gateway.port`: where the gateway listens; nullopt when it is not set there, or cannot be known from it.
std::optional<std::uint16_t> configured_gateway_port(std::string const& path,
                                                     std::vector<std::string> include_roots = {});

// OpenClaw's merge: objects key by key, lists one after the other, otherwise `over` wins.
boost::json::value merge_json(boost::json::value under, boost::json::value over);

// The directories in OPENCLAW_INCLUDE_ROOTS (separated by ':'), "~" expanded; those that are not absolute
// then are dropped.
std::vector<std::string> parse_include_roots(std::string_view text, std::string const& home);

}  // namespace b2b
