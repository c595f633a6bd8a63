#include "core/notify/metrics_textfile.h"

#include "core/util/file.h"

namespace b2b {

Result<void> write_metrics_textfile(std::string const& path, std::string_view text) {
  auto written = atomic_write_file(path, text, 0644);
  if (written) return {};
  Error error = written.error();
  error.message = "the metrics file cannot be written: " + error.message;
  if (error.advice.empty())
    error.advice = "Check metricsTextfile, and that its folder exists and is ours to write";
  return error;
}

}  // namespace b2b
