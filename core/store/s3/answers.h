// The documents that S3 answers with, as values. Pure: each parser takes a whole document (the transport
// bounds its size) and fails with Condition::corrupt when it is not what it should be. Element names: "Amazon
// S3 API Reference".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/store.h"

namespace b2b::s3 {

// Lists are asked for with encoding-type=url; names come out of here decoded.
struct ListPage {
  std::vector<ListEntry> entries;  // objects and common prefixes, merged in byte order
  bool truncated = false;
  std::string continuation_token;
};
Result<ListPage> parse_list_page(std::string_view document);

struct VersionsPage {
  std::vector<ObjectVersion> versions;  // as listed: by key, newest first
  bool truncated = false;
  std::string next_key_marker;
  std::string next_version_id_marker;
};
Result<VersionsPage> parse_versions_page(std::string_view document);

struct Upload {
  std::string key;
  std::string upload_id;
  TimePoint initiated{};
};
struct UploadsPage {
  std::vector<Upload> uploads;
  bool truncated = false;
  std::string next_key_marker;
  std::string next_upload_id_marker;
};
Result<UploadsPage> parse_uploads_page(std::string_view document);

struct Part {
  unsigned number = 0;
  std::uint64_t size = 0;
  std::string etag;  // without quotes
};
struct PartsPage {
  std::vector<Part> parts;
  bool truncated = false;
  std::string next_part_number_marker;
};
Result<PartsPage> parse_parts_page(std::string_view document);

struct RemoteError {
  std::string code;
  std::string message;
  std::string request_id;
};
// Nothing when the document is not an <Error> (an HTML page from a proxy, an empty body).
std::optional<RemoteError> parse_error(std::string_view document);

struct DeleteProblem {
  std::string key;
  std::string version_id;
  std::string code;
  std::string message;
};
Result<std::vector<DeleteProblem>> parse_delete_result(std::string_view document);

Result<std::string> parse_upload_id(std::string_view document);  // InitiateMultipartUploadResult

// CompleteMultipartUploadResult, CopyObjectResult, CopyPartResult: the ETag without quotes (radosgw: may be
// empty).
Result<std::string> parse_result_etag(std::string_view document);

std::string without_quotes(std::string_view etag);

}  // namespace b2b::s3
