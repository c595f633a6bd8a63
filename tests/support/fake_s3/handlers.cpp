// The S3 operations on single objects: put, get, head, delete, copy, and the parts of multipart uploads.
#include "tests/support/fake_s3/handlers.h"

#include <algorithm>
#include <charconv>

#include "core/util/encoding.h"

namespace b2b::test {
namespace {

std::string quoted(std::string const& etag) {
  return "\"" + etag + "\"";
}

// "bytes=A-B" → the part of `size` bytes; nullopt when there is none in it.
struct Range {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};
std::optional<Range> parse_range(std::string const& text, std::uint64_t size) {
  auto const dash = text.find('-');
  if (!text.starts_with("bytes=") || dash == std::string::npos) return std::nullopt;
  std::uint64_t first = 0;
  std::uint64_t last = size - 1;
  std::from_chars(text.data() + 6, text.data() + dash, first);
  if (dash + 1 < text.size()) std::from_chars(text.data() + dash + 1, text.data() + text.size(), last);
  if (size == 0 || first >= size || last < first) return std::nullopt;
  last = std::min(last, size - 1);
  return Range{first, last - first + 1};
}

std::string bytes_of(std::vector<Piece> const& pieces, Range const& range) {
  std::string out;
  std::uint64_t at = 0;
  for (auto const& piece : pieces) {
    std::uint64_t const begin = std::max(range.offset, at);
    std::uint64_t const end = std::min(range.offset + range.length, at + piece->size());
    if (begin < end) out += piece->substr(begin - at, end - begin);
    at += piece->size();
  }
  return out;
}

HttpAnswer missing(S3Call const& call) {
  if (!call.options.list_buckets) return error_answer(403, "AccessDenied", "not entitled");
  if (call.has("versionId")) return error_answer(404, "NoSuchVersion", "The version does not exist.");
  return error_answer(404, "NoSuchKey", "The specified key does not exist.");
}

std::optional<StoredVersion> find(S3Call const& call, std::string const& key, std::string const& version_id) {
  return *call.objects.with(call.bucket, [&](FakeBucket& bucket) -> std::optional<StoredVersion> {
    auto const at = bucket.objects.find(key);
    if (at == bucket.objects.end()) return std::nullopt;
    if (version_id.empty()) return at->second.front();
    for (auto const& version : at->second)
      if (version.id == version_id) return version;
    return std::nullopt;
  });
}

std::string insert(S3Call const& call, StoredVersion version) {
  return *call.objects.with(call.bucket, [&](FakeBucket& bucket) {
    version.id = call.objects.next_id(version.hide_marker ? "hide" : "file");
    auto& versions = bucket.objects[call.key];
    versions.insert(versions.begin(), version);
    return version.id;
  });
}

HttpAnswer put(S3Call const& call) {
  StoredVersion version;
  version.pieces = {call.request.body};
  version.size = call.request.body->size();
  version.etag = call.request.md5_hex.empty() ? md5_hex(*call.request.body) : call.request.md5_hex;
  version.modified = call.now;
  HttpAnswer answer;
  answer.headers = {{"ETag", quoted(version.etag)}};
  answer.headers.emplace_back("x-amz-version-id", insert(call, std::move(version)));
  return answer;
}

HttpAnswer get(S3Call const& call) {
  auto const version = find(call, call.key, call.request.query_value("versionId"));
  if (!version || version->hide_marker) {
    HttpAnswer answer = missing(call);
    if (version) answer.headers.emplace_back("x-amz-delete-marker", "true");
    return answer;
  }
  HttpAnswer answer;
  answer.headers = {{"ETag", quoted(version->etag)},
                    {"Last-Modified", http_date(version->modified)},
                    {"x-amz-version-id", version->id},
                    {"Accept-Ranges", "bytes"},
                    {"Content-Type", "application/octet-stream"}};
  answer.pieces = version->pieces;
  answer.length = version->size;
  if (std::string const range_text = call.request.header("range"); !range_text.empty()) {
    auto const range = parse_range(range_text, version->size);
    if (!range) return error_answer(416, "InvalidRange", "The requested range is not satisfiable");
    answer.status = 206;
    answer.offset = range->offset;
    answer.length = range->length;
    answer.headers.emplace_back("Content-Range", "bytes " + std::to_string(range->offset) + "-" +
                                                     std::to_string(range->offset + range->length - 1) + "/" +
                                                     std::to_string(version->size));
  }
  return answer;
}

HttpAnswer remove(S3Call const& call) {
  HttpAnswer answer;
  answer.status = 204;
  if (call.has("versionId")) {
    if (!call.options.delete_files) return error_answer(403, "AccessDenied", "not entitled");
    remove_version(call, call.key, call.request.query_value("versionId"));
  } else {
    StoredVersion marker;
    marker.hide_marker = true;
    marker.modified = call.now;
    answer.headers = {{"x-amz-delete-marker", "true"}, {"x-amz-version-id", insert(call, std::move(marker))}};
  }
  return answer;
}

// The source that x-amz-copy-source names, or the refusal.
std::optional<HttpAnswer> copy_source_of(S3Call const& call, StoredVersion& source) {
  std::string path = uri_decode(call.request.header("x-amz-copy-source")).value_or("");
  if (path.starts_with('/')) path.erase(0, 1);
  auto const slash = path.find('/');
  if (slash == std::string::npos || path.substr(0, slash) != call.bucket)
    return error_answer(400, "InvalidArgument", "x-amz-copy-source is malformed or names another bucket");
  auto const found = find(call, path.substr(slash + 1), "");
  if (!found || found->hide_marker) return missing(call);
  if (auto const match = call.request.header("x-amz-copy-source-if-match");
      !match.empty() && match != quoted(found->etag))
    return error_answer(412, "PreconditionFailed",
                        "At least one of the pre-conditions you specified did not hold");
  source = *found;
  return std::nullopt;
}

HttpAnswer copy(S3Call const& call) {
  StoredVersion source;
  if (auto refusal = copy_source_of(call, source)) return *refusal;
  if (source.size >= 5'000'000'000)
    return error_answer(400, "InvalidRequest", "The copy source is larger than the maximum");
  source.modified = call.now;
  std::string const etag = source.etag;
  insert(call, std::move(source));
  return xml_answer("<CopyObjectResult><LastModified>" + format_iso8601(call.now) +
                    "</LastModified><ETag>&quot;" + etag + "&quot;</ETag></CopyObjectResult>");
}

HttpAnswer no_such_upload() {
  return error_answer(404, "NoSuchUpload", "The specified multipart upload does not exist.");
}

// Runs `use` on the upload that the request names, under the lock.
template <class Use>
HttpAnswer with_upload(S3Call const& call, Use use) {
  return *call.objects.with(call.bucket, [&](FakeBucket& bucket) {
    auto const at = bucket.uploads.find(call.request.query_value("uploadId"));
    if (at == bucket.uploads.end() || at->second.key != call.key) return no_such_upload();
    return use(bucket, at->second);
  });
}

HttpAnswer put_part(S3Call const& call) {
  unsigned number = 0;
  std::string const text = call.request.query_value("partNumber");
  std::from_chars(text.data(), text.data() + text.size(), number);
  if (number < 1 || number > 10'000)
    return error_answer(400, "InvalidArgument", "partNumber must be between 1 and 10,000");
  StoredPart part;
  bool const copied = !call.request.header("x-amz-copy-source").empty();
  if (copied) {
    StoredVersion source;
    if (auto refusal = copy_source_of(call, source)) return *refusal;
    auto const range = parse_range(call.request.header("x-amz-copy-source-range"), source.size);
    if (!range) return error_answer(416, "InvalidRange", "The requested range is not satisfiable");
    part.body = std::make_shared<std::string const>(bytes_of(source.pieces, *range));
    part.md5_hex = md5_hex(*part.body);
  } else {
    part.body = call.request.body;
    part.md5_hex = call.request.md5_hex.empty() ? md5_hex(*part.body) : call.request.md5_hex;
  }
  return with_upload(call, [&](FakeBucket&, StoredUpload& upload) {
    upload.parts[number] = part;
    if (copied)
      return xml_answer("<CopyPartResult><ETag>&quot;" + part.md5_hex + "&quot;</ETag></CopyPartResult>");
    HttpAnswer answer;
    answer.headers = {{"ETag", quoted(part.md5_hex)}};
    return answer;
  });
}

HttpAnswer begin_upload(S3Call const& call) {
  std::string const id = call.objects.next_id("upload");
  call.objects.with(call.bucket, [&](FakeBucket& bucket) {
    bucket.uploads[id] = {call.key, call.now, {}};
    return true;
  });
  return xml_answer("<InitiateMultipartUploadResult><Bucket>" + call.bucket + "</Bucket><Key>" +
                    html_escape(call.key) + "</Key><UploadId>" + id +
                    "</UploadId></InitiateMultipartUploadResult>");
}

// The parts are taken from the request's XML in the simplest way: it is what our own client writes.
HttpAnswer complete_upload(S3Call const& call) {
  std::vector<std::pair<unsigned, std::string>> wanted;
  std::string const& xml = *call.request.body;
  for (std::size_t at = xml.find("<PartNumber>"); at != std::string::npos;
       at = xml.find("<PartNumber>", at + 1)) {
    unsigned number = 0;
    std::from_chars(xml.data() + at + 12, xml.data() + xml.size(), number);
    auto const etag = xml.find("<ETag>", at);
    if (etag == std::string::npos) return error_answer(400, "MalformedXML", "a part without an ETag");
    std::string value = xml.substr(etag + 6, xml.find("</ETag>", etag) - etag - 6);
    std::erase(value, '"');
    wanted.emplace_back(number, value);
  }
  if (wanted.empty()) return error_answer(400, "MalformedXML", "no parts");
  StoredVersion version;
  std::string digests;
  auto answer = with_upload(call, [&](FakeBucket& bucket, StoredUpload& upload) {
    for (auto const& [number, etag] : wanted) {
      auto const part = upload.parts.find(number);
      if (part == upload.parts.end() || part->second.md5_hex != etag)
        return error_answer(400, "InvalidPart", "One or more of the specified parts could not be found.");
      if (number != wanted.back().first && part->second.body->size() < call.options.min_part_bytes)
        return error_answer(400, "EntityTooSmall",
                            "Your proposed upload is smaller than the minimum allowed size");
      version.pieces.push_back(part->second.body);
      version.size += part->second.body->size();
      digests += as_text(*from_hex(etag));
    }
    bucket.uploads.erase(call.request.query_value("uploadId"));
    return HttpAnswer{};
  });
  if (answer.status != 200) return answer;
  version.etag = md5_hex(digests) + "-" + std::to_string(wanted.size());
  version.modified = call.now;
  std::string const etag = version.etag;
  insert(call, std::move(version));
  return xml_answer("<CompleteMultipartUploadResult><Key>" + html_escape(call.key) + "</Key><ETag>&quot;" +
                    etag + "&quot;</ETag></CompleteMultipartUploadResult>");
}

HttpAnswer list_parts(S3Call const& call) {
  unsigned after = 0;
  std::string const text = call.request.query_value("part-number-marker");
  std::from_chars(text.data(), text.data() + text.size(), after);
  return with_upload(call, [&](FakeBucket&, StoredUpload& upload) {
    std::string parts;
    unsigned count = 0;
    unsigned last = 0;
    bool truncated = false;
    for (auto at = upload.parts.upper_bound(after); at != upload.parts.end(); ++at) {
      truncated = count == call.options.page_size;
      if (truncated) break;
      ++count;
      last = at->first;
      parts += "<Part><PartNumber>" + std::to_string(at->first) + "</PartNumber><ETag>&quot;" +
               at->second.md5_hex + "&quot;</ETag><Size>" + std::to_string(at->second.body->size()) +
               "</Size></Part>";
    }
    return xml_answer("<ListPartsResult><IsTruncated>" + std::string(truncated ? "true" : "false") +
                      "</IsTruncated><NextPartNumberMarker>" + std::to_string(last) +
                      "</NextPartNumberMarker>" + parts + "</ListPartsResult>");
  });
}

HttpAnswer abort_upload(S3Call const& call) {
  return with_upload(call, [&](FakeBucket& bucket, StoredUpload&) {
    bucket.uploads.erase(call.request.query_value("uploadId"));
    HttpAnswer answer;
    answer.status = 204;
    return answer;
  });
}

}  // namespace

void remove_version(S3Call const& call, std::string const& key, std::string const& version_id) {
  call.objects.with(call.bucket, [&](FakeBucket& bucket) {
    auto const at = bucket.objects.find(key);
    if (at == bucket.objects.end()) return false;
    std::erase_if(at->second, [&](StoredVersion const& version) { return version.id == version_id; });
    if (at->second.empty()) bucket.objects.erase(at);
    return true;
  });
}

HttpAnswer handle_object(S3Call const& call) {
  auto const& method = call.request.method;
  if (auto const problem = b2_key_problem(call.key); !problem.empty())
    return error_answer(400, "InvalidRequest", problem);
  if (method == "PUT" && call.has("partNumber")) return put_part(call);
  if (method == "PUT" && !call.request.header("x-amz-copy-source").empty()) return copy(call);
  if (method == "PUT") return put(call);
  if (method == "GET" && call.has("uploadId")) return list_parts(call);
  if (method == "GET" || method == "HEAD") return get(call);
  if (method == "DELETE" && call.has("uploadId")) return abort_upload(call);
  if (method == "DELETE") return remove(call);
  if (method == "POST" && call.has("uploads")) return begin_upload(call);
  if (method == "POST" && call.has("uploadId")) return complete_upload(call);
  return error_answer(405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
}

}  // namespace b2b::test
