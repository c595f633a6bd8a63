#include "core/store/s3/listing.h"

namespace b2b::s3 {
namespace {

// A store whose marker does not move would be asked for the same page for ever.
Error stuck(std::string const& bucket) {
  return make_error(Condition::corrupt,
                    "the list of bucket " + bucket + " does not go on: the store gives the same marker again",
                    "This is a fault of the store.");
}

Call list_call(Client& client, std::string const& prefix) {
  Call call = client.call("GET", "list", "");
  call.about.subject = prefix;
  call.request.query.emplace_back("encoding-type", "url");
  call.request.query.emplace_back("max-keys", "1000");
  if (!prefix.empty()) call.request.query.emplace_back("prefix", prefix);
  return call;
}

}  // namespace

Result<void> list_objects(Client& client, ListOptions const& options,
                          std::function<bool(ListEntry const&)> const& visit, std::stop_token const& stop) {
  std::string token;
  std::string last = options.start_after;  // some servers give a common prefix that is not after it
  for (;;) {
    Call call = list_call(client, options.prefix);
    call.request.query.emplace_back("list-type", "2");
    if (options.delimiter) call.request.query.emplace_back("delimiter", "/");
    if (!options.start_after.empty()) call.request.query.emplace_back("start-after", options.start_after);
    if (!token.empty()) call.request.query.emplace_back("continuation-token", token);
    ListPage page;
    call.check = [&page](Answer const& answer) -> Result<void> {
      B2B_ASSIGN(page, parse_list_page(answer.body));
      return {};
    };
    B2B_TRY(client.send(call, stop));
    for (auto const& entry : page.entries) {
      if (!last.empty() && entry.object.key <= last) continue;
      last = entry.object.key;
      if (!visit(entry)) return {};
      if (stop.stop_requested()) return cancelled_error("the list");
    }
    if (!page.truncated) return {};
    if (page.continuation_token == token) return stuck(client.settings().bucket);
    token = page.continuation_token;
  }
}

Result<void> list_versions(Client& client, std::string const& prefix,
                           std::function<bool(ObjectVersion const&)> const& visit,
                           std::stop_token const& stop) {
  std::string key_marker;
  std::string version_marker;
  for (;;) {
    Call call = list_call(client, prefix);
    call.request.query.emplace_back("versions", "");
    if (!key_marker.empty()) call.request.query.emplace_back("key-marker", key_marker);
    if (!version_marker.empty()) call.request.query.emplace_back("version-id-marker", version_marker);
    VersionsPage page;
    call.check = [&page](Answer const& answer) -> Result<void> {
      B2B_ASSIGN(page, parse_versions_page(answer.body));
      return {};
    };
    B2B_TRY(client.send(call, stop));
    for (auto const& version : page.versions) {
      if (!visit(version)) return {};
      if (stop.stop_requested()) return cancelled_error("the list");
    }
    if (!page.truncated) return {};
    if (page.next_key_marker == key_marker && page.next_version_id_marker == version_marker)
      return stuck(client.settings().bucket);
    key_marker = page.next_key_marker;
    version_marker = page.next_version_id_marker;
  }
}

Result<void> list_uploads(Client& client, std::string const& prefix,
                          std::function<bool(Upload const&)> const& visit, std::stop_token const& stop) {
  std::string key_marker;
  std::string upload_marker;
  for (;;) {
    Call call = client.call("GET", "list unfinished uploads", "");
    call.about.subject = prefix;
    call.request.query = {{"uploads", ""}, {"encoding-type", "url"}, {"max-uploads", "1000"}};
    if (!prefix.empty()) call.request.query.emplace_back("prefix", prefix);
    if (!key_marker.empty()) call.request.query.emplace_back("key-marker", key_marker);
    if (!upload_marker.empty()) call.request.query.emplace_back("upload-id-marker", upload_marker);
    UploadsPage page;
    call.check = [&page](Answer const& answer) -> Result<void> {
      B2B_ASSIGN(page, parse_uploads_page(answer.body));
      return {};
    };
    B2B_TRY(client.send(call, stop));
    for (auto const& upload : page.uploads)
      if (!visit(upload)) return {};
    if (!page.truncated) return {};
    if (page.next_key_marker == key_marker && page.next_upload_id_marker == upload_marker)
      return stuck(client.settings().bucket);
    key_marker = page.next_key_marker;
    upload_marker = page.next_upload_id_marker;
  }
}

}  // namespace b2b::s3
