// The one table of configuration keys: name, type, default, where a key may come from, and how its value is
// checked.
//
// config/schema.json, config/config.example.json5 and docs/configuration.md describe the same keys; a test
// compares them with this table. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "core/util/error.h"

namespace b2b {

enum class KeyType {
  text,
  path,      // text; "~" is the home directory; relative to the configuration file's folder
  flag,      // true or false
  integer,   // whole number within [minimum, maximum]
  size,      // bytes: a number or text such as "256MiB", within [minimum, maximum]
  rate,      // bytes per second: a number or text such as "2MB/s"; 0 is no limit
  duration,  // milliseconds: a number of seconds or text such as "5m", within [minimum, maximum] seconds
  choice,    // one of `choices`
  text_list,
  arguments,  // a command: a list of texts, not empty, never run through a shell
};

struct KeySpec {
  std::string_view name;  // "limits.upload" for a key inside an object
  KeyType type = KeyType::text;
  std::string_view default_text = "";  // as `config show` prints it; empty: not set
  std::string_view environment = "";   // variable that sets it; empty: none
  bool secret = false;
  bool in_openclaw_json = false;  // may come from the plugin's entry there, which agents can write
  bool daemon_only = false;       // only b2backupd acts on it: no job needs it
  std::int64_t minimum = 0;
  std::int64_t maximum = 0;
  std::string_view choices = "";  // separated by spaces
  Result<boost::json::value> (*refine)(boost::json::value) =
      nullptr;  // further checks of a value of the right type
  std::string_view description = "";
};

std::span<KeySpec const> key_table();
KeySpec const* find_key(std::string_view name);  // null when unknown
bool is_key_group(std::string_view name);        // "limits": an object whose members are keys of the table

// The known key that looks most like `unknown`. Case and separators count little.
std::string nearest_key(std::string_view unknown);

// The flag that stands for a whole group: `watch: true` is `watch: {push: true}`. Null when the group has
// none.
KeySpec const* group_flag(std::string_view group);

// The value as the rest of the program wants it: of the key's type, sizes, rates and lengths of time as
// numbers, endpoints and prefixes in their one form. Errors are bad_config; their message begins with the
// key's name and shows no secret.
Result<boost::json::value> check_value(KeySpec const& key, boost::json::value const& value);

// The same for values that come as text (environment, command line). A list may be written as JSON5 or as one
// element.
Result<boost::json::value> check_text(KeySpec const& key, std::string_view text);

}  // namespace b2b
