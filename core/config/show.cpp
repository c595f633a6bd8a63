#include "core/config/show.h"

#include <algorithm>

#include <boost/json/array.hpp>

namespace b2b {
namespace {

constexpr std::size_t value_width_max = 44;  // a longer value moves the source on its line only

void append_column(std::string& line, std::string_view text, std::size_t width) {
  line += text;
  line.append(text.size() < width ? width - text.size() : 0, ' ');
  line += "  ";
}

void append_list(std::string& text, std::string_view title, std::vector<std::string> const& lines) {
  for (std::string const& line : lines)
    text += std::string(title) + ": " + line + "\n";
}

boost::json::array to_array(std::vector<std::string> const& lines) {
  boost::json::array result;
  for (std::string const& line : lines)
    result.emplace_back(line);
  return result;
}

}  // namespace

std::string format_config_show(LoadedConfig const& loaded) {
  std::size_t key_width = 0;
  std::size_t value_width = 1;
  for (ShownValue const& row : loaded.shown) {
    key_width = std::max(key_width, row.key.size());
    value_width = std::max(value_width, std::min(row.value.size(), value_width_max));
  }
  std::string text;
  for (ShownValue const& row : loaded.shown) {
    append_column(text, row.key, key_width);
    append_column(text, row.value.empty() ? "-" : row.value, value_width);
    text += row.source + "\n";
  }
  append_list(text, "read", loaded.files);
  append_list(text, "note", loaded.notes);
  append_list(text, "warning", loaded.warnings);
  return text;
}

boost::json::object config_show_json(LoadedConfig const& loaded) {
  boost::json::object values;
  for (ShownValue const& row : loaded.shown) {
    boost::json::object entry;
    if (row.value.empty()) {
      entry["value"] = nullptr;
    } else {
      entry["value"] = row.value;
    }
    entry["source"] = row.source;
    values[row.key] = std::move(entry);
  }
  boost::json::object result;
  result["config"] = std::move(values);
  result["files"] = to_array(loaded.files);
  result["warnings"] = to_array(loaded.warnings);
  result["notes"] = to_array(loaded.notes);
  return result;
}

}  // namespace b2b
