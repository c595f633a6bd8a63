#include "core/snapshot/manifest_fields.h"

#include <limits>

#include <boost/json/serialize.hpp>

#include "core/crypto/hash.h"
#include "core/snapshot/object_members.h"
#include "core/util/encoding.h"

namespace b2b {

std::string_view trigger_name(Trigger trigger) {
  switch (trigger) {
    case Trigger::schedule:
      return "schedule";
    case Trigger::change:
      return "change";
    case Trigger::compaction:
      return "compaction";
    case Trigger::gateway_stop:
      return "gateway-stop";
    case Trigger::manual:
      return "manual";
  }
  return "manual";
}

std::optional<Trigger> parse_trigger(std::string_view name) {
  for (auto const trigger :
       {Trigger::schedule, Trigger::change, Trigger::compaction, Trigger::gateway_stop, Trigger::manual})
    if (trigger_name(trigger) == name) return trigger;
  return std::nullopt;
}

namespace manifest {

namespace json = boost::json;

Error corrupt(SnapshotId const& id, std::string_view what) {
  return make_error(
      Condition::corrupt,
      "the manifest of snapshot " + printable(id.text) + " is damaged: " + printable(what),
      "Choose another snapshot (daemonctl snapshots lists them); daemonctl verify checks them all", id.text);
}

std::string key_check(Key const& digest_key) {
  auto const digest = hmac_sha256(digest_key.bytes(), "b2backupd key check v1");
  return to_hex(std::span(digest).first(8));
}

void append_string(std::string& out, std::string_view utf8) {
  static constexpr char hex[] = "0123456789abcdef";
  out += '"';
  for (char const c : utf8) {
    auto const byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      out += "\\u00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

namespace {

constexpr std::size_t roots_max = 64;
constexpr std::uint64_t max_count = std::numeric_limits<std::int64_t>::max();

std::string roots_json(std::vector<SnapshotRoot> const& roots) {
  std::string out = "[";
  for (SnapshotRoot const& root : roots) {
    if (out.size() > 1) out += ',';
    ObjectText object(out);
    object.text("label", root.label);
    object.text("path", root.path);
    object.text_unless_empty("written", root.written);
    object.close();
  }
  return out + "]";
}

// A label that could lead a restore astray is refused with the whole manifest: it is ours, or nobody's.
bool read_roots(json::object const& header, std::vector<SnapshotRoot>& roots, std::string& problem) {
  auto const* const list = header.if_contains("roots");
  if (list == nullptr) return true;
  if (!list->is_array() || list->get_array().size() > roots_max) {
    problem = "its \"roots\" are no list of at most " + std::to_string(roots_max);
    return false;
  }
  for (json::value const& value : list->get_array()) {
    if (!value.is_object()) {
      problem = "one of its \"roots\" is no object";
      return false;
    }
    ObjectFields fields(value.get_object(), problem);
    SnapshotRoot root{fields.text("label", true), fields.text("path", true), fields.text("written")};
    if (!root.label.starts_with('@') || root.label.find('/') != std::string::npos || root.label.find('\0') != std::string::npos)
      fields.fail("label", "is no label of a root");
    if (!root.path.starts_with('/')) fields.fail("path", "is not absolute");
    if (!fields.good()) return false;
    roots.push_back(std::move(root));
  }
  return true;
}

}  // namespace

std::string header_json(SnapshotInfo const& info, Key const* digest_key) {
  std::string out;
  ObjectText object(out);
  object.text("id", info.id.text);
  object.boolean("complete", info.complete);
  object.text("trigger", info.trigger_text.empty() ? trigger_name(info.trigger) : info.trigger_text);
  object.boolean("encrypted", info.encrypted);
  object.text_unless_empty("keySalt", info.key_salt_hex);
  if (digest_key != nullptr) object.text("keyCheck", key_check(*digest_key));
  object.number("files", info.files);
  object.number("bytes", info.bytes);
  object.number("skippedTotal", info.skipped_total);
  object.text_unless_empty("host", info.host);
  object.text_unless_empty("instance", info.instance);
  object.text_unless_empty("stateDir", info.state_dir);
  if (!info.roots.empty()) object.raw("roots", roots_json(info.roots));
  object.text_unless_empty("program", info.program);
  object.text_unless_empty("openclaw", info.openclaw);
  if (!info.scope.is_null()) object.raw("scope", json::serialize(info.scope));
  object.close();
  return out;
}

std::string skipped_json(std::string_view path, std::string_view reason) {
  std::string out;
  ObjectText object(out);
  object.text("path", path);
  object.text("reason", reason);
  object.close();
  return out;
}

bool read_header(json::object const& object, Header& out, std::string& problem) {
  ObjectFields fields(object, problem);
  SnapshotInfo& info = out.info;
  info.ours = true;
  out.id_text = fields.text("id", true);
  info.complete = fields.boolean("complete", true);
  info.trigger_text = fields.text("trigger");
  info.trigger = parse_trigger(info.trigger_text).value_or(Trigger::manual);
  info.encrypted = fields.boolean("encrypted", true);
  info.key_salt_hex = fields.text("keySalt");
  out.key_check = fields.text("keyCheck");
  info.files = fields.number("files", max_count, true);
  info.bytes = fields.number("bytes", max_count, true);
  info.skipped_total = fields.number("skippedTotal", max_count);
  info.host = fields.text("host");
  info.instance = fields.text("instance");
  info.state_dir = fields.text("stateDir");
  info.program = fields.text("program");
  info.openclaw = fields.text("openclaw");
  if (auto const* scope = object.if_contains("scope")) info.scope = *scope;
  return fields.good() && read_roots(object, info.roots, problem);
}

bool read_skipped(json::object const& object, std::pair<std::string, std::string>& out,
                  std::string& problem) {
  ObjectFields fields(object, problem);
  out = {fields.text("path", true), fields.text("reason")};
  return fields.good();
}

}  // namespace manifest
}  // namespace b2b
