#include "core/store/s3/sigv4.h"

#include <map>
#include <vector>

#include "core/util/encoding.h"
#include "core/util/error.h"

namespace b2b::s3 {
namespace {

// Outer white space goes; inner runs become one space.
std::string trimmed(std::string_view value) {
  std::string out;
  bool gap = false;
  for (char const c : value) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      gap = true;
      continue;
    }
    if (gap && !out.empty()) out += ' ';
    gap = false;
    out += c;
  }
  return out;
}

std::string normalised_path(std::string_view path) {
  std::vector<std::string_view> segments;
  bool open_end = path.empty() || path.back() == '/';
  while (!path.empty()) {
    auto const slash = path.find('/');
    auto const segment = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    bool const dots = segment == "." || segment == "..";
    if (segment == ".." && !segments.empty()) segments.pop_back();
    if (!segment.empty() && !dots) segments.push_back(segment);
    if (path.empty() && dots) open_end = true;  // "/a/." names the directory /a/
  }
  std::string out;
  for (auto const segment : segments) {
    out += '/';
    out += segment;
  }
  if (open_end || out.empty()) out += '/';
  return out;
}

// Lower-case name → values in the order they came, joined by commas.
std::map<std::string, std::string> canonical_headers(Request const& request) {
  std::map<std::string, std::string> out;
  for (auto const& [name, value] : request.headers) {
    auto const [at, fresh] = out.try_emplace(lower_case(name), trimmed(value));
    if (!fresh) at->second += "," + trimmed(value);
  }
  return out;
}

}  // namespace

std::string SigningScope::text() const {
  return date() + "/" + region + "/" + service + "/aws4_request";
}

std::string signed_header_names(Request const& request) {
  std::string out;
  for (auto const& [name, value] : canonical_headers(request)) {
    if (!out.empty()) out += ';';
    out += name;
  }
  return out;
}

std::string canonical_request(Request const& request, std::string_view payload_sha256, PathMode mode) {
  std::string out = request.method + "\n";
  out += uri_encode(mode == PathMode::normalised ? normalised_path(request.path) : request.path, true);
  out += "\n" + query_string(request) + "\n";
  for (auto const& [name, value] : canonical_headers(request))
    out += name + ":" + value + "\n";
  out += "\n" + signed_header_names(request) + "\n";
  out += payload_sha256;
  return out;
}

std::string string_to_sign(SigningScope const& scope, std::string_view canonical) {
  return "AWS4-HMAC-SHA256\n" + scope.timestamp + "\n" + scope.text() + "\n" + to_hex(sha256(canonical));
}

Sha256Digest signing_key(Secret const& secret_key, SigningScope const& scope) {
  std::string first = "AWS4";
  first += secret_key.reveal();
  Sha256Digest key = hmac_sha256(as_bytes(first), scope.date());
  wipe(first.data(), first.size());
  key = hmac_sha256(key, scope.region);
  key = hmac_sha256(key, scope.service);
  return hmac_sha256(key, "aws4_request");
}

std::string signature(Sha256Digest const& key, std::string_view text_to_sign) {
  return to_hex(hmac_sha256(key, text_to_sign));
}

std::string authorization(std::string_view key_id, SigningScope const& scope, std::string_view header_names,
                          std::string_view hex_signature) {
  std::string out = "AWS4-HMAC-SHA256 Credential=";
  out += key_id;
  out += "/" + scope.text() + ", SignedHeaders=";
  out += header_names;
  out += ", Signature=";
  out += hex_signature;
  return out;
}

void sign(Request& request, std::string_view payload_sha256, std::string_view key_id, Sha256Digest const& key,
          SigningScope const& scope) {
  B2B_ASSERT(find_header(request.headers, "host").has_value());
  B2B_ASSERT(!find_header(request.headers, "authorization").has_value());
  request.headers.emplace_back("X-Amz-Content-SHA256", payload_sha256);
  request.headers.emplace_back("X-Amz-Date", scope.timestamp);
  std::string const canonical = canonical_request(request, payload_sha256, PathMode::as_sent);
  std::string const names = signed_header_names(request);
  request.headers.emplace_back(
      "Authorization", authorization(key_id, scope, names, signature(key, string_to_sign(scope, canonical))));
}

}  // namespace b2b::s3
