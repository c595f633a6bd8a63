#include "daemon/jobs/parameters.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "core/util/encoding.h"

namespace b2b::jobs {

boost::json::value const* ParameterReader::find(std::string_view name) {
  known_.push_back(name);
  return given_.if_contains(name);
}

void ParameterReader::wrong(std::string_view name, std::string_view problem) {
  if (!problem_.empty()) return;
  problem_name_ = name;
  problem_ = std::string(what_) + ": " + std::string(name) + " " + std::string(problem);
}

bool ParameterReader::usable(std::string_view name, std::string_view text) {
  if (text.size() > text_max_bytes) {
    wrong(name, "is longer than " + std::to_string(text_max_bytes) + " bytes");
  } else if (text.find('\0') != std::string_view::npos) {
    wrong(name, "has a zero byte in it");
  } else {
    return true;
  }
  return false;
}

bool ParameterReader::flag(std::string_view name, bool otherwise) {
  boost::json::value const* value = find(name);
  if (value == nullptr) return otherwise;
  if (bool const* given = value->if_bool()) return *given;
  wrong(name, "must be true or false");
  return otherwise;
}

std::string ParameterReader::text(std::string_view name) {
  boost::json::value const* value = find(name);
  if (value == nullptr) return {};
  boost::json::string const* given = value->if_string();
  if (given == nullptr) {
    wrong(name, "must be text");
    return {};
  }
  std::string_view const view(given->data(), given->size());
  return usable(name, view) ? std::string(view) : std::string();
}

std::string ParameterReader::required_text(std::string_view name) {
  std::string out = text(name);
  if (out.empty()) wrong(name, "is missing");
  return out;
}

std::uint64_t ParameterReader::number(std::string_view name, std::uint64_t otherwise) {
  if (given_.if_contains(name) != nullptr) return required_number(name);
  known_.push_back(name);
  return otherwise;
}

std::uint64_t ParameterReader::required_number(std::string_view name) {
  boost::json::value const* value = find(name);
  if (value == nullptr) {
    wrong(name, "is missing");
    return 0;
  }
  if (value->is_uint64()) return value->get_uint64();
  if (value->is_int64() && value->get_int64() >= 0) return static_cast<std::uint64_t>(value->get_int64());
  wrong(name, "must be a whole number");
  return 0;
}

std::vector<std::string> ParameterReader::texts(std::string_view name) {
  std::vector<std::string> out;
  boost::json::value const* value = find(name);
  if (value == nullptr) return out;
  boost::json::array const* given = value->if_array();
  if (given == nullptr) {
    wrong(name, "must be a list of texts");
    return out;
  }
  if (given->size() > texts_max) {
    wrong(name, "has more than " + std::to_string(texts_max) + " items");
    return out;
  }
  for (boost::json::value const& item : *given) {
    boost::json::string const* text = item.if_string();
    if (text == nullptr) {
      wrong(name, "must be a list of texts");
      return {};
    }
    std::string_view const view(text->data(), text->size());
    if (!usable(name, view)) return {};
    out.emplace_back(view);
  }
  return out;
}

boost::json::object ParameterReader::object(std::string_view name) {
  boost::json::value const* value = find(name);
  if (value == nullptr) return {};
  if (boost::json::object const* given = value->if_object()) return *given;
  wrong(name, "must be an object");
  return {};
}

std::optional<TimePoint> ParameterReader::time(std::string_view name) {
  std::string const given = text(name);
  if (given.empty()) return std::nullopt;
  auto const parsed = parse_iso8601(given);
  if (!parsed) wrong(name, "must be a time in UTC like 2026-02-19T12:00:00Z, not " + printable(given.substr(0, 100)));
  return parsed;
}

Result<void> ParameterReader::finish() const {
  if (!problem_.empty()) return make_error(Condition::usage, problem_, {}, problem_name_);
  for (auto const& member : given_) {
    std::string_view const name(member.key().data(), member.key().size());
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    std::string takes;
    for (std::string_view const known : known_) takes += (takes.empty() ? "" : ", ") + std::string(known);
    return make_error(Condition::usage,
                      std::string(what_) + ": there is no parameter " + printable(name.substr(0, 100)),
                      known_.empty() ? "It takes none" : "It takes " + takes, printable(name.substr(0, 100)));
  }
  return {};
}

Result<PushParameters> push_parameters(boost::json::object const& given) {
  ParameterReader reader("push", given);
  PushParameters out;
  out.dry_run = reader.flag("dryRun", false);
  out.wait = reader.flag("wait", true);
  B2B_TRY(reader.finish());
  return out;
}

Result<SnapshotsParameters> snapshots_parameters(boost::json::object const& given) {
  ParameterReader reader("snapshots", given);
  SnapshotsParameters out;
  out.at = reader.time("at");
  out.all = reader.flag("all", false);
  B2B_TRY(reader.finish());
  return out;
}

Result<LsParameters> ls_parameters(boost::json::object const& given) {
  ParameterReader reader("ls", given);
  LsParameters out;
  out.at = reader.time("at");
  out.snapshot = reader.required_text("snapshot");
  out.path = reader.text("path");
  B2B_TRY(reader.finish());
  return out;
}

Result<CatParameters> cat_parameters(boost::json::object const& given) {
  ParameterReader reader("cat", given);
  CatParameters out;
  out.at = reader.time("at");
  out.snapshot = reader.required_text("snapshot");
  out.path = reader.required_text("path");
  B2B_TRY(reader.finish());
  return out;
}

Result<DiffParameters> diff_parameters(boost::json::object const& given) {
  ParameterReader reader("diff", given);
  DiffParameters out;
  out.at = reader.time("at");
  out.first = reader.required_text("first");
  out.second = reader.text("second");
  B2B_TRY(reader.finish());
  return out;
}

Result<VerifyParameters> verify_parameters(boost::json::object const& given) {
  ParameterReader reader("verify", given);
  VerifyParameters out;
  out.snapshot = reader.text("snapshot");
  out.read_data = reader.flag("readData", false);
  bool const a_share = given.contains("readDataSubset");
  std::uint64_t const percent = reader.number("readDataSubset", 100);
  B2B_TRY(reader.finish());
  if (percent < 1 || percent > 100)
    return make_error(Condition::usage, "verify: readDataSubset must be a percentage from 1 to 100", {}, "readDataSubset");
  if (a_share) out.read_data = true;
  out.read_percent = static_cast<unsigned>(percent);
  return out;
}

Result<ForgetParameters> forget_parameters(boost::json::object const& given) {
  ParameterReader reader("forget", given);
  ForgetParameters out;
  out.paths = reader.texts("paths");
  out.dry_run = reader.flag("dryRun", false);
  out.yes = reader.flag("yes", false);
  B2B_TRY(reader.finish());
  if (out.paths.empty()) return make_error(Condition::usage, "forget: paths must name what is to be forgotten", {}, "paths");
  return out;
}

Result<RepairParameters> repair_parameters(boost::json::object const& given) {
  ParameterReader reader("repair", given);
  RepairParameters out;
  out.index_only = reader.flag("index", false);
  out.read_data = reader.flag("readData", true);
  B2B_TRY(reader.finish());
  return out;
}

namespace {

Result<void> check_gateway_part(RestoreParameters& parameters, std::string const& gateway) {
  if (gateway == "when-stopped") {
    parameters.gateway = GatewayChoice::when_stopped;
  } else if (gateway == "stop") {
    parameters.gateway = GatewayChoice::stop;
  } else if (!gateway.empty() && gateway != "refuse") {
    return make_error(Condition::usage, "restore: gateway must be refuse, when-stopped or stop, not " + printable(gateway), {}, "gateway");
  }
  bool const around = parameters.gateway != GatewayChoice::refuse;
  if (around && parameters.at)
    return make_error(Condition::usage, "restore: at cannot be combined with gateway", "Stop the gateway first, and restore then", "at");
  if (around && !parameters.target.empty())
    return make_error(Condition::usage, "restore: gateway is for a restore in place, and target names another directory", {}, "gateway");
  if (!parameters.wait && (!around || parameters.dry_run))
    return make_error(Condition::usage, "restore: wait can only be false with gateway stop or when-stopped", {}, "wait");
  if (parameters.expires_seconds == 0 || parameters.expires_seconds > restore_expires_max_seconds)
    return make_error(Condition::usage, "restore: expiresSeconds must be from 1 to " + std::to_string(restore_expires_max_seconds), {},
                      "expiresSeconds");
  if (parameters.delay_seconds > restore_delay_max_seconds)
    return make_error(Condition::usage, "restore: delaySeconds must be from 0 to " + std::to_string(restore_delay_max_seconds), {},
                      "delaySeconds");
  return {};
}

}  // namespace

Result<RestoreParameters> restore_parameters(boost::json::object const& given) {
  ParameterReader reader("restore", given);
  RestoreParameters out;
  out.at = reader.time("at");
  out.snapshot = reader.required_text("snapshot");
  out.paths = reader.texts("paths");
  out.target = reader.text("target");
  out.dry_run = reader.flag("dryRun", false);
  out.safety = reader.flag("safety", true);
  out.with_secrets = reader.flag("withSecrets", false);
  out.yes = reader.flag("yes", false);
  std::string const gateway = reader.text("gateway");
  out.wait = reader.flag("wait", true);
  out.expires_seconds = reader.number("expiresSeconds", out.expires_seconds);
  out.delay_seconds = reader.number("delaySeconds", 0);
  B2B_TRY(reader.finish());
  B2B_TRY(check_gateway_part(out, gateway));
  for (std::string const& path : out.paths)
    if (path.empty()) return make_error(Condition::usage, "restore: paths has an empty pattern in it", {}, "paths");
  if (!out.target.empty() && out.target.front() != '/')
    return make_error(Condition::usage, "restore: target must be an absolute path, not " + printable(out.target), {}, "target");
  return out;
}

Result<PruneParameters> prune_parameters(boost::json::object const& given) {
  ParameterReader reader("prune", given);
  PruneParameters out;
  out.dry_run = reader.flag("dryRun", false);
  out.give_up_hidden = reader.flag("giveUpHidden", false);
  out.take_over = reader.flag("takeOver", false);
  out.yes = reader.flag("yes", false);
  B2B_TRY(reader.finish());
  return out;
}

Result<CopyParameters> copy_parameters(boost::json::object const& given) {
  ParameterReader reader("copy", given);
  CopyParameters out;
  out.snapshot = reader.required_text("snapshot");
  std::string const layout = reader.required_text("toLayout");
  out.switch_over = reader.flag("switch", false);
  B2B_TRY(reader.finish());
  for (SnapshotLayout const known : {SnapshotLayout::plugin, SnapshotLayout::packed}) {
    if (layout != layout_name(known)) continue;
    out.to = known;
    return out;
  }
  return make_error(Condition::usage, "copy: toLayout must be packed or plugin, not " + printable(layout), {}, "toLayout");
}

Result<PinParameters> pin_parameters(boost::json::object const& given) {
  ParameterReader reader("pin", given);
  PinParameters out;
  out.snapshot = reader.required_text("snapshot");
  out.remove = reader.flag("remove", false);
  B2B_TRY(reader.finish());
  return out;
}

}  // namespace b2b::jobs
