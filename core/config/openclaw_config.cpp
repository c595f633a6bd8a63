#include "core/config/openclaw_config.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <stdlib.h>

#include "core/config/config_file.h"
#include "core/config/json5.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/secret.h"

namespace b2b {
namespace {

constexpr std::string_view include_key = "$include";
constexpr std::size_t include_depth_max = 10;
constexpr std::size_t includes_max = 1000;
constexpr std::uint64_t config_bytes_max = 32ull << 20;
constexpr std::uint64_t include_bytes_max = 2ull << 20;  // OpenClaw's own bound

Result<std::string> real_path(std::string const& path, std::string_view doing) {
  std::unique_ptr<char, decltype(&::free)> const resolved(::realpath(path.c_str(), nullptr), &::free);
  if (resolved == nullptr) return errno_error(errno, doing, path);
  return std::string(resolved.get());
}

bool is_inside(std::string const& path, std::vector<std::string> const& directories) {
  return std::any_of(directories.begin(), directories.end(), [&](std::string const& directory) {
    return directory == "/" ||
           (path.starts_with(directory) && path.size() > directory.size() && path[directory.size()] == '/');
  });
}

std::string normal(std::string const& path) {
  return std::filesystem::path(path).lexically_normal().string();
}

}  // namespace

Result<OpenClawConfig> OpenClawConfig::open(std::string const& path, std::vector<std::string> include_roots) {
  OpenClawConfig config;
  config.path_ = path;
  B2B_ASSIGN(config.real_path_, real_path(path, "read OpenClaw's configuration"));
  B2B_TRY(config.parsed(config.real_path_, config_bytes_max));
  // The directory of the name it is known by and that of the file behind it, should the name be a symbolic
  // link.
  config.roots_ = {normal(parent_path(path)), parent_path(config.real_path_)};
  config.roots_.insert(config.roots_.end(), include_roots.begin(), include_roots.end());
  for (std::string const& root : config.roots_) {
    auto const real = real_path(root.empty() ? "." : root, "read");
    if (real) config.real_roots_.push_back(*real);  // a root that does not exist admits nothing
  }
  return config;
}

Result<boost::json::value const*> OpenClawConfig::parsed(std::string const& real, std::uint64_t max_bytes) {
  auto known = files_.find(real);
  if (known == files_.end()) {
    B2B_ASSIGN(ConfigFile file, read_config_file(real, max_bytes, "read OpenClaw's configuration"));
    auto value = parse_json5(file.text, real, {Json5Dialect::foreign, nullptr});
    wipe(file.text.data(), file.text.size());
    if (!value) return value.error();
    known = files_.emplace(real, Parsed{std::move(*value), file.mode}).first;
  }
  return &known->second.value;
}

std::vector<OpenClawConfigFile> OpenClawConfig::files() const {
  std::vector<OpenClawConfigFile> result;
  for (auto const& [name, file] : files_)
    result.push_back({name, file.mode});
  return result;
}

Result<std::optional<boost::json::value>> OpenClawConfig::at(Path path) {
  includes_followed_ = 0;
  B2B_ASSIGN(boost::json::value const* const root, parsed(real_path_, config_bytes_max));
  return select(*root, path, Place{{real_path_}});
}

Result<std::optional<boost::json::value>> OpenClawConfig::select(boost::json::value const& value, Path path,
                                                                 Place const& place) {
  boost::json::value const* const include =
      value.is_object() ? value.get_object().if_contains(include_key) : nullptr;
  if (include == nullptr) return select_plain(value, path, place);

  std::optional<boost::json::value> merged;
  auto const add = [&](std::optional<boost::json::value> part) {
    if (part) merged = merged ? merge_json(std::move(*merged), std::move(*part)) : std::move(*part);
  };
  if (include->is_array()) {
    for (boost::json::value const& name : include->get_array()) {
      B2B_ASSIGN(auto part, select_included(name, path, place));
      add(std::move(part));
    }
  } else {
    B2B_ASSIGN(auto part, select_included(*include, path, place));
    add(std::move(part));
  }
  if (value.get_object().size() > 1) {
    B2B_ASSIGN(auto part, select_plain(value, path, place));
    add(std::move(part));
  }
  return merged;
}

// The value without regard to its own "$include", which select() has dealt with.
Result<std::optional<boost::json::value>> OpenClawConfig::select_plain(boost::json::value const& value,
                                                                       Path path, Place const& place) {
  using Selected = std::optional<boost::json::value>;
  if (!path.empty()) {
    if (!value.is_object() || path.front() == include_key) return Selected{};
    boost::json::value const* const child = value.get_object().if_contains(path.front());
    if (child == nullptr) return Selected{};
    return select(*child, path.subspan(1), place);
  }
  if (value.is_object()) {
    boost::json::object result;
    for (auto const& entry : value.get_object()) {
      if (std::string_view(entry.key()) == include_key) continue;
      B2B_ASSIGN(Selected child, select(entry.value(), {}, place));
      if (child) result[entry.key()] = std::move(*child);
    }
    return Selected(boost::json::value(std::move(result)));
  }
  if (value.is_array()) {
    boost::json::array result;
    for (boost::json::value const& entry : value.get_array()) {
      B2B_ASSIGN(Selected child, select(entry, {}, place));
      if (child) result.push_back(std::move(*child));
    }
    return Selected(boost::json::value(std::move(result)));
  }
  return Selected(value);
}

Result<std::optional<boost::json::value>> OpenClawConfig::select_included(boost::json::value const& name,
                                                                          Path path, Place const& place) {
  if (!name.is_string())
    return make_error(Condition::bad_config,
                      "$include in " + place.chain.back() + " is neither a file name nor a list of them");
  B2B_ASSIGN(std::string const real, resolve_include(std::string_view(name.get_string()), place));
  auto const seen = std::find(place.chain.begin(), place.chain.end(), real);
  if (seen != place.chain.end()) {
    std::string cycle;
    for (auto file = seen; file != place.chain.end(); ++file)
      cycle += *file + " → ";
    return make_error(Condition::bad_config, "$include goes in a circle: " + cycle + real, {}, real);
  }
  if (place.chain.size() > include_depth_max)
    return make_error(Condition::bad_config,
                      "$include in " + place.chain.back() + " is nested more than 10 levels deep", {}, real);
  if (++includes_followed_ > includes_max)
    return make_error(Condition::bad_config,
                      "$include in " + place.chain.back() + " makes more than 1,000 includes", {}, real);
  B2B_ASSIGN(boost::json::value const* const included, parsed(real, include_bytes_max));
  Place inner = place;
  inner.chain.push_back(real);
  return select(*included, path, inner);
}

Result<std::string> OpenClawConfig::resolve_include(std::string_view name, Place const& place) const {
  std::string const what = "$include \"" + printable(name) + "\" in " + place.chain.back();
  if (name.empty() || name.find('\0') != std::string_view::npos)
    return make_error(Condition::bad_config, what + " is no file name");
  // Relative to the including file; the top file by the directory of the name it is known by.
  std::string const directory = parent_path(place.chain.size() == 1 ? path_ : place.chain.back());
  std::string const path = normal(name.starts_with('/') ? std::string(name) : join_path(directory, name));
  Error const outside =
      make_error(Condition::bad_config, what + " leads outside of the configuration's directory",
                 "Name its directory in OPENCLAW_INCLUDE_ROOTS, here and for the gateway", path);
  if (!is_inside(path, roots_) && !is_inside(path, real_roots_)) return outside;
  auto real = real_path(path, "read the included file");
  if (!real && real.error().condition == Condition::not_found)
    return make_error(Condition::bad_config, what + " names a file that does not exist", {}, path);
  if (!real) return real.error();
  if (!is_inside(*real, real_roots_)) return outside;
  return real;
}

std::optional<std::uint16_t> configured_gateway_port(std::string const& path,
                                                     std::vector<std::string> include_roots) {
  auto config = OpenClawConfig::open(path, std::move(include_roots));
  if (!config) return std::nullopt;
  auto const value = config->at({"gateway", "port"});
  if (!value || !*value || !(*value)->is_int64()) return std::nullopt;
  std::int64_t const port = (*value)->get_int64();
  if (port < 1 || port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

boost::json::value merge_json(boost::json::value under, boost::json::value over) {
  if (under.is_array() && over.is_array()) {
    for (boost::json::value& entry : over.get_array())
      under.get_array().push_back(std::move(entry));
    return under;
  }
  if (!under.is_object() || !over.is_object()) return over;
  boost::json::object& target = under.get_object();
  for (auto& entry : over.get_object()) {
    boost::json::value* const present = target.if_contains(entry.key());
    if (present != nullptr) {
      *present = merge_json(std::move(*present), std::move(entry.value()));
    } else {
      target[entry.key()] = std::move(entry.value());
    }
  }
  return under;
}

std::vector<std::string> parse_include_roots(std::string_view text, std::string const& home) {
  std::vector<std::string> roots;
  for (std::size_t from = 0; from <= text.size();) {
    std::size_t const to = std::min(text.find(':', from), text.size());
    std::string const root = expand_path(text.substr(from, to - from), {}, home);
    if (root.starts_with('/')) roots.push_back(normal(root));
    from = to + 1;
  }
  return roots;
}

}  // namespace b2b
