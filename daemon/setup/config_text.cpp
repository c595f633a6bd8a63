#include "daemon/setup/config_text.h"

#include <algorithm>
#include <array>

#include <boost/json/serialize.hpp>

#include "core/config/config.h"
#include "core/util/encoding.h"

namespace b2b::setup {
namespace {

constexpr std::array<std::string_view, 13> setup_keys = {
    "stateDir",      "keyId",    "applicationKey", "applicationKeyFile",
    "bucket",        "endpoint", "region",         "caFile",
    "prefix",        "encrypt",  "encryptionKey",  "encryptionKeyFile",
    "decryptionKeys"};

std::string quoted(std::string_view text) {
  return boost::json::serialize(boost::json::string(text));
}

bool is_plain_name(std::string_view name) {
  auto const letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
  };
  return !name.empty() && letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

class Writer {
 public:
  void comment(std::string_view text) { out_ += "  // " + std::string(text) + "\n"; }
  void blank() { out_ += "\n"; }
  void raw(std::string_view name, std::string const& value) {
    out_ += "  " + (is_plain_name(name) ? std::string(name) : quoted(name)) + ": " + value + ",\n";
  }
  void text(std::string_view name, std::string_view value) {
    if (!value.empty()) raw(name, quoted(value));
  }
  std::string& out() { return out_; }

 private:
  std::string out_;
};

void write_store(Writer& file, FileValues const& values) {
  bool const directory = values.endpoint.starts_with("file://");
  if (directory) {
    file.comment("The backups go into a directory: the folder of that name below the endpoint's path.");
  } else if (values.endpoint.empty()) {
    file.comment(
        "The backups go to Backblaze B2. Where the bucket is, is found from the key" +
        (values.found_endpoint.empty() ? std::string() : " (" + printable(values.found_endpoint) + ")") +
        ".");
  } else {
    file.comment("The backups go to this S3 store.");
  }
  file.text("endpoint", values.endpoint);
  file.text("region", values.region);
  file.text("caFile", values.ca_file);
  file.text("keyId", values.key_id);
  file.text("applicationKeyFile", values.application_key_file);
  file.text("bucket", values.bucket);
  if (values.prefix.empty() || values.prefix == Config{}.prefix) return;
  file.comment("The folder in the bucket. No two machines or profiles may share one.");
  file.text("prefix", values.prefix);
}

void write_encryption(Writer& file, FileValues const& values) {
  if (!values.encrypt) {
    file.comment("Not encrypted: whoever can read the bucket can read everything in the backups.");
    file.raw("encrypt", "false");
  } else if (values.encryption_key_file.empty()) {
    file.comment(
        "The application key is the passphrase, too: without it the backups cannot be read. Keep a copy of "
        "it elsewhere.");
    file.raw("encrypt", "true");
  } else {
    file.comment(
        "The passphrase. Without it the backups cannot be read: keep a copy of it somewhere else than on "
        "this machine.");
    file.raw("encrypt", "true");
    file.text("encryptionKeyFile", values.encryption_key_file);
  }
  if (values.decryption_keys.empty()) return;
  file.comment("Earlier passphrases: backups that were made with them can still be read.");
  std::string list = "[";
  for (Secret const& key : values.decryption_keys)
    list += (list.size() > 1 ? ", " : "") + quoted(key.reveal());
  file.raw("decryptionKeys", list + "]");
  wipe(list.data(), list.size());
}

}  // namespace

bool is_setup_key(std::string_view key) {
  return std::find(setup_keys.begin(), setup_keys.end(), key) != setup_keys.end();
}

boost::json::object kept_settings(boost::json::object const& file) {
  boost::json::object kept;
  for (auto const& member : file)
    if (!is_setup_key(std::string_view(member.key().data(), member.key().size())))
      kept[member.key()] = member.value();
  return kept;
}

std::string config_text(FileValues const& values) {
  Writer file;
  file.out() =
      "// Configuration of b2backupd, written by `daemonctl setup`. Change it as you like; then run "
      "`daemonctl config check`.\n"
      "// What else can be set, from the schedule to how much is kept, is in docs/configuration.md.\n"
      "{\n";
  if (!values.state_dir.empty()) {
    file.comment("What is backed up.");
    file.text("stateDir", values.state_dir);
    file.blank();
  }
  write_store(file, values);
  file.blank();
  write_encryption(file, values);
  if (!values.kept.empty()) {
    file.blank();
    file.comment("Kept from the file that was here before.");
    for (auto const& member : values.kept)
      file.raw(std::string_view(member.key().data(), member.key().size()),
               boost::json::serialize(member.value()));
  }
  file.out() += "}\n";
  return std::move(file.out());
}

}  // namespace b2b::setup
