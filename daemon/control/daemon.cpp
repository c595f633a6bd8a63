#include "daemon/control/daemon.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/control/socket_place.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b::daemonctl {
namespace {

// Somebody has to have configured something for a daemon to have anything to do.
bool is_configured(Config const& config) {
  return !config.bucket.empty() || !config.key_id.empty() || !config.application_key.empty();
}

bool only_the_daemons(std::string_view verb) {
  return verb == "events" || verb == "metrics" || verb == "notify" || verb == "cancel";
}

Error not_running(Arguments const& arguments, Config const& config) {
  if (!is_configured(config))
    return make_error(Condition::bad_config, "nothing is configured yet, and no daemon is running for " + printable(config.state_dir),
                      "Set it up, step by step: daemonctl setup" +
                          (arguments.profile.empty() ? std::string() : " --profile " + printable(arguments.profile)));
  if (!arguments.socket.empty())
    return make_error(Condition::unreachable, "nobody is there to be asked: there is no " + printable(arguments.socket),
                      "Check the path given with --socket, or leave it out for the one of " + printable(config.state_dir));
  if (!path_exists(config.state_dir))
    return make_error(Condition::unreachable, "the state directory " + printable(config.state_dir) + " does not exist, so no daemon runs for it",
                      "Set stateDir (or --state-dir, or OPENCLAW_STATE_DIR) to the directory that holds openclaw.json");
  std::string const unit = arguments.profile.empty() || arguments.profile == "default" ? "" : "@" + arguments.profile;
  std::string advice = "Start it: systemctl --user start b2backupd" + unit + " (without systemd: b2backupd)";
  if (arguments.verb_name == "status") {
    advice += ". What is in the store: daemonctl --direct snapshots";
  } else if (!only_the_daemons(arguments.verb_name)) {
    advice += ". Or do it here, without the daemon: the same command with --direct, as in daemonctl --direct " + arguments.verb_name;
  }
  Error error = make_error(Condition::unreachable, "the daemon is not running for " + printable(config.state_dir), advice);
  error.retryable = true;
  return error;
}

}  // namespace

std::string socket_path(Arguments const& arguments, Config const& config) {
  if (!arguments.socket.empty()) return arguments.socket;
  if (!config.service.socket.empty()) return config.service.socket;
  return join_path(join_path(config.state_dir, "b2backupd"), "daemon.sock");
}

Result<control::Client> find_daemon(Arguments const& arguments, Config const& config) {
  control::ClientSettings settings;
  settings.socket_path = socket_path(arguments, config);
  if (!path_exists(settings.socket_path) && !path_exists(control::endpoint_file(settings.socket_path)))
    return not_running(arguments, config);
  // A daemon that root started works as the owner of the state directory.
  struct stat status {};
  if (::geteuid() == 0 && ::stat(config.state_dir.c_str(), &status) == 0) settings.also_trusted_user = status.st_uid;
  return control::Client(std::move(settings));
}

}  // namespace b2b::daemonctl
