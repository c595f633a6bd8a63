// One S3 request on its way through the fake server, after it passed the checks.
#pragma once

#include <string>

#include "tests/support/fake_s3/http.h"

namespace b2b::test {

struct S3Call {
  FakeObjects& objects;
  FakeOptions const& options;
  HttpRequest const& request;
  TimePoint now;
  std::string bucket;  // exists
  std::string key;     // empty for the bucket itself

  bool has(std::string const& query) const { return request.has_query(query); }
};

HttpAnswer handle_object(S3Call const& call);
HttpAnswer handle_bucket(S3Call const& call);

void remove_version(S3Call const& call, std::string const& key, std::string const& version_id);
HttpAnswer xml_answer(std::string const& body);

}  // namespace b2b::test
