#include "core/capture/scope.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "capture_support.h"

using namespace b2b;
using namespace b2b::test;
using Verdict = Scope::Verdict;

namespace {

Scope built_in() { return need(Scope::build({}, {})); }

}  // namespace

TEST_CASE("the plugin's rules are its own list") {
  Scope const seed = Scope::seed();
  for (auto const* path :
       {"openclaw.json", "openclaw.json.bak", "openclaw.json.bak.1", "agents/main/sessions/a.jsonl",
        "agents/main/sessions/sessions.json", "agents/main/memory/m.sqlite", "agents/main/agent/models.json",
        "agents/main/agent/deep/er/x", "workspace/MEMORY.md", "workspace/.git/HEAD", "workspace-two/x", "cron/jobs.json",
        "hooks/h/handler.js", "workspace/openclaw.json"}) {
    INFO(path);
    CHECK(seed.takes(path, false));
  }
  for (auto const* path :
       {"credentials/whatsapp/creds.json", "agents/main/agent/auth-profiles.json", "media/in.png", "extensions/x/index.js",
        "workspace/yarn.lock", "agents/main/sessions/a.jsonl.lock", "workspace/x.tmp", "agents/main/agent/a.sqlite-wal",
        "agents/main/agent/a.sqlite-shm", "workspace/.DS_Store", "workspace/new\nline", "workspace/del\x7f",
        "workspace/in\x01side/file"}) {
    INFO(path);
    CHECK(seed.verdict(path, false) != Verdict::taken);
  }
  for (auto const* path : {"state/openclaw.sqlite", "agents/main/sessions/cold/a.jsonl.zst", "openclaw.json.last-good",
                           "config-journal-fingerprint.key", "memory/main.sqlite", "devices/paired.json", ".env",
                           "cache/openclaw.json", "elsewhere/openclaw.json"}) {
    INFO(path);
    CHECK(seed.verdict(path, false) == Verdict::not_included);
  }
}

TEST_CASE("our scope adds what today's OpenClaw needs and leaves out what it makes again") {
  Scope const scope = built_in();
  for (auto const* path :
       {"state/openclaw.sqlite", "state/openclaw-quarantine.sqlite", "agents/main/sessions/cold/a.jsonl.zst",
        "agents/main/sessions/a.jsonl.reset.2026-02-19", "openclaw.json", "openclaw.json.last-good", "openclaw.json.bak.4",
        "config-journal-fingerprint.key", "memory/main.sqlite", "devices/paired.json", "identity/device.json",
        "agents/main/agent/openclaw-agent.sqlite", "agents/main/memory/x.db", "skills/mine/SKILL.md", "workspace/a/b",
        "workspace/credentials/readme.md", "workspace/media/picture.png", "workspace/tools/x", "workspace/.env",
        "workspace/new\nline", "workspace/not-utf8-\xff"}) {
    INFO(path);
    CHECK(scope.verdict(path, false) == Verdict::taken);
  }
  for (auto const* path :
       {"cache/x", "tmp/openclaw-0/gateway.state.lock", "dev/x", "git/x", "npm/x", "npm-runtime/x", "tools/x",
        "plugin-skills/x", "extensions/a/node_modules/b", "sandbox/skills-workspaces/x", "credentials/x", "media/x",
        "agents/main/agent/auth-profiles.json", "agents/main/agent/x.sock", "agents/main/agent/gateway.pid",
        "agents/main/agent/openclaw-agent.sqlite.generation-lock.sqlite",
        "agents/main/agent/openclaw-agent.sqlite.generation-writer.sqlite",
        "agents/main/agent/openclaw-agent.sqlite.reindex-lock.sqlite", "state/openclaw.sqlite-wal",
        "agents/main/agent/openclaw-agent.sqlite-journal"}) {
    INFO(path);
    CHECK(scope.verdict(path, false) == Verdict::excluded);
  }
  for (auto const* path : {".env", "logs/gateway.log", "exec-approvals.json", "workspaces", "openclaw.json.other"}) {
    INFO(path);
    CHECK(scope.verdict(path, false) == Verdict::not_included);
  }
}

TEST_CASE("directories that a rule names belong to the scope, so that empty ones are kept") {
  Scope const scope = built_in();
  for (auto const* path : {"workspace", "workspace-x", "memory", "agents/a/agent", "agents/a/sessions", "workspace/empty"}) {
    INFO(path);
    CHECK(scope.takes(path, true));
  }
  CHECK_FALSE(scope.takes("agents", true));
  CHECK_FALSE(scope.takes("deep/workspace", true));
  CHECK_FALSE(scope.takes("workspace", false));
}

TEST_CASE("user rules: exclude beats include beats the built-in rules, and nothing beats the private list") {
  Scope const scope = need(Scope::build({"credentials/", "*.lock", "tmp/keep/**"}, {"workspace/secret/", "*.log"}));
  CHECK(scope.takes("credentials/x", false));
  CHECK(scope.takes("workspace/yarn.lock", false));
  CHECK(scope.takes("tmp/keep/x", false));
  CHECK(scope.verdict("tmp/other", false) == Verdict::excluded);
  CHECK(scope.verdict("workspace/secret/x", false) == Verdict::excluded);
  CHECK(scope.verdict("credentials/x.log", false) == Verdict::excluded);

  Scope const all = everything();
  CHECK(all.takes("cache/x", false));
  CHECK(all.verdict("b2backupd", true) == Verdict::never);
  CHECK(all.verdict("b2backupd/lock", false) == Verdict::never);
  CHECK(all.verdict("x.update-captures/a/b", false) == Verdict::never);
  CHECK(all.verdict("a/.openclaw-private-update-capture", false) == Verdict::never);
  CHECK(all.takes("workspace/b2backupd/x", false));
}

TEST_CASE("a scan may leave whole trees alone") {
  Scope const scope = built_in();
  for (auto const* path : {"agents", "agents/a", "agents/a/agent", "workspace", "workspace/a/b", "state"}) {
    INFO(path);
    CHECK(scope.may_take_below(path));
  }
  for (auto const* path : {"cache", "tmp", "credentials", "extensions", "b2backupd", "logs", "agents/a/other"}) {
    INFO(path);
    CHECK_FALSE(scope.may_take_below(path));
  }
  Scope const with_user = need(Scope::build({"cache/keep/x"}, {"workspace/"}));
  CHECK(with_user.may_take_below("cache"));
  CHECK_FALSE(with_user.may_take_below("cache/other"));
  CHECK_FALSE(with_user.may_take_below("workspace"));
}

TEST_CASE("labelled roots are taken whole, but for the excludes") {
  Scope const scope = need(Scope::build({}, {}, {"agent-dir", "odd[name]*"}));
  CHECK(scope.takes("agent-dir", true));
  CHECK(scope.takes("agent-dir/openclaw-agent.sqlite", false));
  CHECK(scope.takes("odd[name]*/x", false));
  CHECK_FALSE(scope.takes("oddn/x", false));
  CHECK_FALSE(scope.takes("x/agent-dir/y", false));
  CHECK(scope.verdict("agent-dir/auth-profiles.json", false) == Verdict::excluded);
  CHECK(scope.verdict("agent-dir/x.sqlite-wal", false) == Verdict::excluded);
}

TEST_CASE("bad user patterns are named") {
  auto const bad = Scope::build({"fine", "a["}, {});
  REQUIRE_FALSE(bad.has_value());
  CHECK(bad.error().condition == Condition::bad_config);
  CHECK(bad.error().message.find("include") != std::string::npos);
  CHECK(bad.error().message.find("a[") != std::string::npos);
  auto const outside = Scope::build({}, {"../x"});
  REQUIRE_FALSE(outside.has_value());
  CHECK(outside.error().condition == Condition::bad_config);
  CHECK(outside.error().message.find("exclude") != std::string::npos);
  auto const bytes = Scope::build({"caf\xe9"}, {});
  REQUIRE_FALSE(bytes.has_value());
  CHECK(bytes.error().message.find("\\xe9") != std::string::npos);
  CHECK_FALSE(Scope::build({""}, {}).has_value());
}

TEST_CASE("a scope survives its record") {
  for (Scope const& scope : {built_in(), need(Scope::build({"credentials/", "caf\xc3\xa9"}, {"*.log"})), Scope::seed()}) {
    auto const text = boost::json::serialize(scope.record());
    Scope const again = need(Scope::parse(boost::json::parse(text)));
    CHECK(boost::json::serialize(again.record()) == text);
    for (auto const* path : {"credentials/x", "workspace/a", "workspace/a.log", "state/x.sqlite", "workspace/a\nb", "nothing"})
      CHECK(again.verdict(path, false) == scope.verdict(path, false));
    CHECK(again.takes("workspace", true));
  }
}

TEST_CASE("records that are not ours are refused") {
  auto condition = [](char const* text) {
    auto const scope = Scope::parse(boost::json::parse(text));
    REQUIRE_FALSE(scope.has_value());
    return scope.error().condition;
  };
  CHECK(condition("[]") == Condition::corrupt);
  CHECK(condition("{}") == Condition::corrupt);
  CHECK(condition(R"({"version":"1"})") == Condition::corrupt);
  CHECK(condition(R"({"version":0})") == Condition::corrupt);
  CHECK(condition(R"({"version":2})") == Condition::unsupported);
  CHECK(condition(R"({"version":1,"include":[],"exclude":[],"userInclude":[]})") == Condition::corrupt);
  CHECK(condition(R"({"version":1,"include":{},"exclude":[],"userInclude":[],"userExclude":[]})") == Condition::corrupt);
  CHECK(condition(R"({"version":1,"include":[1],"exclude":[],"userInclude":[],"userExclude":[]})") == Condition::corrupt);
  CHECK(condition(R"({"version":1,"include":["a["],"exclude":[],"userInclude":[],"userExclude":[]})") == Condition::corrupt);
  std::string many = R"({"version":1,"exclude":[],"userInclude":[],"userExclude":[],"include":["a")";
  for (int i = 0; i < 10'000; ++i) many += ",\"a\"";
  CHECK(condition((many + "]}").c_str()) == Condition::corrupt);
}
