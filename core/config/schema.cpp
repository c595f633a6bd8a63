#include "core/config/schema.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include <boost/json/array.hpp>

#include "core/config/duration_text.h"
#include "core/config/json5.h"
#include "core/config/size_text.h"
#include "core/config/value_rules.h"
#include "core/util/encoding.h"
#include "core/util/nearest.h"

namespace b2b {
namespace {

constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t day = 86'400;  // seconds
constexpr std::int64_t week = 7 * day;

// clang-format off
constexpr std::array keys{
    KeySpec{.name = "stateDir", .type = KeyType::path, .default_text = "~/.openclaw",
            .environment = "OPENCLAW_STATE_DIR", .refine = check_not_empty,
            .description = "OpenClaw's state directory, the one that is backed up."},
    KeySpec{.name = "keyId", .environment = "B2_APPLICATION_KEY_ID", .secret = true, .in_openclaw_json = true,
            .refine = check_not_empty, .description = "The keyID of the B2 application key."},
    KeySpec{.name = "applicationKey", .environment = "B2_APPLICATION_KEY", .secret = true, .in_openclaw_json = true,
            .refine = check_not_empty,
            .description = "The B2 application key itself. Also the passphrase when encryptionKey is not set."},
    KeySpec{.name = "applicationKeyFile", .type = KeyType::path, .refine = check_not_empty,
            .description = "File that holds the application key, instead of applicationKey. One line break at its end is ignored."},
    KeySpec{.name = "bucket", .environment = "B2_BUCKET_NAME", .in_openclaw_json = true, .refine = check_bucket,
            .description = "Name of the bucket."},
    KeySpec{.name = "region", .environment = "B2_REGION", .in_openclaw_json = true, .refine = check_region,
            .description = "Region of the bucket, like us-west-004. Found from the key when left out."},
    KeySpec{.name = "endpoint", .environment = "B2_ENDPOINT", .in_openclaw_json = true, .refine = check_endpoint,
            .description = "The store: https://HOST, http://HOST on this machine only, or file:///PATH for a directory. "
                           "Found from the key when left out."},
    KeySpec{.name = "caFile", .type = KeyType::path, .environment = "B2_CA_FILE", .refine = check_not_empty,
            .description = "PEM file with certificates to trust instead of the system's, for private S3 servers."},
    KeySpec{.name = "prefix", .default_text = "openclaw-backup", .environment = "B2_PREFIX", .in_openclaw_json = true,
            .refine = check_prefix,
            .description = "Folder in the bucket that holds the snapshots. One instance per prefix."},
    KeySpec{.name = "schedule", .default_text = "daily", .in_openclaw_json = true, .daemon_only = true,
            .refine = check_not_empty,
            .description = "When to back up by the clock: hourly, daily, weekly, a cron expression, or off."},
    KeySpec{.name = "timezone", .daemon_only = true, .refine = check_not_empty,
            .description = "Time zone of the schedule, like Europe/Berlin. The system's when left out."},
    KeySpec{.name = "jitter", .type = KeyType::duration, .default_text = "0s", .daemon_only = true, .maximum = week,
            .description = "Scheduled backups begin up to this much later, at random, so that many machines do not begin at once."},
    KeySpec{.name = "encrypt", .type = KeyType::flag, .default_text = "true", .in_openclaw_json = true,
            .description = "Encrypt what is stored (AES-256-GCM; in the layout plugin in the format that the OpenClaw B2 plugin reads)."},
    KeySpec{.name = "encryptionKey", .environment = "B2_ENCRYPTION_KEY", .secret = true, .refine = check_not_empty,
            .description = "Passphrase of the encryption. The application key is used when this is not set: then losing that key loses the backups."},
    KeySpec{.name = "encryptionKeyFile", .type = KeyType::path, .refine = check_not_empty,
            .description = "File that holds the passphrase, instead of encryptionKey. One line break at its end is ignored."},
    KeySpec{.name = "decryptionKeys", .type = KeyType::text_list, .secret = true,
            .description = "Earlier passphrases, tried when reading. Add the old one here when you change encryptionKey or the application key."},
    KeySpec{.name = "keepSnapshots", .type = KeyType::integer, .default_text = "10", .in_openclaw_json = true,
            .minimum = 1, .maximum = 1000000,
            .description = "How many snapshots pruning keeps. Snapshots made on a change thin out by age instead."},
    KeySpec{.name = "keepSafetySnapshots", .type = KeyType::integer, .default_text = "10", .in_openclaw_json = true,
            .minimum = 1, .maximum = 1000000,
            .description = "How many of the snapshots taken before a restore pruning keeps."},
    KeySpec{.name = "retention.last", .type = KeyType::integer, .minimum = 1, .maximum = 1000000,
            .description = "How many of the newest snapshots pruning keeps; goes before keepSnapshots. 10 when another key of retention is set."},
    KeySpec{.name = "retention.hourly", .type = KeyType::integer, .minimum = 0, .maximum = 1000000,
            .description = "For so many hours with a snapshot, the newest of each is kept. 24 when another key of retention is set."},
    KeySpec{.name = "retention.daily", .type = KeyType::integer, .minimum = 0, .maximum = 1000000,
            .description = "For so many days with a snapshot, the newest of each is kept. 30 when another key of retention is set."},
    KeySpec{.name = "retention.monthly", .type = KeyType::integer, .minimum = 0, .maximum = 1000000,
            .description = "For so many months with a snapshot, the newest of each is kept. 12 when another key of retention is set."},
    KeySpec{.name = "layout", .type = KeyType::choice, .choices = "plugin packed",
            .description = "How snapshots are stored: packed uploads what changed and hides names and sizes; plugin is readable by the "
                           "OpenClaw B2 plugin. When left out: packed, but plugin where that layout is in use already."},
    KeySpec{.name = "include", .type = KeyType::text_list, .default_text = "[]", .refine = check_globs,
            .description = "Glob patterns of files to back up besides those of the built-in rules."},
    KeySpec{.name = "exclude", .type = KeyType::text_list, .default_text = "[]", .refine = check_globs,
            .description = "Glob patterns of files to leave out; wins over include."},
    KeySpec{.name = "secrets", .type = KeyType::choice, .default_text = "exclude", .choices = "exclude include",
            .description = "Whether the tables inside the databases that hold tokens, pairings and keys are backed up."},
    KeySpec{.name = "watch.push", .type = KeyType::flag, .daemon_only = true,
            .description = "Back up shortly after a change. When left out: with the layout packed, but not with plugin."},
    KeySpec{.name = "watch.quiet", .type = KeyType::duration, .default_text = "20s", .daemon_only = true,
            .maximum = day, .description = "How long nothing may change before a change is backed up."},
    KeySpec{.name = "watch.minInterval", .type = KeyType::duration, .default_text = "5m", .daemon_only = true,
            .maximum = 30 * day, .description = "Shortest time between two backups that changes caused."},
    KeySpec{.name = "check.enabled", .type = KeyType::flag, .default_text = "true", .daemon_only = true,
            .description = "Check by itself what is stored: once a day whether it is there, and each `every` a part of its content."},
    KeySpec{.name = "check.every", .type = KeyType::duration, .default_text = "7d", .daemon_only = true, .minimum = 1,
            .maximum = 365 * day, .description = "Time between two checks that read content."},
    KeySpec{.name = "check.subset", .default_text = "5%", .daemon_only = true, .refine = check_percentage,
            .description = "The share of what is stored that such a check reads, chosen by lot, like 5%."},
    KeySpec{.name = "compactionUploadInterval", .type = KeyType::duration, .default_text = "5m", .daemon_only = true,
            .maximum = 30 * day,
            .description = "Shortest time between two uploads that compactions of a session caused. Each is captured at once all the same."},
    KeySpec{.name = "autoRestore", .type = KeyType::flag, .default_text = "true", .daemon_only = true,
            .description = "Restore the latest snapshot when the state directory is new."},
    KeySpec{.name = "gateway.stop", .type = KeyType::arguments, .daemon_only = true,
            .description = "Command that stops OpenClaw's gateway for a restore, as a list of arguments."},
    KeySpec{.name = "gateway.start", .type = KeyType::arguments, .daemon_only = true,
            .description = "Command that starts OpenClaw's gateway after a restore, as a list of arguments."},
    KeySpec{.name = "gateway.port", .type = KeyType::integer, .daemon_only = true, .minimum = 1, .maximum = 65535,
            .description = "Port of OpenClaw's gateway on this machine. Found from its lock or openclaw.json when left out."},
    KeySpec{.name = "gateway.stopTimeout", .type = KeyType::duration, .default_text = "345s", .daemon_only = true,
            .minimum = 1, .maximum = day, .description = "How long the gateway may take to stop."},
    KeySpec{.name = "onSuccess", .type = KeyType::arguments, .daemon_only = true,
            .description = "Command to run after a backup, as a list of arguments."},
    KeySpec{.name = "onFailure", .type = KeyType::arguments, .daemon_only = true,
            .description = "Command to run when a backup failed, as a list of arguments."},
    KeySpec{.name = "onStale", .type = KeyType::arguments, .daemon_only = true,
            .description = "Command to run when the last good backup is too old, as a list of arguments."},
    KeySpec{.name = "notifyInterval", .type = KeyType::duration, .default_text = "6h", .daemon_only = true,
            .maximum = 365 * day, .description = "The same failure is told at most once in this time."},
    KeySpec{.name = "staleAfter", .type = KeyType::duration, .daemon_only = true, .minimum = 1, .maximum = 3650 * day,
            .description = "Age at which the last good backup is too old. Twice the schedule's interval when left out."},
    KeySpec{.name = "healthcheckUrl", .secret = true, .daemon_only = true, .refine = check_web_address,
            .description = "Address to call at the beginning and end of each backup, as healthchecks.io has them."},
    KeySpec{.name = "metricsTextfile", .type = KeyType::path, .daemon_only = true, .refine = check_not_empty,
            .description = "File to write metrics to, in Prometheus' text format."},
    KeySpec{.name = "limits.upload", .type = KeyType::rate, .default_text = "0", .maximum = unlimited,
            .description = "Highest upload rate in bytes per second, as a number or like 2MB/s; 0 is no limit."},
    KeySpec{.name = "limits.download", .type = KeyType::rate, .default_text = "0", .maximum = unlimited,
            .description = "Highest download rate in bytes per second, as a number or like 2MB/s; 0 is no limit."},
    KeySpec{.name = "limits.spool", .type = KeyType::size, .default_text = "256 MiB", .minimum = 1 << 20,
            .maximum = std::int64_t{1} << 50,
            .description = "Disk space for what is captured and not yet uploaded, in bytes or like 256MiB."},
    KeySpec{.name = "limits.transfers", .type = KeyType::integer, .default_text = "32", .minimum = 1, .maximum = 64,
            .description = "Transfers at the same time."},
    KeySpec{.name = "limits.retrySeconds", .type = KeyType::integer, .default_text = "300", .minimum = 1, .maximum = 86'400,
            .description = "How long a store that is away is tried again before a job ends, in seconds."},
    KeySpec{.name = "dataDir", .type = KeyType::path, .default_text = "$XDG_STATE_HOME/b2backupd",
            .refine = check_not_empty, .description = "Folder for the program's own data: index, spool, journals."},
    KeySpec{.name = "socket", .type = KeyType::path, .in_openclaw_json = true, .daemon_only = true,
            .refine = check_not_empty,
            .description = "Where the daemon listens for daemonctl. b2backupd/daemon.sock in the state directory when left out."},
    KeySpec{.name = "stopTimeout", .type = KeyType::duration, .default_text = "60s", .daemon_only = true, .minimum = 1,
            .maximum = day,
            .description = "How long the daemon may take to end its work when it is stopped. What is captured is uploaded after the next start."},
};
// clang-format on

std::string_view kind_of(boost::json::value const& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      return "null";
    case boost::json::kind::bool_:
      return "true or false";
    case boost::json::kind::int64:
    case boost::json::kind::uint64:
    case boost::json::kind::double_:
      return "a number";
    case boost::json::kind::string:
      return "text";
    case boost::json::kind::array:
      return "a list";
    case boost::json::kind::object:
      return "an object";
  }
  return "something else";
}

Error must_be(KeySpec const& key, std::string_view wanted, boost::json::value const& value) {
  return make_error(
      Condition::bad_config,
      std::string(key.name) + " must be " + std::string(wanted) + ", not " + std::string(kind_of(value)), {},
      std::string(key.name));
}

// The error of a rule, whose message goes on after the key's name.
Error named(KeySpec const& key, Error error) {
  error.message = std::string(key.name) + " " + error.message;
  error.subject = key.name;
  return error;
}

std::optional<std::int64_t> whole_number(boost::json::value const& value) {
  if (value.is_int64()) return value.get_int64();
  if (!value.is_double()) return std::nullopt;
  double const number = value.get_double();
  if (!(number > -9e15 && number < 9e15)) return std::nullopt;
  auto const whole = static_cast<std::int64_t>(number);
  if (static_cast<double>(whole) != number) return std::nullopt;
  return whole;
}

Error out_of_bounds(KeySpec const& key, std::string const& number) {
  std::string const bounds = key.maximum == unlimited ? "at least " + std::to_string(key.minimum)
                                                      : "between " + std::to_string(key.minimum) + " and " +
                                                            std::to_string(key.maximum);
  return make_error(Condition::bad_config, std::string(key.name) + " must be " + bounds + ", not " + number,
                    {}, std::string(key.name));
}

Result<boost::json::value> within_bounds(KeySpec const& key, std::int64_t number) {
  if (number >= key.minimum && number <= key.maximum) return boost::json::value(number);
  return out_of_bounds(key, std::to_string(number));
}

// The error for a value that whole_number() does not take. Keys with numbers hold no secrets, so it is shown.
Error not_whole(KeySpec const& key, std::string_view wanted, boost::json::value const& value) {
  std::string number;
  bool too_large = value.is_uint64();
  if (too_large) {
    number = std::to_string(value.get_uint64());
  } else if (value.is_double()) {
    char text[32];
    auto const end = std::to_chars(text, text + sizeof text, value.get_double()).ptr;
    number.assign(text, end);
    too_large = std::trunc(value.get_double()) == value.get_double();
  } else {
    return must_be(key, wanted, value);
  }
  if (too_large && key.type == KeyType::integer) return out_of_bounds(key, number);
  return make_error(Condition::bad_config,
                    std::string(key.name) + " must be " + std::string(wanted) + ", not " + number, {},
                    std::string(key.name));
}

Result<boost::json::value> check_size(KeySpec const& key, boost::json::value const& value) {
  if (value.is_string()) {
    std::string_view const text = std::string_view(value.get_string());
    auto const parsed = key.type == KeyType::rate ? parse_rate(text) : parse_size(text);
    if (!parsed) return named(key, parsed.error());
    return within_bounds(key, static_cast<std::int64_t>(*parsed));
  }
  auto const number = whole_number(value);
  if (!number) return not_whole(key, "a whole number of bytes or text like \"10MB\"", value);
  return within_bounds(key, *number);
}

Result<boost::json::value> check_duration(KeySpec const& key, boost::json::value const& value) {
  std::string text;
  if (value.is_string()) {
    text = value.get_string();
  } else if (auto const seconds = whole_number(value)) {
    text = std::to_string(*seconds);
  } else {
    return not_whole(key, "a whole number of seconds or text like \"5m\"", value);
  }
  auto const parsed = parse_duration(text);
  if (!parsed) return named(key, parsed.error());
  std::chrono::seconds const shortest(key.minimum);
  std::chrono::seconds const longest(key.maximum);
  if (*parsed >= shortest && *parsed <= longest) return boost::json::value(parsed->count());
  return named(key, make_error(Condition::bad_config, "must be between " + format_duration(shortest) +
                                                          " and " + format_duration(longest) + ", not " +
                                                          format_duration(*parsed)));
}

Result<boost::json::value> check_list(KeySpec const& key, boost::json::value const& value) {
  if (!value.is_array()) return must_be(key, "a list of texts", value);
  for (boost::json::value const& entry : value.get_array()) {
    if (!entry.is_string()) return must_be(key, "a list of texts only", entry);
    if (entry.get_string().empty() && key.type != KeyType::arguments)
      return named(key, make_error(Condition::bad_config, "must not hold empty texts"));
  }
  if (key.type == KeyType::arguments &&
      (value.get_array().empty() || value.get_array().front().get_string().empty()))
    return named(key, make_error(Condition::bad_config, "must name a program",
                                 "Write it like [\"/usr/bin/logger\", \"text\"]"));
  return value;
}

Result<boost::json::value> check_choice(KeySpec const& key, boost::json::value const& value) {
  if (!value.is_string()) return must_be(key, "text", value);
  std::string_view const wanted(value.get_string());
  std::string listed;
  for (std::size_t from = 0; from < key.choices.size();) {
    std::size_t const to = std::min(key.choices.find(' ', from), key.choices.size());
    std::string_view const choice = key.choices.substr(from, to - from);
    if (choice == wanted) return value;
    listed += (listed.empty() ? "\"" : " or \"") + std::string(choice) + "\"";
    from = to + 1;
  }
  return named(
      key, make_error(Condition::bad_config, "must be " + listed + ", not \"" + printable(wanted) + "\""));
}

Result<boost::json::value> check_type(KeySpec const& key, boost::json::value const& value) {
  switch (key.type) {
    case KeyType::text:
    case KeyType::path:
      if (!value.is_string()) return must_be(key, "text", value);
      return value;
    case KeyType::flag:
      if (!value.is_bool()) return must_be(key, "true or false", value);
      return value;
    case KeyType::integer: {
      auto const number = whole_number(value);
      if (!number) return not_whole(key, "a whole number", value);
      return within_bounds(key, *number);
    }
    case KeyType::size:
    case KeyType::rate:
      return check_size(key, value);
    case KeyType::duration:
      return check_duration(key, value);
    case KeyType::choice:
      return check_choice(key, value);
    case KeyType::text_list:
    case KeyType::arguments:
      return check_list(key, value);
  }
  return must_be(key, "something else", value);
}

// Lower case without separators: "application_key" and "ApplicationKey" are then the same.
std::string folded(std::string_view name) {
  std::string result;
  for (char c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c != '_' && c != '-' && c != '.') result.push_back(c);
  }
  return result;
}

std::string_view last_part(std::string_view name) {
  std::size_t const dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

}  // namespace

std::span<KeySpec const> key_table() {
  return keys;
}

KeySpec const* find_key(std::string_view name) {
  auto const found =
      std::find_if(keys.begin(), keys.end(), [&](KeySpec const& key) { return key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

bool is_key_group(std::string_view name) {
  return std::any_of(keys.begin(), keys.end(), [&](KeySpec const& key) {
    return key.name.size() > name.size() && key.name.starts_with(name) && key.name[name.size()] == '.';
  });
}

KeySpec const* group_flag(std::string_view group) {
  if (group == "watch") return find_key("watch.push");
  return group == "check" ? find_key("check.enabled") : nullptr;
}

std::string nearest_key(std::string_view unknown) {
  std::string_view const bounded = unknown.substr(0, 64);  // nobody means a key longer than that
  std::string_view best;
  std::size_t best_cost = std::numeric_limits<std::size_t>::max();
  for (KeySpec const& key : keys) {
    std::size_t const whole = edit_distance(folded(bounded), folded(key.name));
    std::size_t const part = edit_distance(folded(last_part(bounded)), folded(last_part(key.name))) + 1;
    std::size_t const cost = std::min(whole, part);
    if (cost < best_cost) {
      best_cost = cost;
      best = key.name;
    }
  }
  return std::string(best);
}

Result<boost::json::value> check_value(KeySpec const& key, boost::json::value const& value) {
  B2B_ASSIGN(boost::json::value typed, check_type(key, value));
  if (key.refine == nullptr) return typed;
  auto refined = key.refine(std::move(typed));
  if (!refined) return named(key, refined.error());
  return refined;
}

Result<boost::json::value> check_text(KeySpec const& key, std::string_view text) {
  switch (key.type) {
    case KeyType::flag:
      if (text == "true" || text == "1" || text == "yes") return boost::json::value(true);
      if (text == "false" || text == "0" || text == "no") return boost::json::value(false);
      return named(key, make_error(Condition::bad_config, "must be true or false"));
    case KeyType::integer: {
      std::int64_t number = 0;
      auto const parsed = std::from_chars(text.data(), text.data() + text.size(), number);
      if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size())
        return named(key, make_error(Condition::bad_config, "must be a whole number"));
      return check_value(key, number);
    }
    case KeyType::text_list:
    case KeyType::arguments: {
      if (!text.starts_with('[')) return check_value(key, boost::json::array{boost::json::value(text)});
      B2B_ASSIGN(boost::json::value const parsed, parse_json5(text, key.name));
      return check_value(key, parsed);
    }
    default:
      return check_value(key, boost::json::value(text));
  }
}

}  // namespace b2b
