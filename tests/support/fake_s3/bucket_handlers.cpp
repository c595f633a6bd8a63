// The S3 operations on a bucket: lists of objects, versions and uploads, and the deletion of many objects.
#include <array>
#include <cstdio>
#include <set>

#include "core/util/encoding.h"
#include "tests/support/fake_s3/handlers.h"

namespace b2b::test {
namespace {

std::string element(std::string const& name, std::string const& value) {
  return "<" + name + ">" + value + "</" + name + ">";
}

// Names in lists: form-encoded when asked for, as AWS does it.
std::string name_text(S3Call const& call, std::string const& name) {
  if (call.request.query_value("encoding-type") != "url") return html_escape(name);
  std::string encoded = uri_encode(name, true);
  for (std::size_t at = encoded.find("%20"); at != std::string::npos; at = encoded.find("%20", at))
    encoded.replace(at, 3, "+");
  return encoded;
}

unsigned page_size(S3Call const& call, std::string const& parameter) {
  std::string const asked = call.request.query_value(parameter);
  unsigned const number = asked.empty() ? call.options.page_size
                                        : static_cast<unsigned>(std::strtoul(asked.c_str(), nullptr, 10));
  return std::min(number, call.options.page_size);
}

std::string head_of_list(S3Call const& call, bool truncated) {
  std::string out = element("Name", call.bucket) +
                    element("Prefix", name_text(call, call.request.query_value("prefix"))) +
                    element("IsTruncated", truncated ? "true" : "false");
  if (call.has("encoding-type")) out += element("EncodingType", call.request.query_value("encoding-type"));
  return out;
}

// Version 1 (marker) and 2 (continuation-token, start-after) of the list of objects.
HttpAnswer list_objects(S3Call const& call) {
  std::string const prefix = call.request.query_value("prefix");
  std::string const delimiter = call.request.query_value("delimiter");
  bool const second = call.request.query_value("list-type") == "2";
  std::string after = call.request.query_value(second ? "start-after" : "marker");
  if (second && call.has("continuation-token"))
    after =
        std::string(as_text(from_base64(call.request.query_value("continuation-token")).value_or(Bytes{})));
  unsigned const limit = page_size(call, "max-keys");
  std::string items;
  std::string last;
  std::set<std::string> prefixes;
  unsigned count = 0;
  bool truncated = false;
  call.objects.with(call.bucket, [&](FakeBucket& bucket) {
    for (auto at = bucket.objects.lower_bound(prefix);
         at != bucket.objects.end() && at->first.starts_with(prefix); ++at) {
      auto const& version = at->second.front();
      if (version.hide_marker || at->first <= after) continue;
      std::string group;
      if (!delimiter.empty())
        if (auto const end = at->first.find(delimiter, prefix.size()); end != std::string::npos)
          group = at->first.substr(0, end + delimiter.size());
      if (!group.empty() && (prefixes.contains(group) || group <= after)) continue;
      if (count == limit) {
        truncated = true;
        break;
      }
      ++count;
      if (group.empty()) {
        last = at->first;
        items += "<Contents>" + element("Key", name_text(call, at->first)) +
                 element("LastModified", format_iso8601(version.modified)) +
                 element("ETag", "&quot;" + version.etag + "&quot;") +
                 element("Size", std::to_string(version.size)) +
                 "<StorageClass>STANDARD</StorageClass></Contents>";
      } else {
        last = group;
        prefixes.insert(group);
        items += "<CommonPrefixes>" + element("Prefix", name_text(call, group)) + "</CommonPrefixes>";
      }
    }
    return true;
  });
  std::string out = head_of_list(call, truncated) + element("KeyCount", std::to_string(count));
  if (truncated && second) out += element("NextContinuationToken", to_base64(as_bytes(last)));
  if (truncated && !second) out += element("NextMarker", name_text(call, last));
  return xml_answer("<ListBucketResult>" + out + items + "</ListBucketResult>");
}

HttpAnswer list_versions(S3Call const& call) {
  std::string const prefix = call.request.query_value("prefix");
  std::string const key_marker = call.request.query_value("key-marker");
  std::string const id_marker = call.request.query_value("version-id-marker");
  unsigned const limit = page_size(call, "max-keys");
  std::string items;
  std::string last_key;
  std::string last_id;
  unsigned count = 0;
  bool truncated = false;
  call.objects.with(call.bucket, [&](FakeBucket& bucket) {
    for (auto at = bucket.objects.lower_bound(prefix);
         at != bucket.objects.end() && at->first.starts_with(prefix); ++at) {
      bool passed = at->first > key_marker;
      if (!passed && (at->first < key_marker || id_marker.empty())) continue;
      for (auto const& version : at->second) {
        if (!passed) {
          passed = version.id == id_marker;
          continue;
        }
        if (count == limit) {
          truncated = true;
          return true;
        }
        ++count;
        last_key = at->first;
        last_id = version.id;
        std::string const kind = version.hide_marker ? "DeleteMarker" : "Version";
        items += "<" + kind + ">" + element("Key", name_text(call, at->first)) +
                 element("VersionId", version.id) +
                 element("IsLatest", &version == &at->second.front() ? "true" : "false") +
                 element("LastModified", format_iso8601(version.modified));
        if (!version.hide_marker)
          items += element("ETag", "&quot;" + version.etag + "&quot;") +
                   element("Size", std::to_string(version.size));
        items += "</" + kind + ">";
      }
    }
    return true;
  });
  std::string out = head_of_list(call, truncated);
  if (truncated)
    out += element("NextKeyMarker", name_text(call, last_key)) + element("NextVersionIdMarker", last_id);
  return xml_answer("<ListVersionsResult>" + out + items + "</ListVersionsResult>");
}

HttpAnswer list_uploads(S3Call const& call) {
  std::string const prefix = call.request.query_value("prefix");
  auto const marker =
      std::make_pair(call.request.query_value("key-marker"), call.request.query_value("upload-id-marker"));
  unsigned const limit = page_size(call, "max-uploads");
  std::string items;
  std::pair<std::string, std::string> last;
  unsigned count = 0;
  bool truncated = false;
  call.objects.with(call.bucket, [&](FakeBucket& bucket) {
    std::map<std::pair<std::string, std::string>, TimePoint> sorted;
    for (auto const& [id, upload] : bucket.uploads)
      if (upload.key.starts_with(prefix)) sorted[{upload.key, id}] = upload.initiated;
    for (auto const& [name, initiated] : sorted) {
      if (!marker.first.empty() && name <= marker) continue;
      truncated = count == limit;
      if (truncated) break;
      ++count;
      last = name;
      items += "<Upload>" + element("Key", name_text(call, name.first)) + element("UploadId", name.second) +
               element("Initiated", format_iso8601(initiated)) + "</Upload>";
    }
    return true;
  });
  std::string out = head_of_list(call, truncated);
  if (truncated)
    out += element("NextKeyMarker", name_text(call, last.first)) + element("NextUploadIdMarker", last.second);
  return xml_answer("<ListMultipartUploadsResult>" + out + items + "</ListMultipartUploadsResult>");
}

std::string unescape(std::string text) {
  static std::array<std::pair<std::string, std::string>, 6> const entities = {
      {{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#9;", "\t"}, {"&#13;", "\r"}, {"&amp;", "&"}}};
  for (auto const& [entity, plain] : entities)
    for (std::size_t at = text.find(entity); at != std::string::npos;
         at = text.find(entity, at + plain.size()))
      text.replace(at, entity.size(), plain);
  return text;
}

HttpAnswer delete_many(S3Call const& call) {
  std::string const& xml = *call.request.body;
  auto const value = [&](std::string const& name, std::size_t from, std::size_t to) {
    auto const begin = xml.find("<" + name + ">", from);
    if (begin == std::string::npos || begin >= to) return std::string();
    auto const start = begin + name.size() + 2;
    return unescape(xml.substr(start, xml.find("</" + name + ">", start) - start));
  };
  std::vector<std::pair<std::string, std::string>> wanted;
  for (std::size_t at = xml.find("<Object>"); at != std::string::npos; at = xml.find("<Object>", at + 1)) {
    auto const end = xml.find("</Object>", at);
    if (end == std::string::npos) return error_answer(400, "MalformedXML", "an object is not closed");
    wanted.emplace_back(value("Key", at, end), value("VersionId", at, end));
  }
  if (wanted.empty() || wanted.size() > 1000)
    return error_answer(400, "MalformedXML", "1 to 1,000 objects are allowed");
  std::string refused;
  for (auto const& [key, id] : wanted) {
    if (id.empty()) return error_answer(400, "InvalidRequest", "this server deletes by version only");
    if (call.options.delete_files)
      remove_version(call, key, id);
    else
      refused += "<Error>" + element("Key", html_escape(key)) + element("VersionId", id) + element("Code", "AccessDenied") +
                 element("Message", "not entitled") + "</Error>";
  }
  return xml_answer("<DeleteResult>" + refused + "</DeleteResult>");
}

}  // namespace

HttpAnswer xml_answer(std::string const& body) {
  HttpAnswer answer;
  answer.headers = {{"Content-Type", "application/xml"}};
  answer.set_body("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + body);
  return answer;
}

HttpAnswer handle_bucket(S3Call const& call) {
  auto const& method = call.request.method;
  if (method == "HEAD")
    return call.options.list_buckets ? HttpAnswer{} : error_answer(403, "AccessDenied", "");
  if (method == "PUT") return HttpAnswer{};
  if (method == "POST" && call.has("delete")) return delete_many(call);
  if (method != "GET")
    return error_answer(405, "MethodNotAllowed",
                        "The specified method is not allowed against this resource.");
  if (call.has("location"))
    return xml_answer("<LocationConstraint>" + call.options.region + "</LocationConstraint>");
  if (call.has("versioning"))
    return xml_answer("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
  if (call.has("versions")) return list_versions(call);
  if (call.has("uploads")) return list_uploads(call);
  return list_objects(call);
}

}  // namespace b2b::test
