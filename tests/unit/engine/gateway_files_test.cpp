#include "core/engine/gateway_files.h"

#include "tests/support/catch.h"

using b2b::is_kept_by_gateway;

TEST_CASE("what a gateway of 2026.2 holds in memory is known by its place", "[gateway_files]") {
  for (char const* const path : {"agents/main/sessions/a.jsonl", "agents/main/sessions/sessions.json", "agents/b/sessions/x/y", "cron/jobs.json",
                                 "cron/runs/a.jsonl", "sessions/sessions.json"})
    CHECK(is_kept_by_gateway(path));
  for (char const* const path : {"", "cron", "cronies/a", "openclaw.json", "workspace/sessions/a.md", "agents/main/agent/x.json", "agents/sessions/a",
                                 "agents/main/sessions", "agents//sessions/a", "memory/main.sqlite"})
    CHECK_FALSE(is_kept_by_gateway(path));
}
