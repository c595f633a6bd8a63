#include "daemon/setup/find_states.h"

#include <algorithm>
#include <filesystem>

#include <unistd.h>

#include "core/config/config_file.h"
#include "core/config/own_file.h"
#include "core/config/sources.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "daemon/control/console.h"

namespace b2b::setup {
namespace {

namespace fs = std::filesystem;

bool is_directory(std::string const& path) {
  std::error_code failed;
  return fs::is_directory(path, failed) && !failed;
}

std::string counted(std::uint64_t count, std::string_view one) {
  return std::to_string(count) + " " + std::string(one) + (count == 1 ? "" : "s");
}

void add(StateContents& out, fs::directory_entry const& entry, std::string_view relative) {
  std::error_code failed;
  if (entry.is_symlink(failed) || !entry.is_regular_file(failed)) return;
  std::uint64_t const size = entry.file_size(failed);
  ++out.files;
  if (!failed) out.bytes += size;
  if (relative == "openclaw.json") out.has_openclaw_json = true;
  if (relative.starts_with("agents/") && relative.ends_with(".jsonl")) ++out.transcripts;
  if (relative.ends_with(".sqlite")) ++out.databases;
}

}  // namespace

StateContents look_into(std::string const& path) {
  StateContents out;
  std::error_code failed;
  fs::recursive_directory_iterator it(path, fs::directory_options::skip_permission_denied, failed);
  if (failed || ::access(path.c_str(), R_OK | X_OK) != 0) {
    out.problem = failed ? failed.message() : "it may not be read";
    return out;
  }
  std::uint64_t looked_at = 0;
  std::size_t const stem = path.size() + (path.ends_with('/') ? 0 : 1);
  for (fs::recursive_directory_iterator const end; it != end; it.increment(failed)) {
    if (failed) break;  // what cannot be listed further is what the backup will name
    if (++looked_at > entries_max) {
      out.more = true;
      break;
    }
    std::string const full = it->path().string();
    std::string_view const relative = std::string_view(full).substr(std::min(stem, full.size()));
    std::error_code unknown;
    if (!it->is_symlink(unknown) && it->is_directory(unknown)) {
      if (relative == "b2backupd" || relative == "cache" || relative == "tmp") it.disable_recursion_pending();
      if (parent_path(relative) == "agents") ++out.agents;
      continue;
    }
    add(out, *it, relative);
  }
  return out;
}

std::vector<StateDirectory> find_states(ConfigSources const& sources) {
  std::vector<StateDirectory> out;
  auto const take = [&out](std::string path, std::string profile, std::string found) {
    bool const known =
        std::any_of(out.begin(), out.end(), [&](StateDirectory const& other) { return other.path == path; });
    if (known || !is_directory(path)) return;
    StateDirectory state;
    state.contents = look_into(path);
    state.path = std::move(path);
    state.profile = std::move(profile);
    state.found = std::move(found);
    out.push_back(std::move(state));
  };
  std::string const home = openclaw_home(sources);
  std::string const plain = join_path(home, ".openclaw");
  if (std::string_view const named = variable(sources, "OPENCLAW_STATE_DIR"); !named.empty()) {
    std::string const path = expand_path(named, sources.working_directory, sources.home);
    take(path, profile_of_state_dir(path, home), path == plain ? "" : "OPENCLAW_STATE_DIR");
  }
  take(plain, "", "");
  std::vector<std::string> profiles;
  std::error_code failed;
  for (fs::directory_iterator it(home, failed), end; !failed && it != end; it.increment(failed)) {
    std::string const profile = profile_of_state_dir(it->path().string(), home);
    if (!profile.empty() && check_profile(profile)) profiles.push_back(profile);
  }
  std::sort(profiles.begin(), profiles.end());
  for (std::string const& profile : profiles)
    take(plain + "-" + profile, profile, "");
  return out;
}

bool is_empty(StateContents const& contents) {
  return contents.problem.empty() && contents.files == 0 && !contents.more;
}

std::string describe(StateContents const& contents) {
  if (!contents.problem.empty()) return "cannot be read: " + contents.problem;
  if (is_empty(contents)) return "empty";
  std::string out;
  auto const also = [&out](std::string const& text) { out += (out.empty() ? "" : ", ") + text; };
  if (contents.has_openclaw_json) also("openclaw.json");
  if (contents.agents > 0) also(counted(contents.agents, "agent"));
  if (contents.transcripts > 0) also(counted(contents.transcripts, "transcript"));
  if (contents.databases > 0) also(counted(contents.databases, "database"));
  if (!out.empty()) out += "; ";
  return out + (contents.more ? "more than " : "") + counted(contents.files, "file") + ", " +
         daemonctl::human_bytes(contents.bytes);
}

}  // namespace b2b::setup
