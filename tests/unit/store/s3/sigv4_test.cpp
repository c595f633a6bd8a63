#include "core/store/s3/sigv4.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <boost/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/paths.h"

namespace b2b::s3 {
namespace {

namespace fs = std::filesystem;

std::string slurp(fs::path const& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string without_last_newline(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

struct Vector {
  Request request;
  std::string body;
  bool sign_body = false;
  std::string key_id;
  Secret secret;
  std::string token;
  bool token_after_signing = false;
  SigningScope scope;
  PathMode mode = PathMode::normalised;
};

// "GET /path?query HTTP/1.1", headers (a line that starts with white space goes on with the one before),
// body.
void parse_request(std::string const& text, Vector& out) {
  auto const line_end = text.find('\n');
  std::string const line = text.substr(0, line_end);
  auto const method_end = line.find(' ');
  auto const target_end = line.rfind(" HTTP/");
  out.request.method = line.substr(0, method_end);
  std::string const target = line.substr(method_end + 1, target_end - method_end - 1);
  auto const mark = target.find('?');
  out.request.path = uri_decode(target.substr(0, mark)).value();
  std::string_view query =
      mark == std::string::npos ? std::string_view{} : std::string_view(target).substr(mark + 1);
  while (!query.empty()) {
    auto const parameter = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), parameter.size() + 1));
    auto const equals = parameter.find('=');
    out.request.query.emplace_back(
        uri_decode(parameter.substr(0, equals)).value(),
        equals == std::string_view::npos ? "" : uri_decode(parameter.substr(equals + 1)).value());
  }
  std::size_t at = line_end + 1;
  while (at < text.size() && text[at] != '\n') {
    auto const end = std::min(text.find('\n', at), text.size());
    std::string const header = text.substr(at, end - at);
    if (header[0] == ' ' || header[0] == '\t') {
      out.request.headers.back().second += "\n" + header;
    } else {
      auto const colon = header.find(':');
      out.request.headers.emplace_back(header.substr(0, colon), header.substr(colon + 1));
    }
    at = end + 1;
  }
  if (at < text.size()) out.body = text.substr(at + 1);
}

Vector read_vector(fs::path const& folder) {
  Vector out;
  parse_request(slurp(folder / "request.txt"), out);
  auto const context = boost::json::parse(slurp(folder / "context.json")).get_object();
  auto const& credentials = context.at("credentials").get_object();
  out.key_id = std::string(credentials.at("access_key_id").get_string());
  out.secret = Secret(std::string(credentials.at("secret_access_key").get_string()));
  if (auto const* token = credentials.if_contains("token")) out.token = std::string(token->get_string());
  if (auto const* omit = context.if_contains("omit_session_token"))
    out.token_after_signing = omit->get_bool();
  out.sign_body = context.at("sign_body").get_bool();
  out.mode = context.at("normalize").get_bool() ? PathMode::normalised : PathMode::as_sent;
  auto const time = parse_iso8601(std::string(context.at("timestamp").get_string()));
  out.scope = {format_basic8601(time.value()), std::string(context.at("region").get_string()),
               std::string(context.at("service").get_string())};
  return out;
}

}  // namespace

TEST_CASE("the published SigV4 vectors, stage by stage") {
  B2B_REQUIRE_SHARED(shared);
  std::size_t count = 0;
  for (auto const& entry : fs::directory_iterator(shared + "/fixtures/sigv4")) {
    INFO(entry.path().filename().string());
    ++count;
    Vector vector = read_vector(entry.path());
    std::string const payload = to_hex(sha256(vector.body));
    vector.request.headers.emplace_back("X-Amz-Date", vector.scope.timestamp);
    if (vector.sign_body) vector.request.headers.emplace_back("x-amz-content-sha256", payload);
    if (!vector.token.empty() && !vector.token_after_signing)
      vector.request.headers.emplace_back("X-Amz-Security-Token", vector.token);

    std::string const canonical = canonical_request(vector.request, payload, vector.mode);
    CHECK(canonical == slurp(entry.path() / "header-canonical-request.txt"));
    std::string const to_sign = string_to_sign(vector.scope, canonical);
    CHECK(to_sign == slurp(entry.path() / "header-string-to-sign.txt"));
    std::string const hex = signature(signing_key(vector.secret, vector.scope), to_sign);
    CHECK(hex == without_last_newline(slurp(entry.path() / "header-signature.txt")));
    std::string const header =
        authorization(vector.key_id, vector.scope, signed_header_names(vector.request), hex);
    CHECK(slurp(entry.path() / "header-signed-request.txt").find("Authorization:" + header + "\n") !=
          std::string::npos);
  }
  CHECK(count >= 38);
}

// Made with an independent implementation (Python's hmac and hashlib).
TEST_CASE("an S3 request is signed as an independent implementation signs it") {
  Request request;
  request.method = "PUT";
  request.path = "/agent-backup/openclaw-backup/it's (here)*/..//ü+ ~.txt";
  request.query = {{"uploadId", "a/b+c="}, {"partNumber", "7"}, {"Z", ""}, {"a b", "ü"}};
  request.headers = {{"Host", "s3.us-west-004.backblazeb2.com"}, {"Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="}};
  SigningScope const scope{"20260219T120000Z", "us-west-004", "s3"};
  std::string const payload = to_hex(sha256(""));
  sign(request, payload, "004abc", signing_key(Secret("K004secret/+"), scope), scope);
  CHECK(find_header(request.headers, "authorization").value() ==
        "AWS4-HMAC-SHA256 Credential=004abc/20260219/us-west-004/s3/aws4_request, "
        "SignedHeaders=content-md5;host;x-amz-content-sha256;x-amz-date, "
        "Signature=7ff99e0f6660997ad11e106fef952358b4884dd101cef4f8426b0365b8b52083");
  CHECK(find_header(request.headers, "X-AMZ-DATE").value() == "20260219T120000Z");
}

TEST_CASE("S3 paths are signed as they are sent, others are normalised") {
  Request request;
  request.path = "/a/./b/../c//d/";
  auto const path_line = [&](PathMode mode) {
    auto const text = canonical_request(request, "x", mode);
    auto const begin = text.find('\n') + 1;
    return text.substr(begin, text.find('\n', begin) - begin);
  };
  CHECK(path_line(PathMode::as_sent) == "/a/./b/../c//d/");
  CHECK(path_line(PathMode::normalised) == "/a/c/d/");
  request.path = "/../..";
  CHECK(path_line(PathMode::normalised) == "/");
  request.path = "/a/..";
  CHECK(path_line(PathMode::normalised) == "/");
}

}  // namespace b2b::s3
