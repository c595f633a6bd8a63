// Requests and answers as the fake server's handlers see them, apart from sockets.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/fake_s3/objects.h"

namespace b2b::test {

struct HttpRequest {
  std::string method;
  std::string raw_path;                           // as sent
  std::string raw_query;                          // as sent, without '?'
  std::string path;                               // decoded
  std::multimap<std::string, std::string> query;  // decoded
  std::map<std::string, std::string> headers;     // lower-case names
  Piece body;                                     // never null
  std::string sha256_hex;                         // of the body; empty when not computed
  std::string md5_hex;

  std::string header(std::string const& name) const {
    auto const at = headers.find(name);
    return at == headers.end() ? std::string() : at->second;
  }
  bool has_query(std::string const& name) const { return query.contains(name); }
  std::string query_value(std::string const& name) const {
    auto const at = query.find(name);
    return at == query.end() ? std::string() : at->second;
  }
};

struct HttpAnswer {
  unsigned status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<Piece> pieces;  // the body, or the object it is part of
  std::uint64_t offset = 0;   // of the body in the pieces
  std::uint64_t length = 0;   // announced as Content-Length
  bool close = false;

  void set_body(std::string text) {
    pieces = {std::make_shared<std::string const>(std::move(text))};
    offset = 0;
    length = pieces[0]->size();
  }
};

struct FakeOptions {
  std::string key_id = "004fake0000000000000000001";
  std::string application_key = "K004fakeApplicationKeyForTestsOnly";
  std::string region = "us-west-004";
  std::string bucket = "test-bucket";        // exists from the start
  bool list_buckets = true;                  // the key has the capability listBuckets
  bool delete_files = true;                  // and deleteFiles: without it deleting a version is refused, hiding is not
  bool puts_need_md5 = false;                // as buckets with a default retention may ask
  bool check_bodies = true;                  // compares SHA-256 and MD5 of bodies; costs the server's CPU
  std::uint64_t min_part_bytes = 5'000'000;  // of all parts but the last
  unsigned page_size = 1000;                 // lists are cut after this many names
};

// False, with `raw_path` and the rest filled in as far as possible, when the target is not encoded as S3
// wants it.
bool parse_target(std::string const& target, HttpRequest& request);

HttpAnswer error_answer(unsigned status, std::string const& code, std::string const& message);

// All S3 operations. `now` is the server's clock.
HttpAnswer handle_s3(FakeObjects& objects, FakeOptions const& options, HttpRequest const& request,
                     TimePoint now);

// Nothing when signature, digests and headers are as B2 wants them; else the refusal.
std::optional<HttpAnswer> refuse(FakeOptions const& options, HttpRequest const& request, TimePoint now);

// The key limits of B2; empty when fine.
std::string b2_key_problem(std::string const& key);

// GET /b2api/v{2,3,4}/b2_authorize_account; `url` is the server's own.
HttpAnswer answer_b2_api(FakeOptions const& options, HttpRequest const& request, std::string const& url);

std::string sha256_hex(std::string const& bytes);
std::string md5_hex(std::string const& bytes);
std::string html_escape(std::string const& text);
std::string http_date(TimePoint time);

}  // namespace b2b::test
