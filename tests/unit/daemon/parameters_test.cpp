#include "daemon/jobs/parameters.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::jobs;

namespace {

boost::json::object body(std::string const& text) { return boost::json::parse(text).as_object(); }

template <class T>
std::string complaint(Result<T> const& result) {
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::usage);
  return result.error().text();
}

}  // namespace

TEST_CASE("job parameters: everything that may be given is understood") {
  auto const restore = restore_parameters(
      body(R"({"snapshot":"latest","paths":["a","b/**"],"target":"/x","dryRun":true,"safety":false,"withSecrets":true,"yes":true})"));
  REQUIRE(restore);
  CHECK(restore->snapshot == "latest");
  CHECK(restore->paths == std::vector<std::string>{"a", "b/**"});
  CHECK(restore->target == "/x");
  CHECK(restore->dry_run);
  CHECK_FALSE(restore->safety);
  CHECK(restore->with_secrets);
  CHECK(restore->yes);
  auto const push = push_parameters(body(R"({"dryRun":true,"wait":false})"));
  REQUIRE(push);
  CHECK(push->dry_run);
  CHECK_FALSE(push->wait);
  CHECK(snapshots_parameters(body(R"({"all":true})"))->all);
  CHECK(ls_parameters(body(R"({"snapshot":"s","path":"p"})"))->path == "p");
  CHECK(cat_parameters(body(R"({"snapshot":"s","path":"p"})"))->snapshot == "s");
  CHECK(diff_parameters(body(R"({"first":"a","second":"b"})"))->second == "b");
  CHECK(verify_parameters(body(R"({"snapshot":"s","readData":true})"))->read_data);
  CHECK(prune_parameters(body(R"({"yes":true,"dryRun":true})"))->yes);
  CHECK(prune_parameters(body(R"({"takeOver":true})"))->take_over);
  CHECK(prune_parameters(body(R"({"giveUpHidden":true})"))->give_up_hidden);
  CHECK(pin_parameters(body(R"({"snapshot":"s","remove":true})"))->remove);
  auto const share = verify_parameters(body(R"({"readDataSubset":5})"));
  REQUIRE(share);
  CHECK(share->read_data);
  CHECK(share->read_percent == 5);
  CHECK(repair_parameters(body(R"({"index":true,"readData":false})"))->index_only);
  CHECK_FALSE(repair_parameters(body(R"({"readData":false})"))->read_data);
  auto const forget = forget_parameters(body(R"({"paths":["a","b"],"dryRun":true,"yes":true})"));
  REQUIRE(forget);
  CHECK(forget->paths == std::vector<std::string>{"a", "b"});
  CHECK(forget->dry_run);
  CHECK(forget->yes);
}

TEST_CASE("job parameters: what is left out is the careful choice") {
  auto const restore = restore_parameters(body(R"({"snapshot":"latest"})"));
  REQUIRE(restore);
  CHECK(restore->safety);
  CHECK_FALSE(restore->with_secrets);
  CHECK_FALSE(restore->yes);
  CHECK_FALSE(restore->dry_run);
  CHECK(restore->paths.empty());
  CHECK(restore->target.empty());
  CHECK(push_parameters({})->wait);
  CHECK_FALSE(push_parameters({})->dry_run);
  CHECK_FALSE(prune_parameters({})->yes);
  CHECK_FALSE(prune_parameters({})->take_over);
  CHECK_FALSE(prune_parameters({})->give_up_hidden);
  CHECK_FALSE(verify_parameters({})->read_data);
  CHECK(verify_parameters({})->read_percent == 100);
  CHECK_FALSE(repair_parameters({})->index_only);
  CHECK(repair_parameters({})->read_data);
  CHECK(verify_parameters({})->snapshot.empty());
  CHECK(forget_parameters({}).error().subject == "paths");
  CHECK_FALSE(forget_parameters(body(R"({"paths":["a"]})"))->yes);
  CHECK_FALSE(pin_parameters(body(R"({"snapshot":"s"})"))->remove);
}

TEST_CASE("job parameters: a restore around the gateway") {
  auto const plain = restore_parameters(body(R"({"snapshot":"s","gateway":"refuse"})"));
  REQUIRE(plain);
  CHECK(plain->gateway == GatewayChoice::refuse);
  CHECK(plain->wait);
  auto const stop = restore_parameters(body(R"({"snapshot":"s","gateway":"stop","wait":false,"delaySeconds":60})"));
  REQUIRE(stop);
  CHECK(stop->gateway == GatewayChoice::stop);
  CHECK_FALSE(stop->wait);
  CHECK(stop->delay_seconds == 60);
  CHECK(stop->expires_seconds == 900);
  auto const when = restore_parameters(body(R"({"snapshot":"s","gateway":"when-stopped","expiresSeconds":604800})"));
  REQUIRE(when);
  CHECK(when->gateway == GatewayChoice::when_stopped);
  CHECK(when->expires_seconds == 604'800);
  for (auto const& [given, problem] : std::vector<std::pair<std::string, std::string>>{
           {R"("gateway":"now")", "restore: gateway must be refuse, when-stopped or stop, not now"},
           {R"("gateway":"stop","target":"/x")", "restore: gateway is for a restore in place, and target names another directory"},
           {R"("wait":false)", "restore: wait can only be false with gateway stop or when-stopped"},
           {R"("gateway":"stop","wait":false,"dryRun":true)", "restore: wait can only be false with gateway stop or when-stopped"},
           {R"("gateway":"stop","expiresSeconds":0)", "restore: expiresSeconds must be from 1 to 604800"},
           {R"("gateway":"stop","expiresSeconds":604801)", "restore: expiresSeconds must be from 1 to 604800"},
           {R"("gateway":"stop","delaySeconds":61)", "restore: delaySeconds must be from 0 to 60"},
           {R"("delaySeconds":-1)", "restore: delaySeconds must be a whole number"}})
    CHECK(complaint(restore_parameters(body((R"({"snapshot":"s",)" + given + "}").c_str()))) == problem);
}

TEST_CASE("job parameters: mistakes are named") {
  CHECK(complaint(restore_parameters({})) == "restore: snapshot is missing");
  CHECK(complaint(restore_parameters(body(R"({"snapshot":""})"))) == "restore: snapshot is missing");
  CHECK(complaint(restore_parameters(body(R"({"snapshot":7})"))) == "restore: snapshot must be text");
  CHECK(complaint(restore_parameters(body(R"({"snapshot":"s","yes":"true"})"))) == "restore: yes must be true or false");
  CHECK(complaint(restore_parameters(body(R"({"snapshot":"s","paths":"a"})"))) == "restore: paths must be a list of texts");
  CHECK(complaint(restore_parameters(body(R"({"snapshot":"s","paths":["a",1]})"))) == "restore: paths must be a list of texts");
  CHECK(complaint(restore_parameters(body(R"({"snapshot":"s","paths":[""]})"))) ==
        "restore: paths has an empty pattern in it");
  CHECK(complaint(restore_parameters(body(R"({"snapshot":"s","target":"x/y"})"))) ==
        "restore: target must be an absolute path, not x/y");
  CHECK(complaint(cat_parameters(body(R"({"snapshot":"s"})"))) == "cat: path is missing");
  CHECK(complaint(ls_parameters(body(R"({"snapshot":"s","path":"a\u0000b"})"))) == "ls: path has a zero byte in it");
  CHECK(complaint(diff_parameters(body(R"({"second":"b"})"))) == "diff: first is missing");
  CHECK(complaint(pin_parameters(body(R"({"remove":true})"))) == "pin: snapshot is missing");
  CHECK(complaint(prune_parameters(body(R"({"dryrun":true})"))) ==
        "prune: there is no parameter dryrun. It takes dryRun, giveUpHidden, takeOver, yes");
  CHECK(complaint(push_parameters(body("{\"a\\u001b\":true}"))) ==
        "push: there is no parameter a\\x1b. It takes dryRun, wait");
  CHECK(complaint(verify_parameters(body(R"({"readData":null})"))) == "verify: readData must be true or false");
  for (char const* wrong : {R"({"readDataSubset":0})", R"({"readDataSubset":101})"})
    CHECK(complaint(verify_parameters(body(wrong))) == "verify: readDataSubset must be a percentage from 1 to 100");
}

TEST_CASE("job parameters: another time") {
  TimePoint const then = *parse_iso8601("2026-02-19T12:00:00.5Z");
  CHECK(*snapshots_parameters(body(R"({"at":"2026-02-19T12:00:00.500Z"})"))->at == then);
  CHECK(*ls_parameters(body(R"({"snapshot":"x","at":"2026-02-19T12:00:00.5Z"})"))->at == then);
  CHECK(*cat_parameters(body(R"({"snapshot":"x","path":"y","at":"2026-02-19T12:00:00.5Z"})"))->at == then);
  CHECK(*diff_parameters(body(R"({"first":"x","at":"2026-02-19T12:00:00.5Z"})"))->at == then);
  CHECK(*restore_parameters(body(R"({"snapshot":"x","at":"2026-02-19T12:00:00.5Z"})"))->at == then);
  CHECK_FALSE(snapshots_parameters({})->at.has_value());
  CHECK(complaint(snapshots_parameters(body(R"({"at":"noon"})"))).find("at must be a time in UTC") != std::string::npos);
  CHECK(complaint(restore_parameters(body(R"({"snapshot":"x","at":"2026-02-19T12:00:00Z","gateway":"stop"})"))).find("gateway") != std::string::npos);
  CHECK(complaint(prune_parameters(body(R"({"at":"2026-02-19T12:00:00Z"})"))).find("no parameter at") != std::string::npos);
}

TEST_CASE("job parameters: texts and lists are bounded") {
  boost::json::object given{{"snapshot", std::string(ParameterReader::text_max_bytes + 1, 'a')}};
  CHECK(complaint(verify_parameters(given)) == "verify: snapshot is longer than 16384 bytes");
  given["snapshot"] = std::string(ParameterReader::text_max_bytes, 'a');
  CHECK(verify_parameters(given));
  boost::json::array many;
  for (std::size_t i = 0; i <= ParameterReader::texts_max; ++i) many.emplace_back("a");
  CHECK(complaint(restore_parameters({{"snapshot", "s"}, {"paths", many}})) == "restore: paths has more than 1000 items");
  many.pop_back();
  CHECK(restore_parameters({{"snapshot", "s"}, {"paths", many}}));
}
