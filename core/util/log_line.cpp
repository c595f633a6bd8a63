#include "core/util/log_line.h"

namespace b2b {
namespace {

// Printable text has no control characters and is UTF-8: these two are all that JSON wants escaped.
void append_json_text(std::string& out, std::string_view text) {
  out.push_back('"');
  for (char const c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

}  // namespace

std::string_view log_level_name(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return "error";
    case LogLevel::warning:
      return "warning";
    case LogLevel::info:
      return "info";
    case LogLevel::debug:
      return "debug";
  }
  return "error";
}

std::string_view log_level_prefix(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return "<3>";
    case LogLevel::warning:
      return "<4>";
    case LogLevel::info:
      return "<6>";
    case LogLevel::debug:
      return "<7>";
  }
  return "<3>";
}

std::string log_line(LogFormat format, std::optional<TimePoint> time, LogLevel level, std::string_view line) {
  std::string out;
  out.reserve(line.size() + 96);
  if (format == LogFormat::text) {
    if (time) out.append(format_iso8601(*time)).push_back(' ');
    out.append(log_level_name(level)).append(": ").append(line).push_back('\n');
    return out;
  }
  out.push_back('{');
  if (time) out.append("\"time\":\"").append(format_iso8601(*time)).append("\",");
  out.append("\"level\":\"").append(log_level_name(level)).append("\",\"message\":");
  append_json_text(out, line);
  out.append("}\n");
  return out;
}

}  // namespace b2b
