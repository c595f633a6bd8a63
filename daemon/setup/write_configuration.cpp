// The files: the configuration and the two secrets beside it, each whole or not at all, none overwritten
// unasked.
#include <algorithm>

#include "core/config/config_file.h"
#include "core/config/json5.h"
#include "core/config/layer.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "daemon/setup/config_text.h"
#include "daemon/setup/setup.h"

namespace b2b::setup {
namespace {

constexpr std::uint64_t file_bytes_max = 1 << 20;
constexpr int backups_max = 99;

// Removes the files it was told of, unless it is told that all went well.
class Undo {
 public:
  void made(std::string path) { paths_.push_back(std::move(path)); }
  void keep() { paths_.clear(); }
  ~Undo() {
    for (std::string const& path : paths_)
      (void)remove_tree(path);
  }

 private:
  std::vector<std::string> paths_;
};

// "application-key.txt" beside config.json5, "application-key-work.txt" beside config-work.json5,
// "mine-application-key.txt" beside mine.json5.
std::string secret_name(std::string const& config_path, std::string const& what) {
  std::string stem = base_name(config_path);
  if (std::size_t const dot = stem.rfind('.'); dot != std::string::npos && dot > 0) stem.resize(dot);
  if (stem == "config") return what + ".txt";
  if (stem.starts_with("config-")) return what + stem.substr(6) + ".txt";
  return stem + "-" + what + ".txt";
}

bool holds(std::string const& path, std::string_view content) {
  auto file = read_config_file(path, file_bytes_max, "read");
  if (!file) return false;
  bool const same =
      without_final_newline(file->text) == without_final_newline(content) && (file->mode & 0077u) == 0;
  wipe(file->text.data(), file->text.size());
  return same;
}

// A copy as PATH.bak, or .bak2 and so on: no copy is overwritten, since one may hold the only passphrase of
// old backups.
Result<std::string> keep_copy(std::string const& path) {
  B2B_ASSIGN(ConfigFile file, read_config_file(path, file_bytes_max, "keep a copy of"));
  Result<std::string> out =
      make_error(Condition::io, "there are too many copies beside " + printable(path) + " already",
                 "Put some of its .bak files away");
  for (int i = 1; i <= backups_max; ++i) {
    std::string const copy = path + ".bak" + (i == 1 ? std::string() : std::to_string(i));
    if (path_exists(copy)) continue;
    auto const written = atomic_write_file(copy, file.text, 0600);
    out = written ? Result<std::string>(copy) : Result<std::string>(written.error());
    break;
  }
  wipe(file.text.data(), file.text.size());
  return out;
}

// A secret's file beside the configuration; the name for the configuration.
Result<std::string> put_secret(Conversation& talk, std::string const& what, Secret const& secret,
                               Undo& undo) {
  std::string const name = secret_name(talk.config_path, what);
  std::string const path = join_path(parent_path(talk.config_path), name);
  std::string content(secret.reveal());
  content += "\n";
  Result<void> done;
  if (!holds(path, content)) {
    bool const there = path_exists(path);
    if (there) {
      B2B_ASSIGN(std::string const copy, keep_copy(path));
      talk.console.line("  What was in " + printable(path) + " is kept in " + printable(copy) + ".");
    }
    done = atomic_write_file(path, content, 0600);
    if (done && !there) undo.made(path);
  }
  wipe(content.data(), content.size());
  if (!done) return done.error();
  return name;
}

Result<boost::json::object> old_settings(Conversation const& talk) {
  if (!talk.config_exists) return boost::json::object();
  B2B_ASSIGN(ConfigFile file,
             read_config_file(talk.config_path, file_bytes_max, "read the configuration file"));
  auto document = parse_json5(file.text, talk.config_path);
  wipe(file.text.data(), file.text.size());
  if (!document) return document.error();
  if (!document->is_object()) return boost::json::object();
  boost::json::object out = document->get_object();
  wipe_json(*document);
  return out;
}

std::string text_in(boost::json::object const& object, std::string_view name) {
  auto const* const value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// Does the daemon, with the file as it is, work as was agreed?
bool says_all_of_it(Conversation const& talk) {
  if (!talk.config_exists) return false;
  auto const now = load_config(service_sources(talk));
  if (!now) return false;
  Config const& is = now->config;
  Config const& wanted = talk.wanted;
  return is.state_dir == wanted.state_dir && is.key_id == wanted.key_id &&
         is.application_key == wanted.application_key && is.bucket == wanted.bucket &&
         is.region == wanted.region && is.endpoint == wanted.endpoint && is.ca_file == wanted.ca_file &&
         is.prefix == wanted.prefix && is.encrypt == wanted.encrypt &&
         is.encryption_key == wanted.encryption_key;
}

// What opened the backups so far and is not at hand otherwise from now on.
std::vector<Secret> earlier_passphrases(Conversation const& talk) {
  Config const& wanted = talk.wanted;
  std::vector<Secret> before = talk.loaded.config.passphrases();
  if (talk.config_exists) {  // what the file says may be hidden from this shell by its environment
    if (auto const of_file = load_config(service_sources(talk))) {
      auto const more = of_file->config.passphrases();
      before.insert(before.end(), more.begin(), more.end());
    }
  }
  std::vector<Secret> out;
  std::vector<Secret> at_hand;
  if (wanted.encrypt) at_hand.push_back(wanted.encryption_key);
  at_hand.push_back(wanted.application_key);
  auto const among = [](std::vector<Secret> const& list, Secret const& one) {
    return std::find(list.begin(), list.end(), one) != list.end();
  };
  for (Secret const& one : before)
    if (!among(at_hand, one) && !among(out, one)) out.push_back(one);
  return out;
}

Result<FileValues> file_values(Conversation& talk, boost::json::object const& before, Undo& undo) {
  Config const& wanted = talk.wanted;
  bool const directory = wanted.endpoint.starts_with("file://");
  FileValues values;
  std::string const usual = join_path(talk.sources.home, ".openclaw") +
                            (talk.state.profile.empty() ? "" : "-" + talk.state.profile);
  if (wanted.state_dir != usual) values.state_dir = wanted.state_dir;
  values.bucket = wanted.bucket;
  values.endpoint = wanted.endpoint;
  values.found_endpoint = talk.found_endpoint;
  values.region = wanted.region;
  values.ca_file = wanted.ca_file;
  values.prefix = wanted.prefix;
  values.encrypt = wanted.encrypt;
  values.kept = kept_settings(before);
  values.decryption_keys = earlier_passphrases(talk);
  // A secret in a file of the person's own choice stays there.
  std::string const key_file = text_in(before, "applicationKeyFile");
  std::string const passphrase_file = text_in(before, "encryptionKeyFile");
  if (!directory || !wanted.application_key.empty()) {
    values.key_id = wanted.key_id.reveal();
    if (!key_file.empty() && wanted.application_key == talk.loaded.config.application_key &&
        where_from(talk.loaded, "applicationKey").starts_with("found in")) {
      values.application_key_file = key_file;
    } else if (!wanted.application_key.empty()) {
      B2B_ASSIGN(values.application_key_file,
                 put_secret(talk, "application-key", wanted.application_key, undo));
    }
  }
  if (wanted.encrypt && !wanted.encryption_key.empty()) {
    if (!passphrase_file.empty() && wanted.encryption_key == talk.loaded.config.encryption_key &&
        where_from(talk.loaded, "encryptionKey").starts_with("found in")) {
      values.encryption_key_file = passphrase_file;
    } else {
      B2B_ASSIGN(values.encryption_key_file, put_secret(talk, "passphrase", wanted.encryption_key, undo));
    }
  }
  return values;
}

Result<void> write(Conversation& talk) {
  B2B_TRY(make_directories(parent_path(talk.config_path), 0700));
  B2B_ASSIGN(boost::json::object const before, old_settings(talk));
  Undo undo;
  B2B_ASSIGN(FileValues const values, file_values(talk, before, undo));
  if (talk.config_exists) {
    B2B_ASSIGN(std::string const copy, keep_copy(talk.config_path));
    talk.console.line("  What was in " + printable(talk.config_path) + " is kept in " + printable(copy) +
                      ".");
    talk.answer["backup"] = printable(copy);
  }
  std::string text = config_text(values);
  auto const done = atomic_write_file(talk.config_path, text, 0600);
  wipe(text.data(), text.size());
  if (!done) return done.error();
  undo.keep();
  return {};
}

void warn_of_this_shell(Conversation& talk) {
  auto const as_here = load_config([&] {
    ConfigSources sources = talk.sources;
    sources.config_file = talk.config_path;
    return sources;
  }());
  if (!as_here) return;
  for (std::size_t i = 0; i < as_here->shown.size() && i < talk.in_force.shown.size(); ++i) {
    ShownValue const& here = as_here->shown[i];
    ShownValue const& there = talk.in_force.shown[i];
    bool const differs = here.key == "applicationKey"
                             ? !(as_here->config.application_key == talk.in_force.config.application_key)
                         : here.key == "encryptionKey"
                             ? !(as_here->config.encryption_key == talk.in_force.config.encryption_key)
                             : here.value != there.value;
    if (!differs || !here.source.starts_with("environment (")) continue;
    std::string const variable = here.source.substr(13, here.source.size() - 14);
    warn(talk,
         "in this shell " + variable +
             " says something else for daemonctl than the configuration file does for the daemon: unset " +
             variable);
  }
}

}  // namespace

Result<void> write_configuration(Conversation& talk) {
  talk.console.line("");
  talk.console.line("Configuration");
  if (says_all_of_it(talk)) {
    talk.unchanged = true;
    talk.console.line("  " + printable(talk.config_path) + " says all of this already: it stays as it is.");
  } else {
    if (talk.config_exists) {
      B2B_ASSIGN(bool const go_on,
                 confirm(talk.asker,
                         "Write " + printable(talk.config_path) +
                             " anew? Its other settings are taken over, and the old file is kept beside it.",
                         true));
      if (!go_on)
        return make_error(Condition::refused, printable(talk.config_path) + " was left as it is",
                          "Write it elsewhere with --config FILE, or change it by hand");
    }
    B2B_TRY(write(talk));
    talk.console.line("  Written: " + printable(talk.config_path) +
                      (talk.wanted.encryption_key.empty() && talk.wanted.application_key.empty()
                           ? std::string()
                           : ", and its secrets in files of their own beside it") +
                      ". Only you can read them.");
  }
  talk.written = true;
  talk.config_exists = true;
  B2B_ASSIGN(talk.in_force, load_config(service_sources(talk)));
  B2B_TRY(require_store(talk.in_force.config));
  talk.in_force.config.b2_api_url = talk.b2_api_url;
  warn_of_this_shell(talk);
  talk.answer["written"] = !talk.unchanged;
  return {};
}

}  // namespace b2b::setup
