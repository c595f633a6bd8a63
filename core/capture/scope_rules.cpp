#include "core/capture/scope_rules.h"

namespace b2b::scope_rules {
namespace {

// A leading '/' anchors a name at the root of the state directory; without it the rule holds at any depth.
constexpr std::string_view seed_include_rules[] = {
    "/openclaw.json",
    "/openclaw.json.bak*",
    "agents/*/sessions/*.jsonl",
    "agents/*/sessions/sessions.json",
    "agents/*/memory/*.sqlite",
    "agents/*/agent/**",
    "workspace/**",
    "workspace-*/**",
    "cron/**",
    "hooks/**",
};

constexpr std::string_view seed_exclude_rules[] = {
    "/credentials/",
    "agents/*/agent/auth-profiles.json",
    "/media/",
    "/extensions/",
    "*.lock",
    "*.tmp",
    "*-wal",  // databases are copied by SQLite itself; a sidecar on its own would be replayed into the wrong database
    "*-shm",
    ".DS_Store",
};

constexpr std::string_view control_characters = "*[\x01-\x1f\x7f]*";

constexpr std::string_view today_include_rules[] = {
    "/openclaw.json.last-good",
    "/config-journal-fingerprint.key",
    "/state/*.sqlite",             // cron jobs, pairing, device identity; secret tables are removed from the copy
    "agents/*/sessions/**",        // also transcripts put aside (reset, deleted) and cold/*.jsonl.zst
    "agents/*/memory/**",
    "agents/*/workspace/**",
    "/memory/**",                  // the 2026.2 layout
    "/devices/**",
    "/identity/**",
    "/skills/**",                  // skills the person installed or wrote
};

constexpr std::string_view today_exclude_rules[] = {
    // Made again by OpenClaw when missing.
    "/cache/",
    "/tmp/",
    "/dev/",
    "/git/",
    "/npm/",
    "/npm-runtime/",
    "/tools/",
    "/plugin-skills/",             // absolute symbolic links into an installation
    "/sandbox/skills-workspaces/",
    // Of the running process only.
    "*.sock",
    "*.pid",
    "openclaw-agent.sqlite.generation-lock.sqlite",
    "openclaw-agent.sqlite.generation-writer.sqlite",
    "openclaw-agent.sqlite.reindex-lock.sqlite",
    "*.sqlite-journal",
    // The same secret as agents/*/agent/auth-profiles.json, in an agent directory configured outside the state directory.
    "auth-profiles.json",
};

constexpr std::string_view never_rules[] = {
    "/b2backupd/",                       // our own lock and socket
    ".b2backupd-*/",                     // a restore's staging and quarantine folders on file systems below the state directory
    "*.update-captures/",                // OpenClaw's private captures during an update
    ".openclaw-private-update-capture",  // and the file that marks them; a scan also leaves out the directory it lies in
};

}  // namespace

std::span<std::string_view const> seed_include() { return seed_include_rules; }
std::span<std::string_view const> seed_exclude() { return seed_exclude_rules; }
std::string_view seed_exclude_control_characters() { return control_characters; }
std::span<std::string_view const> today_include() { return today_include_rules; }
std::span<std::string_view const> today_exclude() { return today_exclude_rules; }
std::span<std::string_view const> never() { return never_rules; }

}  // namespace b2b::scope_rules
