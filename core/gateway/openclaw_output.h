// What OpenClaw's own programs answer, as far as a restore needs it. Pure; any bytes may come in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace b2b {

// `openclaw database preflight` and `preflight-agent`: does the installed release take this database?
struct Preflight {
  enum class Verdict {
    fits,          // exact, or what a start repairs or migrates by itself
    incompatible,  // written by a newer release, or of another shape
    unclear,       // it could not tell
  };
  Verdict verdict = Verdict::unclear;
  std::string status;  // its word: "exact", "migration-required", …
  std::string reason;  // for a person; may be empty
};

// The JSON object in what the program wrote, wherever it begins. nullopt: this release has no such command, or the program
// failed before it looked.
std::optional<Preflight> parse_preflight(std::string_view output);

// What `openclaw --version` says: "2026.2.26", "OpenClaw 2026.9.6 (eb377ac)". The first word that is numbers with dots, a "-beta.1"
// or the like behind them; empty: there is none.
std::string parse_openclaw_version(std::string_view output);

// The answer of GET /healthz, from its first bytes.
enum class Health {
  well,         // 200
  not_yet,      // another status
  other,        // not HTTP: a listener with TLS, for example
};
Health health_from(std::string_view answer);

}  // namespace b2b
