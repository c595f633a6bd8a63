#include "core/store/s3/errors.h"

#include "tests/support/catch.h"

namespace b2b::s3 {
namespace {

About const about{"read", "a/b", "backup"};

}  // namespace

TEST_CASE("statuses and codes become conditions") {
  struct Case {
    unsigned status;
    char const* code;
    Condition condition;
    bool retryable;
  };
  for (auto const& c : {Case{404, "NoSuchKey", Condition::not_found, false},
                        Case{404, "", Condition::not_found, false},
                        Case{404, "NoSuchBucket", Condition::bad_config, false},
                        Case{403, "", Condition::permission, false},
                        Case{403, "AccessDenied", Condition::permission, false},
                        Case{401, "", Condition::permission, false},
                        Case{403, "InvalidAccessKeyId", Condition::permission, false},
                        Case{403, "SignatureDoesNotMatch", Condition::permission, false},
                        Case{403, "RequestTimeTooSkewed", Condition::clock_skew, false},
                        Case{503, "SlowDown", Condition::throttled, true},
                        Case{503, "", Condition::throttled, true},
                        Case{429, "", Condition::throttled, true},
                        Case{500, "InternalError", Condition::unreachable, true},
                        Case{502, "", Condition::unreachable, true},
                        Case{504, "", Condition::unreachable, true},
                        Case{408, "", Condition::unreachable, true},
                        Case{400, "RequestTimeout", Condition::unreachable, true},
                        Case{400, "BadDigest", Condition::transit, true},
                        Case{400, "", Condition::bad_config, false},
                        Case{400, "InvalidArgument", Condition::unsupported, false},
                        Case{412, "PreconditionFailed", Condition::changed, false},
                        Case{301, "PermanentRedirect", Condition::bad_config, false},
                        Case{307, "", Condition::bad_config, false},
                        Case{501, "NotImplemented", Condition::unsupported, false},
                        Case{507, "", Condition::limit, false},
                        Case{400, "EntityTooLarge", Condition::limit, false},
                        Case{200, "InternalError", Condition::unreachable, true},
                        Case{299, "", Condition::unreachable, false}}) {
    INFO(c.status << " " << c.code);
    Error const error = error_of_answer(c.status, {c.code, "text", "id1"}, about);
    CHECK(error.condition == c.condition);
    CHECK(error.retryable == c.retryable);
    CHECK(error.http_status == static_cast<int>(c.status));
    CHECK(error.remote_code == c.code);
    CHECK(error.request_id == "id1");
    CHECK(error.message.find("a/b in bucket backup") != std::string::npos);
  }
}

TEST_CASE("a refusal does not say that a key must be able to delete") {
  Error const error = error_of_answer(403, {"AccessDenied", "", ""}, {"list", "a", "backup"});
  CHECK(error.advice.find("listFiles, readFiles and writeFiles are needed, and deleteFiles to prune") != std::string::npos);
}

TEST_CASE("what B2 says only in words is understood") {
  Error const cap = error_of_answer(
      403, {"AccessDenied", "Cannot upload files, storage cap exceeded. See the Caps & Alerts page.", ""},
      about);
  CHECK(cap.condition == Condition::limit);
  CHECK_FALSE(cap.retryable);
  CHECK(cap.advice.find("Caps & Alerts") != std::string::npos);
  Error const master = error_of_answer(403, {"InvalidAccessKeyId", "Malformed Access Key Id", ""}, about);
  CHECK(master.condition == Condition::permission);
  CHECK(master.advice.find("master key") != std::string::npos);
}

TEST_CASE("what the other side says cannot play with the terminal") {
  Error const error = error_of_answer(500, {"X\x1b[2J", "y\n", ""}, {"read", "k\x1b", "b"});
  CHECK(error.text().find('\x1b') == std::string::npos);
  CHECK(error.text().find('\n') == std::string::npos);
}

}  // namespace b2b::s3
