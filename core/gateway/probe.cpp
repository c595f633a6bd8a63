#include "core/gateway/probe.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "core/gateway/fence.h"
#include "core/gateway/process.h"
#include "core/gateway/state_lock.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

using Running = GatewayState::Running;

constexpr std::uint64_t max_record_bytes = 64 << 10;
constexpr std::int64_t start_tolerance_ms = 5000;

// What a lock file says about the process that wrote it.
struct Record {
  std::optional<int> pid;
  std::optional<std::uint16_t> port;
  std::optional<std::int64_t> start_time;  // clock ticks since the system's start, or milliseconds since the epoch
  std::string config_path;                 // old releases
  std::string role;                        // empty: a gateway
};

std::optional<std::int64_t> whole_number(boost::json::object const& object, std::string_view key) {
  auto const* const value = object.if_contains(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_int64()) return value->get_int64();
  if (value->is_double() && value->get_double() >= 0 && value->get_double() < 9e15)
    return static_cast<std::int64_t>(value->get_double());
  return std::nullopt;
}

std::optional<Record> parse_record(std::string_view text) {
  boost::system::error_code failed;
  auto const value = boost::json::parse(text, failed);
  if (failed || !value.is_object()) return std::nullopt;
  auto const& object = value.get_object();
  Record record;
  if (auto const pid = whole_number(object, "pid"); pid && *pid > 0 && *pid <= 0x7fffffff) record.pid = static_cast<int>(*pid);
  if (auto const port = whole_number(object, "port"); port && *port > 0 && *port <= 65535)
    record.port = static_cast<std::uint16_t>(*port);
  record.start_time = whole_number(object, "startTime");
  if (auto const* const path = object.if_contains("configPath"); path != nullptr && path->is_string())
    record.config_path.assign(path->get_string().data(), path->get_string().size());
  if (auto const* const role = object.if_contains("role"); role != nullptr && role->is_string() && role->get_string() != "gateway")
    record.role.assign(role->get_string().data(), role->get_string().size());
  return record;
}

enum class Alive { yes, no, perhaps };

// Is the process that wrote the record still there, or only its number?
Alive writer_alive(Record const& record) {
  if (!record.pid) return Alive::perhaps;
  auto const process = process_info(*record.pid);
  if (!process || process->zombie) return Alive::no;
  if (!record.start_time) return Alive::perhaps;
  if (static_cast<std::uint64_t>(*record.start_time) == process->start_ticks) return Alive::yes;
  auto const started = start_time_ms(*process);
  if (!started) return Alive::perhaps;
  return std::abs(*started - *record.start_time) <= start_tolerance_ms ? Alive::yes : Alive::no;
}

// For a person: "the gateway (pid 12, port 18789)", "an agent in a terminal (`openclaw agent --local`, pid 12)".
std::string name_of(Record const& record) {
  std::string const pid = record.pid ? ", pid " + std::to_string(*record.pid) : std::string();
  if (record.role == "agent-embedded") return "an agent in a terminal (`openclaw agent --local`" + pid + ")";
  if (record.role == "sqlite-maintenance") return "a repair of databases (`openclaw doctor`" + pid + ")";
  if (!record.role.empty()) return "a command of OpenClaw's (" + printable(record.role) + pid + ")";
  std::string out = "the gateway";
  if (!record.pid && !record.port) return out;
  out += " (";
  if (record.pid) out += "pid " + std::to_string(*record.pid);
  if (record.port) out += std::string(record.pid ? ", " : "") + "port " + std::to_string(*record.port);
  return out + ")";
}

// Names in `directory` that begin and end so; none when it cannot be listed (`unreadable` says whether it exists).
std::vector<std::string> list(std::string const& directory, std::string_view begin, std::string_view end, bool& unreadable) {
  struct Close {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  std::vector<std::string> out;
  std::unique_ptr<DIR, Close> const dir(::opendir(directory.c_str()));
  if (!dir) {
    unreadable = unreadable || (errno != ENOENT && errno != ENOTDIR);
    return out;
  }
  while (dirent const* const entry = ::readdir(dir.get())) {
    std::string_view const name(entry->d_name);
    if (name.size() >= begin.size() + end.size() && name.starts_with(begin) && name.ends_with(end))
      out.push_back(join_path(directory, name));
  }
  std::sort(out.begin(), out.end());
  return out;
}

enum class Lock { missing, held, fenced, open, unreadable };

Lock ask_lock(std::string const& path, std::optional<int>& holder) {
  auto const fd = open_file(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, "open");
  if (!fd) return fd.error().condition == Condition::not_found ? Lock::missing : Lock::unreadable;
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0) return Lock::unreadable;
  // Asked before and after, since the fence may rise or fall in between.
  bool const fenced = GatewayFence::holds({status.st_dev, status.st_ino});
  struct flock question = gateway_lock_bytes(F_WRLCK);
  if (::fcntl(fd->get(), F_GETLK, &question) != 0) return Lock::unreadable;
  if (question.l_type == F_UNLCK) return Lock::open;
  if (question.l_pid <= 0 && (fenced || GatewayFence::holds({status.st_dev, status.st_ino}))) return Lock::fenced;
  if (question.l_pid > 0) holder = question.l_pid;  // 0 or -1: in another container, or not a process's lock
  return Lock::held;
}

// What one lock directory of today's releases says; nullopt: nothing.
std::optional<GatewayState> ask_directory(std::string const& directory) {
  GatewayState state;
  std::string const record_path = join_path(directory, "gateway.state.lock");
  auto const text = read_file(record_path, max_record_bytes);
  auto const record = text ? parse_record(*text) : std::optional<Record>();
  if (record) {
    state.pid = record->pid;
    state.port = record->port;
  }
  std::optional<int> holder;
  auto lock = ask_lock(join_path(directory, gateway_lock_name), holder);
  if (record && !record->role.empty()) state.holder = GatewayState::Holder::command;
  if (lock == Lock::held) {
    // What a former holder wrote says nothing about this one.
    bool const same = !holder || state.pid == holder;
    if (!same) state.holder = GatewayState::Holder::gateway;
    if (holder) state.pid = holder;
    state.running = Running::running;
    bool const command = state.holder == GatewayState::Holder::command;
    state.detail = name_of({state.pid, state.port, {}, {}, command ? record->role : std::string()}) + (command ? " works on this state" : " holds its lock");
    return state;
  }
  bool const fenced = lock == Lock::fenced;
  if (fenced) lock = Lock::open;
  bool const record_unreadable = !text && text.error().condition != Condition::not_found;
  if (lock == Lock::unreadable || record_unreadable) {
    state.detail = "the gateway's lock files in " + directory + " cannot be read";
    return state;
  }
  if (!record) {
    if (lock == Lock::missing && !text) return std::nullopt;
    state.running = lock == Lock::open ? Running::stopped : Running::unknown;
    state.detail = fenced               ? "no gateway runs, and a restore keeps any from starting"
                   : lock == Lock::open ? "nobody holds the gateway's lock"
                                        : record_path + " cannot be understood";
    return state;
  }
  auto const alive = writer_alive(*record);
  if (alive == Alive::no || (lock == Lock::open && !record->pid)) {
    state.running = Running::stopped;
    state.detail = name_of(*record) + " has ended";
  } else if (lock == Lock::open) {
    state.detail = name_of(*record) + " does not hold its lock, yet its process may be running";
  } else {
    state.running = alive == Alive::yes ? Running::running : Running::unknown;
    state.detail = name_of(*record) + (alive == Alive::yes ? " is running" : " may be running: the record does not tell");
  }
  return state;
}

// Locks of releases up to 2026.2: in the temporary directory, for every state directory of the user.
std::optional<GatewayState> ask_old_release(std::string const& state_dir) {
  std::vector<std::string> places{"/tmp"};
  if (char const* const configured = std::getenv("TMPDIR"); configured != nullptr && *configured == '/') {
    places.emplace_back(configured);
    while (places.back().size() > 1 && places.back().back() == '/') places.back().pop_back();
  }
  bool unreadable = false;  // somebody else's directory there is not our gateway's
  for (auto const& place : places) {
    auto const directory = join_path(place, "openclaw-" + std::to_string(::geteuid()));
    for (auto const& path : list(directory, "gateway.", ".lock", unreadable)) {
      auto const text = read_file(path, max_record_bytes);
      auto const record = text ? parse_record(*text) : std::optional<Record>();
      if (!record || !record->config_path.starts_with(state_dir + "/")) continue;
      auto const alive = writer_alive(*record);
      if (alive == Alive::no) continue;
      return GatewayState{alive == Alive::yes ? Running::running : Running::unknown,
                          name_of(*record) + " is named by " + path, record->pid, record->port, GatewayState::Holder::gateway};
    }
  }
  return std::nullopt;
}

// The more alarming of two answers.
void take_worse(std::optional<GatewayState>& so_far, std::optional<GatewayState> next) {
  auto const rank = [](GatewayState const& s) {
    return s.running == Running::running ? 2 : s.running == Running::unknown ? 1 : 0;
  };
  if (next && (!so_far || rank(*next) > rank(*so_far))) so_far = std::move(next);
}

}  // namespace

GatewayState probe_gateway(std::string const& state_dir, std::optional<std::uint16_t> configured_port) {
  std::string directory = state_dir;
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  std::optional<GatewayState> state;
  bool unreadable = false;
  for (auto const& place : list(join_path(directory, "tmp"), "openclaw-", "", unreadable)) take_worse(state, ask_directory(place));
  if (unreadable)
    take_worse(state, GatewayState{Running::unknown, join_path(directory, "tmp") + " cannot be read", {}, {}});
  take_worse(state, ask_old_release(directory));
  if (state) return *state;
  if (configured_port && somebody_listens(*configured_port).value_or(false))
    return {Running::unknown, "somebody listens on the gateway's port " + std::to_string(*configured_port), {}, configured_port};
  return {Running::stopped, "there is no sign of a gateway", {}, {}};
}

}  // namespace b2b
