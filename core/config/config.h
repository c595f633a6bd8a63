// The configuration: what the daemon works with, where each value came from, and what is wrong with it.
//
// Merged per key, highest wins: command line, environment, systemd credentials, configuration file, the
// plugin's entry in openclaw.json, built-in default. A broken openclaw.json is a warning when the rest names
// a store: backing up a broken configuration is what a backup is for. load_config() does the reading; what it
// is made of is mostly pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/retention_rules.h"
#include "core/config/service_config.h"
#include "core/util/error.h"
#include "core/util/secret.h"

namespace b2b {

enum class SecretRows { exclude, include };  // `secrets`: the secret tables and rows inside databases
enum class LayoutChoice { automatic, plugin, packed };  // `layout`; automatic: not set

struct Limits {
  std::uint64_t upload_bytes_per_second = 0;    // limits.upload, "2MB/s" style text or a number; 0: none
  std::uint64_t download_bytes_per_second = 0;  // limits.download
  std::uint64_t spool_bytes = 256ull << 20;     // limits.spool: captured and not yet uploaded
  std::size_t transfers = 32;                   // limits.transfers, 1 to 64
  std::uint64_t retry_seconds = 300;  // limits.retrySeconds: a store that is away is given up after that
};

// A directory of agents that openclaw.json puts outside of the state directory: backed up as well, under a label of its own.
struct AgentRoot {
  std::string label;    // "@workspace", "@workspace-work", "@agent-work": what the paths of its entries begin with
  std::string path;     // absolute, symbolic links resolved
  std::string setting;  // "agents.defaults.workspace"
  std::string written;  // its value there, "~" and ${NAME} as they stand

  friend bool operator==(AgentRoot const&, AgentRoot const&) = default;
};

struct Config {
  std::string state_dir;      // absolute
  std::string openclaw_json;  // OpenClaw's own configuration, there or not; empty: openclaw.json in state_dir
  std::string home;           // what "~" is in it; empty: not known
  Secret key_id;
  Secret application_key;
  std::string bucket;
  std::string region;
  std::string endpoint;  // https://…, http://… (loopback only), file:///path; empty: discovered from B2
  std::string ca_file;
  std::string prefix = "openclaw-backup";
  bool encrypt = true;
  Secret encryption_key;  // empty: the application key is the passphrase
  std::vector<Secret> decryption_keys;
  std::uint32_t keep_snapshots = 10;
  std::optional<std::uint32_t> keep_safety_snapshots;  // default 10
  // A source that may say how many snapshots to keep could not be read: push, but prune nothing, since a
  // default in its place could delete what the person meant to keep.
  bool retention_uncertain = false;
  std::optional<RetentionRules> retention;  // `retention`; packed snapshots are kept by its defaults when it and keepSnapshots are not set
  bool keep_snapshots_set = false;          // keepSnapshots is somebody's choice, not the default
  LayoutChoice layout = LayoutChoice::automatic;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::vector<AgentRoot> roots;          // from openclaw.json; none lies in another, or in the state directory
  bool roots_known = false;              // false: openclaw.json is away or broken, which says nothing about the roots
  std::vector<std::string> agents_here;  // those inside the state directory, relative to it; taken whole, too
  SecretRows secrets = SecretRows::exclude;
  Limits limits;
  ServiceConfig service;  // what only b2backupd acts on
  std::string data_dir;   // $XDG_STATE_HOME/b2backupd unless set; the instance's folder is below it
  std::string b2_api_url =
      "https://api.backblazeb2.com";  // where the region is discovered; set in tests only

  // The passphrases, the current one first: encryptionKey or else applicationKey, then the other of the two,
  // then decryptionKeys; empty ones and repetitions left out.
  std::vector<Secret> passphrases() const;
};

// One value as `config show` prints it.
struct ShownValue {
  std::string key;     // "limits.upload"
  std::string value;   // "***" for secrets that are set; empty when not set
  std::string source;  // "command line", "environment (B2_REGION)", "systemd credential (keyId)",
                       // "/home/a/.config/b2backupd/config.json5", "openclaw.json", "default", "not set"
};

struct LoadedConfig {
  Config config;
  std::vector<ShownValue> shown;  // every known key, in the schema's order
  std::vector<std::string>
      warnings;  // readable secrets file, SecretRef we cannot resolve, the plugin's own leftovers
  std::vector<std::string>
      notes;  // for config show: settings that another one overrules
  std::vector<std::string> files;  // configuration files that were read
  std::string openclaw_json;       // where OpenClaw's own configuration is or would be
  std::string openclaw_problem;    // it could not be read, where that is, and what is used meanwhile: the first of `warnings`
};

// Where values come from. Everything the process would take from its surroundings is in here, so that tests
// give it whole.
struct ConfigSources {
  std::map<std::string, std::string> environment;  // the process environment
  std::string home;                                // home directory of the user we run as
  std::string working_directory;                   // relative paths of the command line and environment
  std::string system_config_dir = "/etc/b2backupd";
  std::string config_file;                          // --config; empty: the standard places
  std::string profile;                              // --profile; empty: found from the state directory
  std::map<std::string, std::string> command_line;  // key → text, from options of the same meaning
};
ConfigSources process_sources();

// Reads and merges. Missing store fields are not an error here (config show works without): see
// require_store(). bad_config: malformed JSON5 (file, line, column, what was expected), unknown key (with the
// nearest known one), wrong type, value out of range, a file named by --config that does not exist, a file
// that is a symbolic link to nothing, a SecretRef of a needed secret that cannot be resolved. usage: a
// setting of the command line, or the profile's name.
Result<LoadedConfig> load_config(ConfigSources const& sources);

// What is missing to reach a store: bucket, keyId, applicationKey (not for file://), each by name and with
// where to put it. Also refuses encrypt with no passphrase at all, and the packed layout without encryption.
Result<void> require_store(Config const& config);

}  // namespace b2b
