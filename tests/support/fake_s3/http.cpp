#include "tests/support/fake_s3/http.h"

#include <array>
#include <cstdio>

#include <openssl/evp.h>

#include "core/util/encoding.h"
#include "tests/support/fake_s3/handlers.h"

namespace b2b::test {
namespace {

std::string digest_hex(EVP_MD const* algorithm, std::string const& bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, algorithm, nullptr);
  return to_hex(std::span<std::uint8_t const>(out.data(), size));
}

}  // namespace

std::string sha256_hex(std::string const& bytes) {
  return digest_hex(EVP_sha256(), bytes);
}
std::string md5_hex(std::string const& bytes) {
  return digest_hex(EVP_md5(), bytes);
}

std::string html_escape(std::string const& text) {
  std::string out;
  for (char const c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

std::string http_date(TimePoint time) {
  static constexpr std::array<char const*, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<char const*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  auto const day = std::chrono::floor<std::chrono::days>(time);
  std::chrono::year_month_day const date(day);
  std::chrono::hh_mm_ss const clock(std::chrono::floor<std::chrono::seconds>(time - day));
  std::array<char, 64> out{};
  std::snprintf(out.data(), out.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
                days[std::chrono::weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
                months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return out.data();
}

HttpAnswer error_answer(unsigned status, std::string const& code, std::string const& message) {
  HttpAnswer answer;
  answer.status = status;
  answer.headers = {{"Content-Type", "application/xml"}, {"x-amz-request-id", "fake0123456789"}};
  answer.set_body("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Error><Code>" +
                  html_escape(code) + "</Code><Message>" + html_escape(message) +
                  "</Message><RequestId>fake0123456789</RequestId></Error>");
  return answer;
}

bool parse_target(std::string const& target, HttpRequest& request) {
  auto const mark = target.find('?');
  request.raw_path = target.substr(0, mark);
  if (mark != std::string::npos) request.raw_query = target.substr(mark + 1);
  auto path = uri_decode(request.raw_path);
  if (!path || !path->starts_with('/')) return false;
  request.path = std::move(*path);
  std::string_view rest = request.raw_query;
  while (!rest.empty()) {
    auto const end = rest.find('&');
    auto const parameter = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    auto const equals = parameter.find('=');
    auto const name = uri_decode(parameter.substr(0, equals));
    auto const value =
        uri_decode(equals == std::string_view::npos ? std::string_view{} : parameter.substr(equals + 1));
    if (!name || !value) return false;
    request.query.emplace(*name, *value);
  }
  return uri_encode(request.path, true) == request.raw_path;
}

HttpAnswer handle_s3(FakeObjects& objects, FakeOptions const& options, HttpRequest const& request,
                     TimePoint now) {
  auto const slash = request.path.find('/', 1);
  S3Call call{
      objects, options, request, now, request.path.substr(1, slash == std::string::npos ? slash : slash - 1),
      {}};
  if (slash != std::string::npos) call.key = request.path.substr(slash + 1);
  if (call.bucket.empty()) {
    if (!options.list_buckets) return error_answer(403, "AccessDenied", "not entitled");
    return xml_answer("<ListAllMyBucketsResult><Buckets><Bucket><Name>" + options.bucket +
                      "</Name></Bucket></Buckets></ListAllMyBucketsResult>");
  }
  if (request.method == "PUT" && call.key.empty()) objects.create(call.bucket);
  if (!objects.exists(call.bucket)) {
    if (!options.list_buckets) return error_answer(403, "AccessDenied", "not entitled");
    return error_answer(404, "NoSuchBucket", "The specified bucket does not exist: " + call.bucket);
  }
  return call.key.empty() ? handle_bucket(call) : handle_object(call);
}

}  // namespace b2b::test
