#include "core/store/s3/answers.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include "core/store/s3/xml.h"
#include "core/util/encoding.h"

namespace b2b::s3 {
namespace {

Error malformed(std::string_view what) {
  Error error =
      make_error(Condition::corrupt, "the store's answer is not a proper " + std::string(what) + " document",
                 "A proxy in between, or a server that is not S3, may have answered; check the endpoint.");
  error.retryable = true;
  return error;
}

// What happened at an element: its depth (1 is the root), its name, that of the element around it, and its
// text.
struct Element {
  bool ended = false;
  std::size_t depth = 0;
  std::string_view name;
  std::string_view parent;
  std::string_view text;
};

// Calls `visit` for each start and end; visit returns false to say that a value is malformed.
bool walk(std::string_view document, std::string_view root,
          std::function<bool(Element const&)> const& visit) {
  XmlReader reader(document);
  std::vector<std::string_view> path;
  for (;;) {
    auto const event = reader.next();
    if (event == XmlReader::Event::malformed) return false;
    if (event == XmlReader::Event::document_end) return true;
    Element element;
    element.ended = event == XmlReader::Event::end;
    element.name = reader.name();
    if (element.ended) {
      path.pop_back();
      element.text = reader.text();
    }
    element.depth = path.size() + 1;
    element.parent = path.empty() ? std::string_view{} : path.back();
    if (element.depth == 1 && !root.empty() && element.name != root) return false;
    if (!element.ended) path.push_back(element.name);
    if (!visit(element)) return false;
  }
}

bool to_number(std::string_view text, std::uint64_t& out) {
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

bool to_time(std::string_view text, TimePoint& out) {
  auto const parsed = parse_iso8601(text);
  if (parsed) out = *parsed;
  return parsed.has_value();
}

// encoding-type=url is form encoding on AWS and MinIO ('+' is a space), plain percent-encoding elsewhere; a
// literal '+' comes as %2B from all of them.
bool decode_name(std::string& name) {
  std::replace(name.begin(), name.end(), '+', ' ');
  auto decoded = uri_decode(name);
  if (!decoded) return false;
  name = std::move(*decoded);
  return true;
}

}  // namespace

std::string without_quotes(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

Result<ListPage> parse_list_page(std::string_view document) {
  ListPage page;
  bool url_encoded = false;
  bool const good = walk(document, "ListBucketResult", [&](Element const& e) {
    if (!e.ended) {
      if (e.depth == 2 && (e.name == "Contents" || e.name == "CommonPrefixes")) {
        page.entries.emplace_back();
        page.entries.back().is_prefix = e.name == "CommonPrefixes";
      }
      return true;
    }
    if (e.depth == 2) {
      if (e.name == "IsTruncated") page.truncated = e.text == "true";
      if (e.name == "NextContinuationToken") page.continuation_token = e.text;
      if (e.name == "EncodingType") url_encoded = e.text == "url";
    } else if (e.depth == 3 && e.parent == "Contents") {
      auto& object = page.entries.back().object;
      if (e.name == "Key") object.key = e.text;
      if (e.name == "Size") return to_number(e.text, object.size);
      if (e.name == "ETag") object.etag = without_quotes(e.text);
      if (e.name == "LastModified") return to_time(e.text, object.modified);
    } else if (e.depth == 3 && e.parent == "CommonPrefixes" && e.name == "Prefix") {
      page.entries.back().object.key = e.text;
    }
    return true;
  });
  if (!good || (page.truncated && page.continuation_token.empty())) return malformed("ListBucketResult");
  for (auto& entry : page.entries)
    if ((url_encoded && !decode_name(entry.object.key)) || entry.object.key.empty())
      return malformed("ListBucketResult");
  std::stable_sort(page.entries.begin(), page.entries.end(),
                   [](ListEntry const& a, ListEntry const& b) { return a.object.key < b.object.key; });
  return page;
}

Result<VersionsPage> parse_versions_page(std::string_view document) {
  VersionsPage page;
  bool url_encoded = false;
  bool const good = walk(document, "ListVersionsResult", [&](Element const& e) {
    bool const item = e.name == "Version" || e.name == "DeleteMarker";
    if (!e.ended) {
      if (e.depth == 2 && item) {
        page.versions.emplace_back();
        page.versions.back().hide_marker = e.name == "DeleteMarker";
      }
      return true;
    }
    if (e.depth == 2) {
      if (e.name == "IsTruncated") page.truncated = e.text == "true";
      if (e.name == "NextKeyMarker") page.next_key_marker = e.text;
      if (e.name == "NextVersionIdMarker") page.next_version_id_marker = e.text;
      if (e.name == "EncodingType") url_encoded = e.text == "url";
    } else if (e.depth == 3 && (e.parent == "Version" || e.parent == "DeleteMarker")) {
      auto& version = page.versions.back();
      if (e.name == "Key") version.key = e.text;
      if (e.name == "VersionId") version.version_id = e.text;
      if (e.name == "IsLatest") version.latest = e.text == "true";
      if (e.name == "Size" && !version.hide_marker) return to_number(e.text, version.size);
      if (e.name == "LastModified") return to_time(e.text, version.modified);
    }
    return true;
  });
  if (!good || (page.truncated && page.next_key_marker.empty() && page.versions.empty()))
    return malformed("ListVersionsResult");
  std::string const raw_marker = page.next_key_marker;
  if (url_encoded && !decode_name(page.next_key_marker)) page.next_key_marker = raw_marker;
  for (auto& version : page.versions)
    if ((url_encoded && !decode_name(version.key)) || version.key.empty())
      return malformed("ListVersionsResult");
  if (page.truncated && !page.versions.empty()) {
    // Some servers leave the marker unencoded, some leave it out; where it is the last name listed, that is
    // known exactly.
    auto const& last = page.versions.back();
    if (page.next_key_marker.empty()) page.next_version_id_marker = last.version_id;
    if (page.next_key_marker.empty() || raw_marker == last.key) page.next_key_marker = last.key;
  }
  return page;
}

Result<UploadsPage> parse_uploads_page(std::string_view document) {
  UploadsPage page;
  bool url_encoded = false;
  bool const good = walk(document, "ListMultipartUploadsResult", [&](Element const& e) {
    if (!e.ended) {
      if (e.depth == 2 && e.name == "Upload") page.uploads.emplace_back();
      return true;
    }
    if (e.depth == 2) {
      if (e.name == "IsTruncated") page.truncated = e.text == "true";
      if (e.name == "NextKeyMarker") page.next_key_marker = e.text;
      if (e.name == "NextUploadIdMarker") page.next_upload_id_marker = e.text;
      if (e.name == "EncodingType") url_encoded = e.text == "url";
    } else if (e.depth == 3 && e.parent == "Upload") {
      auto& upload = page.uploads.back();
      if (e.name == "Key") upload.key = e.text;
      if (e.name == "UploadId") upload.upload_id = e.text;
      if (e.name == "Initiated") return to_time(e.text, upload.initiated);
    }
    return true;
  });
  if (!good || (page.truncated && page.next_key_marker.empty()))
    return malformed("ListMultipartUploadsResult");
  std::string const raw_marker = page.next_key_marker;
  if (url_encoded && !decode_name(page.next_key_marker)) page.next_key_marker = raw_marker;
  for (auto& upload : page.uploads)
    if ((url_encoded && !decode_name(upload.key)) || upload.key.empty() || upload.upload_id.empty())
      return malformed("ListMultipartUploadsResult");
  if (page.truncated && !page.uploads.empty() && raw_marker == page.uploads.back().key)
    page.next_key_marker = raw_marker;
  return page;
}

Result<PartsPage> parse_parts_page(std::string_view document) {
  PartsPage page;
  bool const good = walk(document, "ListPartsResult", [&](Element const& e) {
    if (!e.ended) {
      if (e.depth == 2 && e.name == "Part") page.parts.emplace_back();
      return true;
    }
    if (e.depth == 2) {
      if (e.name == "IsTruncated") page.truncated = e.text == "true";
      if (e.name == "NextPartNumberMarker") page.next_part_number_marker = e.text;
    } else if (e.depth == 3 && e.parent == "Part") {
      auto& part = page.parts.back();
      if (e.name == "PartNumber") {
        std::uint64_t number = 0;
        if (!to_number(e.text, number) || number == 0 || number > 10'000) return false;
        part.number = static_cast<unsigned>(number);
      }
      if (e.name == "Size") return to_number(e.text, part.size);
      if (e.name == "ETag") part.etag = without_quotes(e.text);
    }
    return true;
  });
  if (!good || (page.truncated && page.next_part_number_marker.empty())) return malformed("ListPartsResult");
  return page;
}

std::optional<RemoteError> parse_error(std::string_view document) {
  RemoteError out;
  bool const good = walk(document, "Error", [&](Element const& e) {
    if (e.ended && e.depth == 2) {
      if (e.name == "Code") out.code = e.text;
      if (e.name == "Message") out.message = e.text;
      if (e.name == "RequestId") out.request_id = e.text;
    }
    return true;
  });
  if (!good || out.code.empty()) return std::nullopt;
  return out;
}

Result<std::vector<DeleteProblem>> parse_delete_result(std::string_view document) {
  std::vector<DeleteProblem> problems;
  bool const good = walk(document, "DeleteResult", [&](Element const& e) {
    if (!e.ended) {
      if (e.depth == 2 && e.name == "Error") problems.emplace_back();
      return true;
    }
    if (e.depth == 3 && e.parent == "Error") {
      auto& problem = problems.back();
      if (e.name == "Key") problem.key = e.text;
      if (e.name == "VersionId") problem.version_id = e.text;
      if (e.name == "Code") problem.code = e.text;
      if (e.name == "Message") problem.message = e.text;
    }
    return true;
  });
  if (!good) return malformed("DeleteResult");
  return problems;
}

Result<std::string> parse_upload_id(std::string_view document) {
  std::string id;
  bool const good = walk(document, "InitiateMultipartUploadResult", [&](Element const& e) {
    if (e.ended && e.depth == 2 && e.name == "UploadId") id = e.text;
    return true;
  });
  if (!good || id.empty()) return malformed("InitiateMultipartUploadResult");
  return id;
}

Result<std::string> parse_result_etag(std::string_view document) {
  std::string etag;
  std::string root;
  bool const good = walk(document, "", [&](Element const& e) {
    if (e.depth == 1) root = e.name;
    if (e.ended && e.depth == 2 && e.name == "ETag") etag = without_quotes(e.text);
    return true;
  });
  if (!good ||
      (root != "CompleteMultipartUploadResult" && root != "CopyObjectResult" && root != "CopyPartResult"))
    return malformed("result");
  return etag;
}

}  // namespace b2b::s3
