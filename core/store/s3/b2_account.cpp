// Region discovery and capability check through b2_authorize_account, the one call of B2's own API that we
// make.
#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "core/store/s3/client.h"
#include "core/store/s3/s3.h"
#include "core/util/encoding.h"
#include "core/util/wait.h"

namespace b2b::s3 {
namespace {

namespace json = boost::json;

// Not deleteFiles: a key that cannot delete backs up and restores, and prunes nothing.
constexpr std::array<std::string_view, 3> needed_capabilities = {"listFiles", "readFiles", "writeFiles"};

Error not_an_answer(std::string_view why) {
  return make_error(Condition::unsupported,
                    "the answer of b2_authorize_account cannot be used: " + std::string(why),
                    "Set endpoint and region yourself.");
}

json::object const* object_in(json::object const& object, std::string_view name) {
  auto const* const value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

std::string string_in(json::object const& object, std::string_view name) {
  auto const* const value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return std::string(value->get_string());
}

// v4 has a list of {id, name}, v2 and v3 one name.
Result<std::vector<std::string>> buckets_in(json::object const& allowed) {
  std::vector<std::string> out;
  if (auto const* const list = allowed.if_contains("buckets"); list != nullptr && list->is_array()) {
    for (auto const& bucket : list->get_array()) {
      if (!bucket.is_object()) return not_an_answer("its list of buckets is malformed");
      std::string name = string_in(bucket.get_object(), "name");
      // A bucket that was deleted keeps its id and loses its name; the key is still restricted to it.
      out.push_back(name.empty() ? "(deleted bucket)" : std::move(name));
    }
    return out;
  }
  if (std::string name = string_in(allowed, "bucketName"); !name.empty())
    out.push_back(std::move(name));
  else if (!string_in(allowed, "bucketId").empty())
    out.push_back("(deleted bucket)");
  return out;
}

Error account_refusal(Answer const& answer) {
  unsigned const status = answer.status;
  Error error =
      unreachable("B2 does not say where the account's buckets are (HTTP " + std::to_string(status) + ")");
  error.http_status = static_cast<int>(status);
  error.retryable = status == 408 || status == 429 || status >= 500;
  json::error_code malformed;
  auto const body = json::parse(answer.body, malformed);
  if (!malformed && body.is_object()) {
    error.remote_code = printable(string_in(body.get_object(), "code"));
    error.remote_message = printable(string_in(body.get_object(), "message"));
  }
  if (status == 401 || status == 403) {
    error.condition = Condition::permission;
    error.message = "B2 does not accept the key (HTTP " + std::to_string(status) + ")";
    error.advice = "Check keyId and applicationKey.";
  }
  return error;
}

}  // namespace

Result<B2Account> parse_authorize_account(std::string_view text) {
  json::error_code malformed;
  json::parse_options options;
  options.max_depth = 16;
  json::value const document = json::parse(text, malformed, json::storage_ptr{}, options);
  if (malformed || !document.is_object()) return not_an_answer("it is not a JSON object");
  json::object const* api = &document.get_object();
  if (auto const* const info = object_in(*api, "apiInfo")) {
    api = object_in(*info, "storageApi");
    if (api == nullptr) return not_an_answer("it has no storageApi");
  }
  json::object const* allowed = object_in(*api, "allowed");
  if (allowed == nullptr) allowed = api;  // v3

  B2Account out;
  out.s3_endpoint = string_in(*api, "s3ApiUrl");
  auto const endpoint = parse_endpoint(out.s3_endpoint);
  if (!endpoint) return not_an_answer("it names no S3 endpoint");
  out.region = region_of(*endpoint);
  auto const* const capabilities = allowed->if_contains("capabilities");
  if (capabilities == nullptr || !capabilities->is_array())
    return not_an_answer("it has no list of capabilities");
  for (auto const& capability : capabilities->get_array()) {
    if (!capability.is_string()) return not_an_answer("its list of capabilities is malformed");
    out.capabilities.emplace_back(capability.get_string());
  }
  B2B_ASSIGN(out.allowed_buckets, buckets_in(*allowed));
  out.name_prefix = string_in(*allowed, "namePrefix");
  return out;
}

Result<B2Account> discover(std::string const& base_url, Secret const& key_id, Secret const& application_key,
                           std::string const& ca_file, Clock& clock, std::stop_token const& stop) {
  TransportSettings settings;
  B2B_ASSIGN(settings.connection.endpoint, parse_endpoint(base_url));
  B2B_ASSIGN(settings.connection.proxy, proxy_for(settings.connection.endpoint, process_environment));
  settings.connection.own_ca_file = !ca_file.empty();
  settings.connection.connect_timeout = std::chrono::seconds(15);
  settings.connection.progress_timeout = std::chrono::seconds(30);
  settings.ca_file = ca_file;
  settings.transfers = 1;
  B2B_ASSIGN(auto const transport, Transport::create(settings, clock));

  std::string credentials(key_id.reveal());
  credentials += ":";
  credentials += application_key.reveal();
  Request request;
  request.path = "/b2api/v4/b2_authorize_account";
  request.headers = {{"Host", settings.connection.endpoint.authority()},
                     {"User-Agent", "b2backupd/" B2B_VERSION},
                     {"Authorization", "Basic " + to_base64(as_bytes(credentials))}};
  Exchange exchange;
  exchange.head = wire_head(request, {});
  exchange.max_answer_bytes = 1 << 20;
  wipe(credentials.data(), credentials.size());
  wipe(request.headers.back().second.data(), request.headers.back().second.size());

  RetryState state({4, std::chrono::milliseconds(500), std::chrono::seconds(8), std::chrono::seconds(60)});
  Result<B2Account> outcome = unreachable("B2 was not asked");
  for (bool fresh = false;; fresh = true) {
    Traffic traffic;
    auto answer = transport->exchange(exchange, fresh, traffic, stop);
    Error error;
    if (answer && answer->status == 200) {
      outcome = parse_authorize_account(answer->body);
      break;
    }
    error = answer ? account_refusal(*answer) : std::move(answer).error();
    auto const wait = state.failed(error.retryable, clock.monotonic(), std::nullopt, 1.0);
    if (!wait || !wait_unless_stopped(*wait, stop)) {
      outcome = stop.stop_requested() ? cancelled_error("the question to B2") : std::move(error);
      break;
    }
  }
  wipe(exchange.head.data(), exchange.head.size());
  return outcome;
}

Result<void> check_account(B2Account const& account, std::string_view bucket, std::string_view prefix) {
  std::string missing;
  for (auto const capability : needed_capabilities) {
    if (std::find(account.capabilities.begin(), account.capabilities.end(), capability) !=
        account.capabilities.end())
      continue;
    if (!missing.empty()) missing += ", ";
    missing += capability;
  }
  std::string problems;
  auto add = [&problems](std::string const& problem) {
    if (!problems.empty()) problems += "; ";
    problems += problem;
  };
  if (!missing.empty()) add("it lacks the capabilities " + missing);
  auto const& buckets = account.allowed_buckets;
  if (!buckets.empty() && std::find(buckets.begin(), buckets.end(), bucket) == buckets.end()) {
    std::string list;
    for (auto const& name : buckets)
      list += (list.empty() ? "" : ", ") + printable(name);
    add("it is restricted to the bucket " + list + ", and the configured one is " + printable(bucket));
  }
  std::string const inside = std::string(prefix) + "/";
  if (!account.name_prefix.empty() && !inside.starts_with(account.name_prefix))
    add("it is restricted to names that begin with \"" + printable(account.name_prefix) +
        "\", and the configured prefix is \"" + printable(prefix) + "\"");
  if (problems.empty()) return {};
  return make_error(Condition::permission, "the application key cannot be used: " + problems,
                    "Create an application key for this bucket and prefix with listFiles, readFiles, "
                    "writeFiles and deleteFiles "
                    "(\"Read and Write\" in B2's web console).",
                    "keyId");
}

}  // namespace b2b::s3
