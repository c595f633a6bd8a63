#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "core/engine/context.h"
#include "core/util/file.h"

namespace b2b {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

// The machine's id. Without one (containers), the host name has to do: the instance is then as stable as that name.
std::string machine_id() {
  for (char const* path : {"/etc/machine-id", "/var/lib/dbus/machine-id"}) {
    auto text = read_file(path, 4096);
    if (text && text->size() >= 32) return text->substr(0, 32);
  }
  return "host:" + host_name();
}

Result<std::string> real_path(std::string const& path) {
  std::unique_ptr<char, decltype(&::free)> resolved(::realpath(path.c_str(), nullptr), &::free);
  if (!resolved) return errno_error(errno, "find the state directory", path);
  return std::string(resolved.get());
}

// Rule 12: we run as the owner of the state directory and as nobody else (root may, for recovery: it can give owners back).
Result<void> check_owner(std::string const& state_dir) {
  struct stat status {};
  if (::stat(state_dir.c_str(), &status) != 0) return errno_error(errno, "look at the state directory", state_dir);
  if (!S_ISDIR(status.st_mode))
    return make_error(Condition::bad_config, "the state directory " + state_dir + " is not a directory",
                      "Set stateDir to the directory that holds openclaw.json", state_dir);
  uid_t const me = ::geteuid();
  if (status.st_uid == me) return {};
  return make_error(Condition::refused,
                    "the state directory " + state_dir + " belongs to user " + std::to_string(status.st_uid) +
                        " and this is user " + std::to_string(me),
                    "Run it as the owner, with the same command after: sudo -u '#" + std::to_string(status.st_uid) + "'",
                    state_dir);
}

}  // namespace

Result<Instance> find_instance(Config const& config) {
  // A state directory that does not exist yet is fine for a restore: its parent names it then.
  std::string resolved = config.state_dir;
  if (path_exists(config.state_dir)) {
    B2B_TRY(check_owner(config.state_dir));
    B2B_ASSIGN(resolved, real_path(config.state_dir));
  }
  Instance instance;
  instance.host = host_name();
  instance.id = to_hex(sha256(machine_id() + "\n" + resolved)).substr(0, 32);
  instance.data_dir = join_path(config.data_dir, instance.id);
  return instance;
}

Result<Instance> open_instance(Config const& config) {
  B2B_ASSIGN(Instance instance, find_instance(config));
  B2B_TRY(make_directories(instance.data_dir, 0700));
  return instance;
}

}  // namespace b2b
