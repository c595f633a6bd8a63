// The one call of B2's own API that the fake server knows: b2_authorize_account, in the shapes of its
// versions.
#include <boost/json.hpp>

#include "core/util/encoding.h"
#include "tests/support/fake_s3/http.h"

namespace b2b::test {

HttpAnswer answer_b2_api(FakeOptions const& options, HttpRequest const& request, std::string const& url) {
  namespace json = boost::json;
  HttpAnswer answer;
  answer.headers = {{"Content-Type", "application/json"}};
  if (request.method != "GET" || !request.path.ends_with("/b2_authorize_account")) {
    answer.status = 400;
    answer.set_body(R"({"code":"bad_request","message":"unknown call","status":400})");
    return answer;
  }
  std::string const expected = "Basic " + to_base64(as_bytes(options.key_id + ":" + options.application_key));
  if (request.header("authorization") != expected) {
    answer.status = 401;
    answer.set_body(R"({"code":"bad_auth_token","message":"invalid application key","status":401})");
    return answer;
  }
  json::array capabilities = {"listFiles", "readFiles", "writeFiles"};
  if (options.delete_files) capabilities.emplace_back("deleteFiles");
  if (options.list_buckets) capabilities.emplace_back("listBuckets");
  json::array const buckets = {json::object{{"id", "b0"}, {"name", options.bucket}}};
  json::object const in_v4 = {{"buckets", buckets}, {"capabilities", capabilities}, {"namePrefix", nullptr}};
  json::object const before_v4 = {{"bucketId", "b0"},
                                  {"bucketName", options.bucket},
                                  {"capabilities", capabilities},
                                  {"namePrefix", nullptr}};
  json::object document;
  if (request.path.starts_with("/b2api/v2/")) {
    document = {{"s3ApiUrl", url}, {"allowed", before_v4}};
  } else {
    json::object storage =
        request.path.starts_with("/b2api/v3/") ? before_v4 : json::object{{"allowed", in_v4}};
    storage["s3ApiUrl"] = url;
    document = {{"accountId", "000000000000"}, {"apiInfo", json::object{{"storageApi", storage}}}};
  }
  answer.set_body(json::serialize(document));
  return answer;
}

}  // namespace b2b::test
