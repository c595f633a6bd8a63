// The command line of daemonctl, as plain data. The contract is in docs/commands.md; scripts rely on it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace CLI {
class App;
}

namespace b2b::daemonctl {

struct PushArguments {
  bool dry_run = false;
  bool no_wait = false;
};
struct SnapshotsArguments {
  std::string at;  // a time; empty: now
  bool all = false;
};
struct LsArguments {
  std::string at;
  std::string snapshot;
  std::string path;
};
struct CatArguments {
  std::string at;
  std::string snapshot;
  std::string path;
};
struct RestoreArguments {
  std::string at;
  std::string snapshot;
  std::vector<std::string> paths;
  std::string target;
  bool dry_run = false;
  bool no_safety = false;
  bool with_secrets = false;
  bool yes = false;
  bool stop_gateway = false;
  bool when_stopped = false;
  std::string expires;  // with when_stopped: a length of time; empty: 15 minutes
};
struct DiffArguments {
  std::string at;
  std::string first;
  std::string second;
};
struct VerifyArguments {
  std::string snapshot;
  bool read_data = false;
  std::string subset;  // of what is read: "5%"; empty: all
};
struct RepairArguments {
  std::string part;    // "index", or empty: everything
  bool quick = false;
};
struct PruneArguments {
  bool dry_run = false;
  bool give_up_hidden = false;
  bool take_over = false;
  bool yes = false;
};
struct CopyArguments {
  std::string snapshot;
  std::string layout;
  bool switch_over = false;
};
struct ForgetArguments {
  std::vector<std::string> paths;
  bool dry_run = false;
  bool yes = false;
};
struct PinArguments {
  std::string snapshot;  // empty: list the pins
  bool remove = false;
};
struct CancelArguments {
  std::string job;  // empty: the restore that waits
};
struct ConfigCheckArguments {
  bool offline = false;
};
struct ConfigShowArguments {};
struct AcknowledgeKeyArguments {};
struct KeyListArguments {};
struct KeyAddArguments {
  std::string from_file;  // "-": standard input; the passphrase itself is never on the command line
  std::string label;
};
struct KeyRemoveArguments {
  std::string slot;
  bool yes = false;
};
struct KeyRewrapArguments {};
struct KeyRecoveryArguments {};
struct KeyOpenArguments {
  std::string from_file;  // as with KeyAddArguments
  bool passphrase = false;
};
struct StatusArguments {
  bool watch = false;
};
struct EventsArguments {};
struct MetricsArguments {};
struct SetupArguments {
  bool yes = false;
  std::string key_id;
  std::string key_file;    // a file with the application key: never on the command line itself
  std::string bucket;
  std::string endpoint;    // "b2": Backblaze, whatever is configured
  std::string prefix;
  bool encrypt = false;
  bool no_encrypt = false;
  bool no_test = false;
  bool no_service = false;
  bool no_linger = false;
};
struct NotifyArguments {
  std::string event;
  std::string data;  // a JSON object as text; empty: none
};

using Verb = std::variant<PushArguments, SnapshotsArguments, LsArguments, CatArguments, RestoreArguments, DiffArguments,
                          VerifyArguments, RepairArguments, PruneArguments, ConfigCheckArguments, ConfigShowArguments,
                          AcknowledgeKeyArguments, StatusArguments, EventsArguments, MetricsArguments, NotifyArguments,
                          SetupArguments, CancelArguments, CopyArguments, PinArguments, ForgetArguments, KeyListArguments, KeyAddArguments, KeyRemoveArguments, KeyRewrapArguments,
                          KeyRecoveryArguments, KeyOpenArguments>;

struct Arguments {
  std::string socket;
  bool direct = false;
  std::string config_file;
  std::string profile;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  std::vector<std::pair<std::string, std::string>> settings;  // --state-dir and --set KEY=VALUE
  Verb verb;
  std::string verb_name;
};

// What parsing came to: arguments to act on, or text to print and the exit code to end with (help, version, a mistake).
struct Parsed {
  bool run = false;
  Arguments arguments;
  std::string text;
  bool text_is_error = false;
  int exit_code = 0;
};
Parsed parse_arguments(std::vector<std::string> words);
// Shows the definition that parse_arguments() goes by, for pages and completions (daemon/pages). It lives as long as the call.
void with_command_line(std::function<void(CLI::App const&)> const& look);
// Pure. "5%" or "5": from 1 to 100.
std::optional<unsigned> percent_of(std::string_view text);

}  // namespace b2b::daemonctl
