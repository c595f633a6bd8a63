// What the fake server refuses: wrong signatures, wrong digests, and headers that B2 does not take. Written
// apart from the client's signing code, straight from AWS's description, so that a mistake there does not
// cancel out here.
#include <algorithm>
#include <array>
#include <cstdio>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/util/encoding.h"
#include "tests/support/fake_s3/http.h"

namespace b2b::test {
namespace {

std::string hmac(std::string const& key, std::string const& message) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<unsigned char const*>(message.data()), message.size(), out.data(), &size);
  return std::string(reinterpret_cast<char const*>(out.data()), size);
}

// The value of NAME in "Credential=…, SignedHeaders=…, Signature=…".
std::string field(std::string const& authorization, std::string const& name) {
  auto const at = authorization.find(name + "=");
  if (at == std::string::npos) return {};
  auto const begin = at + name.size() + 1;
  return authorization.substr(begin, authorization.find_first_of(", ", begin) - begin);
}

std::vector<std::string> split(std::string const& text, char separator) {
  std::vector<std::string> out;
  std::size_t at = 0;
  for (;;) {
    auto const end = text.find(separator, at);
    out.push_back(text.substr(at, end == std::string::npos ? end : end - at));
    if (end == std::string::npos) return out;
    at = end + 1;
  }
}

std::optional<HttpAnswer> refuse_headers(HttpRequest const& request) {
  for (auto const& [name, value] : request.headers) {
    if (name.starts_with("x-amz-checksum") || name.starts_with("x-amz-sdk-checksum") ||
        name == "x-amz-trailer")
      return error_answer(400, "InvalidArgument",
                          "Unsupported header '" + name + "' received for this API call.");
    if (name.starts_with("x-amz-acl") || name.starts_with("x-amz-grant-") || name == "x-amz-tagging")
      return error_answer(400, "InvalidArgument",
                          "Unsupported header '" + name + "' received for this API call.");
    if (name == "content-encoding" && value.find("aws-chunked") != std::string::npos)
      return error_answer(400, "InvalidArgument", "aws-chunked bodies are not supported");
    if (name == "transfer-encoding")
      return error_answer(501, "NotImplemented", "chunked requests are not supported");
    if (request.method == "PUT" && (name == "if-none-match" || name == "if-match"))
      return error_answer(501, "NotImplemented", "conditional PUT is not implemented");
    if (name == "expect") return error_answer(417, "ExpectationFailed", "Expect is not supported");
  }
  return std::nullopt;
}

std::optional<HttpAnswer> refuse_digests(FakeOptions const& options, HttpRequest const& request) {
  std::string const announced = request.header("x-amz-content-sha256");
  if (announced.size() != 64)
    return error_answer(400, "InvalidArgument", "x-amz-content-sha256 must be the hash of the body");
  if (!request.sha256_hex.empty() && request.sha256_hex != announced)
    return error_answer(400, "XAmzContentSHA256Mismatch",
                        "The provided x-amz-content-sha256 does not match what was computed.");
  std::string const md5 = request.header("content-md5");
  bool const needs_md5 = request.has_query("delete") || (options.puts_need_md5 && request.method == "PUT" && !request.body->empty());
  if (md5.empty() && needs_md5)
    return error_answer(400, "InvalidRequest", "Missing required header for this request: Content-MD5");
  if (md5.empty() || request.md5_hex.empty()) return std::nullopt;
  auto const decoded = from_base64(md5);
  if (!decoded || decoded->size() != 16)
    return error_answer(400, "InvalidDigest", "The Content-MD5 you specified is not valid.");
  if (to_hex(*decoded) != request.md5_hex)
    return error_answer(400, "BadDigest", "The Content-MD5 you specified did not match what we received.");
  return std::nullopt;
}

std::optional<HttpAnswer> refuse_date(std::string const& date, TimePoint now) {
  if (date.size() != 16) return error_answer(403, "AccessDenied", "X-Amz-Date is missing");
  auto const part = [&](std::size_t at, std::size_t n) { return date.substr(at, n); };
  auto const sent = parse_iso8601(part(0, 4) + "-" + part(4, 2) + "-" + part(6, 2) + "T" + part(9, 2) + ":" +
                                  part(11, 2) + ":" + part(13, 2) + "Z");
  if (!sent) return error_answer(403, "AccessDenied", "X-Amz-Date is malformed");
  if (now - *sent > std::chrono::minutes(15) || *sent - now > std::chrono::minutes(15))
    return error_answer(403, "RequestTimeTooSkewed",
                        "The difference between the request time and the server's time is too large.");
  return std::nullopt;
}

std::string canonical_of(HttpRequest const& request, std::string const& signed_headers) {
  auto parameters = request.raw_query.empty() ? std::vector<std::string>{} : split(request.raw_query, '&');
  for (auto& parameter : parameters)
    if (parameter.find('=') == std::string::npos) parameter += '=';
  std::sort(parameters.begin(), parameters.end(), [](std::string const& a, std::string const& b) {
    auto const name = [](std::string const& p) { return p.substr(0, p.find('=')); };
    return std::make_pair(name(a), a) < std::make_pair(name(b), b);
  });
  std::string out = request.method + "\n" + request.raw_path + "\n";
  for (std::size_t i = 0; i < parameters.size(); ++i)
    out += (i == 0 ? "" : "&") + parameters[i];
  out += "\n";
  for (auto const& name : split(signed_headers, ';'))
    out += name + ":" + request.header(name) + "\n";
  return out + "\n" + signed_headers + "\n" + request.header("x-amz-content-sha256");
}

std::optional<HttpAnswer> refuse_signature(FakeOptions const& options, HttpRequest const& request,
                                           TimePoint now) {
  std::string const authorization = request.header("authorization");
  if (!authorization.starts_with("AWS4-HMAC-SHA256 "))
    return error_answer(403, "AccessDenied", "no signature of version 4");
  auto const credential = split(field(authorization, "Credential"), '/');
  if (credential.size() != 5 || credential[3] != "s3" || credential[4] != "aws4_request")
    return error_answer(400, "AuthorizationHeaderMalformed", "the credential is malformed");
  bool const looks_like_master_key =
      credential[0].size() == 12 && credential[0].find_first_not_of("0123456789abcdef") == std::string::npos;
  if (looks_like_master_key) return error_answer(403, "InvalidAccessKeyId", "Malformed Access Key Id");
  if (credential[0] != options.key_id)
    return error_answer(403, "InvalidAccessKeyId", "The key '" + credential[0] + "' is not valid");
  if (credential[2] != options.region)
    return error_answer(400, "AuthorizationHeaderMalformed",
                        "the region '" + credential[2] + "' is wrong; expecting '" + options.region + "'");
  std::string const date = request.header("x-amz-date");
  if (auto refusal = refuse_date(date, now)) return refusal;
  if (date.substr(0, 8) != credential[1])
    return error_answer(400, "AuthorizationHeaderMalformed", "the dates differ");
  std::string const names = field(authorization, "SignedHeaders");
  auto const signed_names = split(names, ';');
  if (!std::is_sorted(signed_names.begin(), signed_names.end()))
    return error_answer(400, "AuthorizationHeaderMalformed", "the signed headers are not sorted");
  auto const is_signed = [&](std::string const& name) {
    return std::find(signed_names.begin(), signed_names.end(), name) != signed_names.end();
  };
  for (auto const& [name, value] : request.headers)
    if ((name == "host" || name == "content-md5" || name.starts_with("x-amz-")) && !is_signed(name))
      return error_answer(403, "AccessDenied",
                          "There were headers present in the request which were not signed: " + name);
  if (!is_signed("host")) return error_answer(403, "AccessDenied", "the header host must be signed");
  std::string key = hmac("AWS4" + options.application_key, credential[1]);
  for (std::size_t i = 2; i < credential.size(); ++i)
    key = hmac(key, credential[i]);
  std::string const scope = credential[1] + "/" + credential[2] + "/s3/aws4_request";
  std::string const to_sign =
      "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + sha256_hex(canonical_of(request, names));
  if (to_hex(as_bytes(hmac(key, to_sign))) != field(authorization, "Signature"))
    return error_answer(403, "SignatureDoesNotMatch", "Signature validation failed");
  return std::nullopt;
}

}  // namespace

std::optional<HttpAnswer> refuse(FakeOptions const& options, HttpRequest const& request, TimePoint now) {
  if (auto refusal = refuse_headers(request)) return refusal;
  if (auto refusal = refuse_signature(options, request, now)) return refusal;
  return refuse_digests(options, request);
}

std::string b2_key_problem(std::string const& key) {
  if (key.empty() || key.size() > 1024) return "the length of the key must be between 1 and 1,024 bytes";
  if (!is_valid_utf8(key)) return "the key is not UTF-8";
  for (char const c : key)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return "the key has a control character";
  if (key.front() == '/' || key.back() == '/' || key.find("//") != std::string::npos)
    return "the key has an empty segment";
  for (auto const& segment : split(key, '/'))
    if (segment.size() > 250) return "a segment of the key is longer than 250 bytes";
  return {};
}

}  // namespace b2b::test
