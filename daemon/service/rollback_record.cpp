#include "daemon/service/rollback_record.h"

#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>

#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b::service {
namespace {

namespace json = boost::json;

constexpr std::int64_t record_version = 1;
constexpr std::uint64_t record_max_bytes = 4 << 20;
constexpr std::size_t report_max_bytes = 1 << 20;

// Reads members; what is missing or of another type makes the whole record unusable.
class Reader {
 public:
  explicit Reader(json::object const& object) : object_(object) {}
  bool good = true;

  std::string text(std::string_view name) {
    auto const* const value = find(name);
    if (value == nullptr || !value->is_string()) return lost<std::string>();
    return {value->get_string().data(), value->get_string().size()};
  }
  bool flag(std::string_view name) {
    auto const* const value = find(name);
    return value != nullptr && value->is_bool() ? value->get_bool() : lost<bool>();
  }
  // One that earlier versions did not write: false when it is missing.
  bool flag_or_none(std::string_view name) { return find(name) != nullptr && flag(name); }
  std::uint64_t number(std::string_view name) {
    auto const* const value = find(name);
    if (value != nullptr && value->is_int64() && value->get_int64() >= 0) return static_cast<std::uint64_t>(value->get_int64());
    return value != nullptr && value->is_uint64() ? value->get_uint64() : lost<std::uint64_t>();
  }
  TimePoint time(std::string_view name) {
    auto const time = parse_iso8601(text(name));
    return time ? *time : lost<TimePoint>();
  }
  json::object object(std::string_view name) {
    auto const* const value = find(name);
    return value != nullptr && value->is_object() ? value->get_object() : lost<json::object>();
  }
  // Bytes that JSON text cannot hold are kept too.
  std::vector<std::string> byte_texts(std::string_view name) {
    std::vector<std::string> out;
    auto const* const value = find(name);
    if (value == nullptr || !value->is_array()) return lost<std::vector<std::string>>();
    for (json::value const& item : value->get_array()) {
      auto const* const encoded = item.if_string();
      auto const bytes = encoded != nullptr ? from_base64({encoded->data(), encoded->size()}) : std::nullopt;
      if (!bytes) return lost<std::vector<std::string>>();
      out.emplace_back(bytes->begin(), bytes->end());
    }
    return out;
  }

 private:
  json::value const* find(std::string_view name) const { return object_.if_contains(name); }
  template <class T>
  T lost() {
    good = false;
    return T();
  }
  json::object const& object_;
};

}  // namespace

std::string rollback_record_text(RollbackRecord const& record) {
  json::array paths;
  for (std::string const& path : record.request.paths) paths.emplace_back(to_base64(as_bytes(path)));
  json::object out{{"version", record_version},
                   {"state", state_name(record.state)},
                   {"snapshot", record.request.snapshot},
                   {"paths64", std::move(paths)},
                   {"safetyWanted", record.request.safety},
                   {"withSecrets", record.request.with_secrets},
                   {"gateway", mode_name(record.request.mode)},
                   {"job", record.job},
                   {"asked", format_iso8601(record.asked)},
                   {"notBefore", format_iso8601(record.not_before)},
                   {"expires", format_iso8601(record.expires)},
                   {"gatewayRan", record.gateway_ran},
                   {"restored", record.restored},
                   {"tries", record.tries},
                   {"safety", record.safety},
                   {"problem", printable(record.problem)},
                   {"code", condition_name(record.condition)},
                   {"outcome", state_name(record.outcome)}};
  if (record.cancel_wanted) out["cancelWanted"] = true;
  // A list of ten thousand files that failed belongs to whoever asked, not to this file.
  bool const small = json::serialize(record.report).size() <= report_max_bytes;
  json::object report = small ? record.report : json::object{};
  if (!small)
    for (std::string_view const name : {"snapshot", "restored", "unchanged", "removed", "bytes", "safety", "quarantine", "gateway", "doctor"})
      if (auto const* const member = record.report.if_contains(name)) report[name] = *member;
  out["report"] = std::move(report);
  return json::serialize(out) + "\n";
}

std::optional<RollbackRecord> rollback_record_from(std::string_view text) {
  boost::system::error_code failed;
  json::parse_options options;
  options.max_depth = 16;
  auto const value = json::parse(text, failed, {}, options);
  if (failed || !value.is_object()) return std::nullopt;
  Reader reader(value.get_object());
  if (reader.number("version") != record_version) return std::nullopt;
  RollbackRecord record;
  auto const state = rollback_state_from(reader.text("state"));
  auto const outcome = rollback_state_from(reader.text("outcome"));
  auto const condition = condition_from_name(reader.text("code"));
  std::string const mode = reader.text("gateway");
  record.request.snapshot = reader.text("snapshot");
  record.request.paths = reader.byte_texts("paths64");
  record.request.safety = reader.flag("safetyWanted");
  record.request.with_secrets = reader.flag("withSecrets");
  record.request.mode = mode == "stop" ? RollbackMode::stop : RollbackMode::when_stopped;
  record.job = reader.number("job");
  record.asked = reader.time("asked");
  record.not_before = reader.time("notBefore");
  record.expires = reader.time("expires");
  record.gateway_ran = reader.flag("gatewayRan");
  record.cancel_wanted = reader.flag_or_none("cancelWanted");
  record.restored = reader.flag("restored");
  record.tries = static_cast<unsigned>(std::min<std::uint64_t>(reader.number("tries"), 1000));
  record.safety = reader.text("safety");
  record.problem = reader.text("problem");
  record.report = reader.object("report");
  bool const sound = state && outcome && has_ended(*outcome) && condition && !record.request.snapshot.empty() &&
                     (mode == "stop" || mode == "when-stopped");
  if (!reader.good || !sound) return std::nullopt;
  record.state = *state;
  record.outcome = *outcome;
  record.condition = *condition;
  return record;
}

std::string rollback_record_path(std::string const& data_dir) { return join_path(data_dir, "rollback.json"); }

Result<void> keep_rollback_record(std::string const& data_dir, RollbackRecord const& record) {
  return atomic_write_file(rollback_record_path(data_dir), rollback_record_text(record));
}

Result<void> forget_rollback_record(std::string const& data_dir) {
  std::string const path = rollback_record_path(data_dir);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error(errno, "remove", path);
  return {};
}

Result<std::optional<RollbackRecord>> load_rollback_record(std::string const& data_dir) {
  using Found = std::optional<RollbackRecord>;
  std::string const path = rollback_record_path(data_dir);
  auto const text = read_file(path, record_max_bytes);
  if (!text) return text.error().condition == Condition::not_found ? Result<Found>(Found()) : text.error();
  auto record = rollback_record_from(*text);
  if (!record)
    return make_error(Condition::corrupt, "the record of a restore around the gateway cannot be understood",
                      "If a gateway stays stopped, start it by hand; then remove the file", path);
  return Found(std::move(*record));
}

}  // namespace b2b::service
