#include "core/store/s3/objects.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "core/crypto/verified_source.h"
#include "core/util/encoding.h"

namespace b2b::s3 {
namespace {

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t out = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

ObjectInfo info_of(std::string const& key, Answer const& answer) {
  ObjectInfo info;
  info.key = key;
  info.etag = without_quotes(find_header(answer.headers, "etag").value_or(""));
  if (auto const length = number(find_header(answer.headers, "content-length").value_or("")))
    info.size = *length;
  if (auto const range = find_header(answer.headers, "content-range");
      range && range->find('/') != std::string_view::npos)
    if (auto const total = number(range->substr(range->find('/') + 1))) info.size = *total;
  if (auto const modified = parse_http_date(find_header(answer.headers, "last-modified").value_or("")))
    info.modified = *modified;
  return info;
}

Error transit_error(About const& about, std::string_view why) {
  Error error = make_error(Condition::transit, std::string(why),
                           "Downloading it again may help; if it never does, the stored object is damaged.",
                           about.subject);
  error.retryable = true;
  return error;
}

// An ETag is the MD5 of the object unless it was put in parts or encrypted by the store with a key of its
// own.
std::optional<Bytes> md5_of(ObjectInfo const& info, Answer const& answer) {
  if (info.etag.size() != 32 ||
      find_header(answer.headers, "x-amz-server-side-encryption-customer-algorithm"))
    return std::nullopt;
  if (find_header(answer.headers, "x-amz-server-side-encryption").value_or("").starts_with("aws:kms"))
    return std::nullopt;
  return from_hex(info.etag);
}

// How many bytes the answer must bring: what its Content-Length says, and for a range no more than was asked.
Result<void> check_download(Answer const& answer, ObjectInfo const& info, std::optional<ByteRange> range,
                            DigestSink& sink, About const& about) {
  auto const announced = number(find_header(answer.headers, "content-length").value_or(""));
  if (announced && *announced != sink.size())
    return transit_error(about, "the download has " + std::to_string(sink.size()) + " bytes instead of " +
                                    std::to_string(*announced));
  if (range) {
    auto const available = info.size > range->offset ? info.size - range->offset : 0;
    if (sink.size() != std::min(range->length, available))
      return transit_error(about, "the store sent another range than was asked for");
    return {};
  }
  if (auto const expected = md5_of(info, answer)) {
    auto const found = sink.finish();
    if (!equal_in_constant_time(*expected, found))
      return transit_error(about, "the download's MD5 is not the one the store announced");
  }
  return {};
}

// A hide marker answers 405 to a read that names it, and what is hidden or not there 404.
Call call_for_version(Client& client, std::string method, std::string doing, std::string const& key, std::string const& version_id) {
  Call call = client.call(std::move(method), std::move(doing), key);
  if (!version_id.empty()) call.request.query.emplace_back("versionId", version_id);
  return call;
}

Result<ObjectInfo> head_version(Client& client, std::string const& key, std::string const& version_id, std::stop_token const& stop) {
  B2B_ASSIGN(Answer const answer, client.send(call_for_version(client, "HEAD", "look at", key, version_id), stop));
  return info_of(key, answer);
}

}  // namespace

Result<void> check_late_error(Answer const& answer, About const& about) {
  auto const remote = parse_error(answer.body);
  if (!remote) return {};
  return error_of_answer(remote->code == "InternalError" ? 500 : answer.status, *remote, about);
}

std::string copy_source(std::string const& bucket, std::string const& key) {
  return uri_encode("/" + bucket + "/" + key, true);
}

Result<ObjectInfo> put_object(Client& client, std::string const& key, ByteSource const& body,
                              std::stop_token const& stop) {
  Call call = client.call("PUT", "store", key);
  call.object_body = true;
  std::string small;
  std::optional<SpanSource> from_memory;
  std::optional<VerifiedSource> from_source;
  if (body.size() <= chunk_bytes) {
    small.resize(static_cast<std::size_t>(body.size()) +
                 1);  // one more, to see a source that is longer than it says
    B2B_ASSIGN(auto const reader, body.open());
    B2B_ASSIGN(std::size_t const n,
               read_fully(*reader, {reinterpret_cast<std::uint8_t*>(small.data()), small.size()}));
    if (n != body.size())
      return make_error(Condition::changed,
                        "the bytes to store as " + printable(key) + " changed while they were read", "", key);
    small.resize(n);
    from_memory.emplace(as_bytes(small));
    call.digest = digest_of(as_bytes(small));
    call.body = &*from_memory;
  } else if (auto const* const verified = dynamic_cast<VerifiedSource const*>(&body)) {
    call.body = verified;
    call.digest = BodyDigest{verified->digest(), {}};
  } else {
    B2B_ASSIGN(call.digest, digest_of(body, stop));
    from_source.emplace(body, call.digest->sha256);
    call.body = &*from_source;
  }
  if (!call.digest->md5 && client.puts_need_md5()) {
    B2B_ASSIGN(call.digest, digest_of(body, stop));
  }
  auto answer = client.send(call, stop);
  if (!answer && answer.error().http_status == 400 && !answer.error().retryable && !call.digest->md5) {
    B2B_ASSIGN(call.digest, digest_of(body, stop));
    answer = client.send(call, stop);
    if (answer) client.note_puts_need_md5();
  }
  if (!answer) return std::move(answer).error();
  ObjectInfo info;
  info.key = key;
  info.size = body.size();
  info.etag = without_quotes(find_header(answer->headers, "etag").value_or(""));
  if (auto const date = client.server_time()) info.modified = *date;
  return info;
}

Result<ObjectInfo> head_object(Client& client, std::string const& key, std::stop_token const& stop) {
  return head_version(client, key, {}, stop);
}

Result<ObjectInfo> get_object(Client& client, std::string const& key, std::optional<ByteRange> range,
                              ByteSink& sink, std::stop_token const& stop) {
  return get_object_version(client, key, {}, range, sink, stop);
}

Result<ObjectInfo> get_object_version(Client& client, std::string const& key, std::string const& version_id, std::optional<ByteRange> range,
                                      ByteSink& sink, std::stop_token const& stop) {
  if (range && range->length == 0) return head_version(client, key, version_id, stop);
  Call call = call_for_version(client, "GET", "read", key, version_id);
  if (range) {
    auto const last = range->length - 1 > std::numeric_limits<std::uint64_t>::max() - range->offset
                          ? std::numeric_limits<std::uint64_t>::max()
                          : range->offset + range->length - 1;
    if (range->offset > std::numeric_limits<std::int64_t>::max()) return head_version(client, key, version_id, stop);
    auto const clamped = std::min<std::uint64_t>(last, std::numeric_limits<std::int64_t>::max());
    call.request.headers.emplace_back(
        "Range", "bytes=" + std::to_string(range->offset) + "-" + std::to_string(clamped));
  }
  DigestSink counted(sink, !range);
  call.sink = &counted;
  ObjectInfo info;
  call.check = [&](Answer const& answer) -> Result<void> {
    info = info_of(key, answer);
    return check_download(answer, info, range, counted, call.about);
  };
  auto const answer = client.send(call, stop);
  if (answer) return info;
  // The range begins at or after the end: nothing there, which is fine.
  if (range && answer.error().http_status == 416) return head_version(client, key, version_id, stop);
  return answer.error();
}

Result<void> copy_object(Client& client, ObjectInfo const& source, std::string const& to,
                         std::stop_token const& stop) {
  Call call = client.call("PUT", "copy " + printable(source.key) + " to", to);
  call.request.headers.emplace_back("X-Amz-Copy-Source", copy_source(client.settings().bucket, source.key));
  std::size_t const without_condition = call.request.headers.size();
  if (!source.etag.empty())
    call.request.headers.emplace_back("X-Amz-Copy-Source-If-Match", "\"" + source.etag + "\"");
  call.check = [&call](Answer const& answer) -> Result<void> {
    B2B_TRY(check_late_error(answer, call.about));
    B2B_TRY(parse_result_etag(answer.body));
    return {};
  };
  auto answer = client.send(call, stop);
  if (!answer && answer.error().condition == Condition::unsupported) {
    call.request.headers.resize(without_condition);  // a store that knows no conditional copies
    answer = client.send(call, stop);
  }
  if (!answer) return std::move(answer).error();
  return {};
}

}  // namespace b2b::s3
