#include "core/gateway/openclaw_output.h"

#include "tests/support/catch.h"

using namespace b2b;
using Verdict = Preflight::Verdict;

TEST_CASE("openclaw's output: what preflight says of a database") {
  struct Case {
    std::string status;
    Verdict verdict;
  };
  for (auto const& [status, verdict] : {Case{"exact", Verdict::fits}, Case{"startup-repairable", Verdict::fits},
                                        Case{"migration-required", Verdict::fits}, Case{"incompatible", Verdict::incompatible},
                                        Case{"indeterminate", Verdict::unclear}, Case{"a new word", Verdict::unclear}}) {
    auto const read = parse_preflight(R"(warning: something first
{"schema":"openclaw.state-schema-preflight.v1","status":")" + status + R"(","reason":"why","issues":[{}]}
)");
    REQUIRE(read);
    CHECK(read->verdict == verdict);
    CHECK(read->status == status);
    CHECK(read->reason == "why");
  }
}

TEST_CASE("openclaw's output: a release without preflight says nothing of a database") {
  for (char const* output : {"", "error: unknown command 'database'\n", "{", "}{", "[]", "{}", R"({"ok":false,"error":{"type":"cli_error"}})",
                             R"({"schema":"other","status":"exact"})", R"({"schema":"preflight","status":7})"})
    CHECK_FALSE(parse_preflight(output));
}

TEST_CASE("openclaw's output: its version") {
  CHECK(parse_openclaw_version("2026.2.26\n") == "2026.2.26");
  CHECK(parse_openclaw_version("OpenClaw 2026.9.6 (eb377ac)\n") == "2026.9.6");
  CHECK(parse_openclaw_version("(node:7) Warning: old.\r\n\t2026.10.0-beta.1+x") == "2026.10.0-beta.1+x");
  for (char const* other : {"", " \n", "2026", ".5", "v1.2", "1.2a", "error: unknown option '--version'",
                            "1.11111111111111111111111111111111111111111111111111111111111111111111"})
    CHECK(parse_openclaw_version(other).empty());
}

TEST_CASE("openclaw's output: what an answer on the gateway's port means") {
  CHECK(health_from("HTTP/1.1 200 OK\r\n") == Health::well);
  CHECK(health_from("HTTP/1.0 200 ") == Health::well);
  CHECK(health_from("HTTP/1.1 503 Service Unavailable") == Health::not_yet);
  for (char const* other : {"", "HTTP/1.1", "\x15\x03\x01", "SSH-2.0-OpenSSH", "HTTP/2 200 OK xx"}) CHECK(health_from(other) == Health::other);
}
