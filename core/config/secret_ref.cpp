#include "core/config/secret_ref.h"

#include <boost/json/value.hpp>

#include "core/config/config_file.h"
#include "core/config/json5.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/secret.h"

namespace b2b {
namespace {

constexpr std::uint64_t secrets_file_bytes_max = 1ull << 20;

std::string text_at(boost::json::object const& object, std::string_view key) {
  boost::json::value const* const value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

Error unresolved(boost::json::object const& reference, std::string const& why) {
  return make_error(
      Condition::bad_config, describe_secret_ref(reference) + " cannot be resolved: " + why,
      "Give the value to this program directly: in its own configuration file, the environment or a "
      "systemd credential");
}

// The string a JSON pointer (RFC 6901) leads to.
Result<std::string> follow_pointer(boost::json::object const& reference, boost::json::value const& document,
                                   std::string const& file, std::string const& pointer) {
  boost::system::error_code failure;
  boost::json::value const* const found = document.find_pointer(pointer, failure);
  if (found == nullptr)
    return unresolved(reference, "nothing stands at " + printable(pointer) + " in " + file);
  if (!found->is_string() || found->get_string().empty())
    return unresolved(reference, "the value at " + printable(pointer) + " in " + file + " is no text");
  return std::string(found->get_string());
}

Result<std::string> resolve_file(boost::json::object const& reference, SecretRefContext const& context) {
  std::string const provider = text_at(reference, "provider");
  std::string const id = text_at(reference, "id");
  B2B_ASSIGN(auto const settings, context.config->at({"secrets", "providers", provider}));
  std::string path;
  if (settings && settings->is_object()) path = text_at(settings->get_object(), "path");
  if (path.empty())
    return unresolved(reference, "openclaw.json has no file under secrets.providers." + printable(provider));

  path = expand_path(substitute_variables(path, context.lookup).text, parent_path(context.config->path()),
                     context.home);
  auto file = read_config_file(path, secrets_file_bytes_max, "read the secrets file");
  if (!file) return unresolved(reference, file.error().text());
  if (auto warning = open_secrets_warning(path, file->mode, "a secret");
      warning && context.warnings != nullptr)
    context.warnings->push_back(*warning);
  if (text_at(settings->get_object(), "mode") == "singleValue") {
    std::string const secret(without_final_newline(file->text));
    wipe(file->text.data(), file->text.size());
    if (id != "value") return unresolved(reference, "the id of a file that is one secret must be \"value\"");
    if (secret.empty()) return unresolved(reference, path + " is empty");
    return secret;
  }
  auto const document = parse_json5(file->text, path, {Json5Dialect::foreign, nullptr});
  wipe(file->text.data(), file->text.size());
  if (!document) return unresolved(reference, document.error().message);
  return follow_pointer(reference, *document, path, id);
}

}  // namespace

bool is_secret_ref(boost::json::value const& value) {
  return value.is_object() && value.get_object().contains("source");
}

std::string describe_secret_ref(boost::json::object const& reference) {
  return "the SecretRef " + printable(text_at(reference, "source")) + ":" +
         printable(text_at(reference, "provider")) + ":" + printable(text_at(reference, "id"));
}

Result<std::string> resolve_secret_ref(boost::json::object const& reference,
                                       SecretRefContext const& context) {
  std::string const source = text_at(reference, "source");
  std::string const id = text_at(reference, "id");
  if (id.empty()) return unresolved(reference, "it has no id");
  if (source == "env") {
    auto const value = context.lookup(id);
    if (!value || value->empty())
      return unresolved(reference,
                        "the variable " + printable(id) + " is set neither here nor in OpenClaw's .env");
    return *value;
  }
  if (source == "file") return resolve_file(reference, context);
  return unresolved(reference,
                    "secrets of the kind \"" + printable(source) + "\" are known to OpenClaw only");
}

}  // namespace b2b
