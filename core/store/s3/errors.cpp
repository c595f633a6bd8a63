#include "core/store/s3/errors.h"

#include <array>

#include "core/store/s3/request.h"
#include "core/util/encoding.h"

namespace b2b::s3 {
namespace {

struct Meaning {
  Condition condition;
  bool retryable;
  std::string_view message;
  std::string_view advice;
};

struct CodeMeaning {
  std::string_view code;
  Meaning meaning;
};

constexpr std::string_view check_key =
    "Check keyId and applicationKey, and that the key belongs to this endpoint's account and region.";

// By code first: the same status stands for many things.
constexpr std::array code_meanings = {
    CodeMeaning{"RequestTimeTooSkewed",
                {Condition::clock_skew, false, "the store rejects the time of our request",
                 "Set this machine's clock (timedatectl set-ntp true)."}},
    CodeMeaning{"NoSuchBucket",
                {Condition::bad_config, false, "the bucket does not exist or the key cannot see it",
                 "Check the name of the bucket, and that it lies in the region of the endpoint."}},
    CodeMeaning{"NoSuchKey", {Condition::not_found, false, "there is no such object", ""}},
    CodeMeaning{"NoSuchVersion", {Condition::not_found, false, "there is no such version", ""}},
    CodeMeaning{"NoSuchUpload",
                {Condition::not_found, false, "the multipart upload does not exist any more", ""}},
    CodeMeaning{"InvalidAccessKeyId",
                {Condition::permission, false, "the store does not know the key id", check_key}},
    CodeMeaning{"SignatureDoesNotMatch",
                {Condition::permission, false, "the application key does not fit the key id", check_key}},
    CodeMeaning{"AuthorizationHeaderMalformed",
                {Condition::bad_config, false, "the store expects another region in the signature",
                 "Set region to the one in the endpoint's name."}},
    CodeMeaning{
        "PermanentRedirect",
        {Condition::bad_config, false, "the bucket lives at another endpoint", "Correct the endpoint."}},
    CodeMeaning{"SlowDown", {Condition::throttled, true, "the store asks to slow down", ""}},
    CodeMeaning{"InternalError", {Condition::unreachable, true, "the store has a fault of its own", ""}},
    CodeMeaning{"ServiceUnavailable",
                {Condition::throttled, true, "the store is not available just now", ""}},
    CodeMeaning{"RequestTimeout",
                {Condition::unreachable, true, "the store waited too long for our bytes", ""}},
    CodeMeaning{"IncompleteBody",
                {Condition::unreachable, true, "the store received fewer bytes than announced", ""}},
    CodeMeaning{"BadDigest", {Condition::transit, true, "the bytes changed on their way to the store", ""}},
    CodeMeaning{"InvalidDigest",
                {Condition::transit, true, "the digest changed on its way to the store", ""}},
    CodeMeaning{"XAmzContentSHA256Mismatch",
                {Condition::transit, true, "the bytes changed on their way to the store", ""}},
    CodeMeaning{"PreconditionFailed", {Condition::changed, false, "the object changed in the meantime", ""}},
    CodeMeaning{"EntityTooLarge", {Condition::limit, false, "the object is larger than the store takes", ""}},
    CodeMeaning{
        "QuotaExceeded",
        {Condition::limit, false, "the account's quota is used up", "Free space, or raise the quota."}},
    CodeMeaning{"NotImplemented",
                {Condition::unsupported, false, "the store does not support this request", ""}},
    CodeMeaning{"KeyTooLongError", {Condition::usage, false, "the key is longer than the store takes", ""}},
};

Meaning meaning_of_status(unsigned status) {
  switch (status) {
    case 401:
    case 403:
      return {
          Condition::permission, false, "the store refuses access",
          "The object may be missing, or the key may lack a capability: listFiles, readFiles and writeFiles "
          "are needed, and deleteFiles to prune; without listBuckets a missing object looks like this, too."};
    case 404:
      return {Condition::not_found, false, "there is no such object", ""};
    case 408:
      return {Condition::unreachable, true, "the store waited too long for our bytes", ""};
    case 412:
      return {Condition::changed, false, "the object changed in the meantime", ""};
    case 413:
      return {Condition::limit, false, "the object is larger than the store takes", ""};
    case 429:
    case 503:
      return {Condition::throttled, true, "the store asks to slow down", ""};
    case 501:
      return {Condition::unsupported, false, "the store does not support this request", ""};
    case 507:
      return {Condition::limit, false, "the store is full", "Free space, or raise the quota."};
    default:
      break;
  }
  if (status >= 500) return {Condition::unreachable, true, "the store has a fault of its own", ""};
  if (status >= 300 && status < 400)
    return {Condition::bad_config, false, "the store sends us to another address", "Correct the endpoint."};
  if (status >= 400) return {Condition::unsupported, false, "the store does not accept the request", ""};
  return {Condition::unreachable, false, "the answer makes no sense",
          "Check that the endpoint is an S3 server."};
}

// B2 has no codes for these two: only its words tell them from other refusals.
bool says_cap_exceeded(RemoteError const& remote) {
  std::string const text = lower_case(remote.code + " " + remote.message);
  return text.find("cap exceeded") != std::string::npos || text.find("cap_exceeded") != std::string::npos;
}
bool says_master_key(RemoteError const& remote) {
  return lower_case(remote.message).find("malformed access key id") != std::string::npos;
}

Meaning meaning_of(unsigned status, RemoteError const& remote) {
  if (says_cap_exceeded(remote))
    return {Condition::limit, false, "a cap of the account is reached",
            "Raise it on the \"Caps & Alerts\" page of your B2 account, or wait until it is reset (midnight "
            "UTC)."};
  if (says_master_key(remote))
    return {Condition::permission, false, "the store does not accept this key id on its S3 interface",
            "It may be the account's master key, which B2 refuses here: create an application key for the "
            "bucket."};
  for (auto const& [code, meaning] : code_meanings)
    if (remote.code == code) return meaning;
  // The answer to a HEAD has no body that could say why; a wrong region is what is told in this way.
  if (status == 400 && remote.code.empty())
    return {Condition::bad_config, false, "the store does not accept the request and does not say why; most often it "
                                          "expects another region in the signature",
            "Set region to the one in the endpoint's name. When it is not set, it is taken from an endpoint of the form "
            "s3.<region>.backblazeb2.com, and is us-east-1 for any other."};
  return meaning_of_status(status);
}

}  // namespace

std::string describe(About const& about) {
  std::string out = "cannot " + about.doing;
  if (!about.subject.empty()) out += " " + printable(about.subject);
  if (!about.bucket.empty()) out += " in bucket " + printable(about.bucket);
  return out;
}

Error error_of_answer(unsigned status, RemoteError const& remote, About const& about) {
  auto const meaning = meaning_of(status, remote);
  Error error;
  error.condition = meaning.condition;
  error.message =
      describe(about) + ": " + std::string(meaning.message) + " (HTTP " + std::to_string(status) + ")";
  error.advice = meaning.advice;
  error.subject = remote.code == "NoSuchBucket" ? "bucket" : about.subject;
  error.http_status = static_cast<int>(status);
  error.request_id = printable(remote.request_id);
  error.remote_code = printable(remote.code);
  error.remote_message = printable(remote.message);
  error.retryable = meaning.retryable;
  return error;
}

Error unreachable(std::string message, std::string advice) {
  Error error = make_error(Condition::unreachable, std::move(message), std::move(advice));
  error.retryable = true;
  return error;
}

}  // namespace b2b::s3
