#include "core/engine/snapshot_json.h"

#include <boost/json.hpp>

namespace b2b {
namespace {

namespace json = boost::json;

std::string text_of(json::object const& object, std::string_view key) {
  return std::string(object.at(key).as_string());
}

}  // namespace

std::string snapshot_to_json(SnapshotInfo const& info, Signature signature) {
  json::object out;
  out["layout"] = layout_name(info.layout);
  out["timestamp"] = info.timestamp;
  out["ours"] = info.ours;
  out["complete"] = info.complete;
  out["trigger"] = info.trigger_text;
  out["host"] = info.host;
  out["instance"] = info.instance;
  out["stateDir"] = info.state_dir;
  out["program"] = info.program;
  out["openclaw"] = info.openclaw;
  out["encrypted"] = info.encrypted;
  out["keySalt"] = info.key_salt_hex;
  out["files"] = info.files;
  out["bytes"] = info.bytes;
  out["skippedTotal"] = info.skipped_total;
  out["signature"] = static_cast<int>(signature);
  return json::serialize(out);
}

bool snapshot_from_json(std::string_view text, SnapshotId const& id, SnapshotInfo& info, Signature& signature) {
  try {
    json::value const value = json::parse(text);
    json::object const& object = value.as_object();
    info = SnapshotInfo{};
    info.id = id;
    auto const* const layout = object.if_contains("layout");  // older records have none
    info.layout = layout != nullptr && *layout == json::value("packed") ? SnapshotLayout::packed : SnapshotLayout::plugin;
    info.timestamp = text_of(object, "timestamp");
    info.ours = object.at("ours").as_bool();
    info.complete = object.at("complete").as_bool();
    info.trigger_text = text_of(object, "trigger");
    info.trigger = parse_trigger(info.trigger_text).value_or(Trigger::manual);
    info.host = text_of(object, "host");
    info.instance = text_of(object, "instance");
    info.state_dir = text_of(object, "stateDir");
    info.program = text_of(object, "program");
    info.openclaw = text_of(object, "openclaw");
    info.encrypted = object.at("encrypted").as_bool();
    info.key_salt_hex = text_of(object, "keySalt");
    info.files = object.at("files").to_number<std::uint64_t>();
    info.bytes = object.at("bytes").to_number<std::uint64_t>();
    info.skipped_total = object.at("skippedTotal").to_number<std::uint64_t>();
    auto const number = object.at("signature").to_number<int>();
    if (number < 0 || number > 2) return false;
    signature = static_cast<Signature>(number);
    return true;
  } catch (std::exception const&) {
    return false;
  }
}

}  // namespace b2b
