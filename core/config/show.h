// What `config show` and `config check` print. Secrets are "***" already in LoadedConfig::shown. Pure.
#pragma once

#include <string>

#include <boost/json/object.hpp>

#include "core/config/config.h"

namespace b2b {

// One line per key: key, value ("-" when not set), source, in columns; then files, notes and warnings.
std::string format_config_show(LoadedConfig const& loaded);

// {"config": {"bucket": {"value": "…" | null, "source": "…"}, …}, "files": […], "warnings": […], "notes":
// […]}
boost::json::object config_show_json(LoadedConfig const& loaded);

}  // namespace b2b
