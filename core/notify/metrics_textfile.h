// Metrics as a file for node_exporter's textfile collector.
#pragma once

#include <string>
#include <string_view>

#include "core/util/error.h"

namespace b2b {

// Puts `text` (Prometheus' text format, made by the caller) in place whole or not at all: a temporary file in
// the same folder, whose name does not end with ".prom" and so is never collected, then a rename. Readable by
// all, since the collector runs as another user. The folder must exist. Errors name the path.
Result<void> write_metrics_textfile(std::string const& path, std::string_view text);

}  // namespace b2b
