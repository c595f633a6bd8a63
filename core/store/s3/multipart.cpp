#include "core/store/s3/multipart.h"

#include <algorithm>
#include <map>

#include "core/store/s3/listing.h"
#include "core/store/s3/objects.h"
#include "core/store/s3/xml.h"
#include "core/util/encoding.h"
#include "core/util/log.h"

namespace b2b::s3 {
namespace {

using PartsByNumber = std::map<unsigned, Part>;

// Bytes of the budget, given back at the end of the scope.
class BudgetShare {
 public:
  BudgetShare(ByteBudget& budget, std::uint64_t bytes, std::stop_token const& stop)
      : budget_(budget), bytes_(bytes), taken_(budget.take(bytes, stop)) {}
  BudgetShare(BudgetShare const&) = delete;
  BudgetShare& operator=(BudgetShare const&) = delete;
  ~BudgetShare() {
    if (taken_) budget_.give_back(bytes_);
  }
  bool taken() const { return taken_; }

 private:
  ByteBudget& budget_;
  std::uint64_t bytes_;
  bool taken_;
};

Result<std::string> begin_upload(Client& client, std::string const& key, std::stop_token const& stop) {
  Call call = client.call("POST", "begin the upload of", key);
  call.request.query.emplace_back("uploads", "");
  std::string id;
  call.check = [&id](Answer const& answer) -> Result<void> {
    B2B_ASSIGN(id, parse_upload_id(answer.body));
    return {};
  };
  B2B_TRY(client.send(call, stop));
  return id;
}

Result<void> abort_upload(Client& client, std::string const& key, std::string const& id,
                          std::stop_token const& stop) {
  Call call = client.call("DELETE", "abort the upload of", key);
  call.request.query.emplace_back("uploadId", id);
  auto answer = client.send(call, stop);
  if (!answer && answer.error().condition != Condition::not_found) return std::move(answer).error();
  return {};
}

// A failure that another try of the same call may get over: then the parts are worth keeping.
bool worth_resuming(Error const& error) {
  return error.retryable || error.condition == Condition::cancelled ||
         error.condition == Condition::unreachable;
}

void abort_after(Error const& why, Client& client, std::string const& key, std::string const& id) {
  if (worth_resuming(why)) return;
  if (auto aborted = abort_upload(client, key, id, {}); !aborted)
    log_warning("parts of an upload that failed are left behind until they are cleared away: " +
                aborted.error().text());
}

Result<PartsByNumber> list_parts(Client& client, std::string const& key, std::string const& id,
                                 std::stop_token const& stop) {
  PartsByNumber out;
  std::string marker;
  for (;;) {
    Call call = client.call("GET", "list the parts of", key);
    call.request.query = {{"uploadId", id}, {"max-parts", "1000"}};
    if (!marker.empty()) call.request.query.emplace_back("part-number-marker", marker);
    PartsPage page;
    call.check = [&page](Answer const& answer) -> Result<void> {
      B2B_ASSIGN(page, parse_parts_page(answer.body));
      return {};
    };
    B2B_TRY(client.send(call, stop));
    for (auto& part : page.parts)
      out[part.number] = std::move(part);
    if (!page.truncated || page.next_part_number_marker == marker) return out;
    marker = page.next_part_number_marker;
  }
}

struct Resumable {
  std::string upload_id;  // empty: none
  PartsByNumber parts;
};

// What an interrupted upload of this key left. Not being allowed to look is no reason to fail.
Result<Resumable> find_resumable(Client& client, std::string const& key, std::stop_token const& stop) {
  std::optional<Upload> newest;
  auto listed = list_uploads(
      client, key,
      [&](Upload const& upload) {
        if (upload.key == key && (!newest || upload.initiated >= newest->initiated)) newest = upload;
        return true;
      },
      stop);
  Resumable out;
  if (listed && !newest) return out;
  if (listed) {
    auto parts = list_parts(client, key, newest->upload_id, stop);
    if (parts) {
      out.upload_id = newest->upload_id;
      out.parts = std::move(*parts);
      return out;
    }
    listed = std::move(parts).error();
  }
  if (worth_resuming(listed.error())) return std::move(listed).error();
  log_info("not looking for parts to use again: " + listed.error().text());
  return out;
}

Result<Part> put_part(Client& client, std::string const& key, std::string const& id, unsigned number,
                      std::span<std::uint8_t const> bytes, BodyDigest const& digest,
                      std::stop_token const& stop) {
  Call call = client.call("PUT", "store part " + std::to_string(number) + " of", key);
  call.request.query = {{"partNumber", std::to_string(number)}, {"uploadId", id}};
  SpanSource const source(bytes);
  call.body = &source;
  call.digest = digest;
  call.object_body = true;
  Part part{number, bytes.size(), to_hex(digest.md5.value())};
  call.check = [&](Answer const& answer) -> Result<void> {
    std::string const etag = without_quotes(find_header(answer.headers, "etag").value_or(""));
    if (etag.size() == 32 && from_hex(etag) && lower_case(etag) != part.etag) {
      Error error = make_error(Condition::transit, "the store received other bytes", "", key);
      error.retryable = true;
      return error;
    }
    if (!etag.empty()) part.etag = etag;
    return {};
  };
  B2B_TRY(client.send(call, stop));
  return part;
}

// Some stores know nothing of an upload that they completed, so a repeated request, after an answer that was
// lost, fails: then the object itself tells.
Result<ObjectInfo> complete_upload(Client& client, std::string const& key, std::string const& id,
                                   std::vector<Part> const& parts, std::stop_token const& stop) {
  std::string const body = complete_request(parts);
  SpanSource const source(as_bytes(body));
  Call call = client.call("POST", "complete the upload of", key);
  call.request.query.emplace_back("uploadId", id);
  call.request.headers.emplace_back("Content-Type", "application/xml");
  call.body = &source;
  call.digest = digest_of(as_bytes(body));
  ObjectInfo info;
  info.key = key;
  for (auto const& part : parts)
    info.size += part.size;
  call.check = [&](Answer const& answer) -> Result<void> {
    B2B_TRY(check_late_error(answer, call.about));
    B2B_ASSIGN(info.etag, parse_result_etag(answer.body));
    return {};
  };
  auto answer = client.send(call, stop);
  if (answer) {
    if (auto const date = client.server_time()) info.modified = *date;
    return info;
  }
  if (answer.error().remote_code != "NoSuchUpload") return std::move(answer).error();
  auto stored = head_object(client, key, stop);
  if (stored && stored->size == info.size) return stored;
  return std::move(answer).error();
}

}  // namespace

std::uint64_t part_size(std::uint64_t object_bytes, std::uint64_t wanted) {
  constexpr std::uint64_t mebibyte = 1 << 20;
  std::uint64_t const needed = (object_bytes + max_parts - 1) / max_parts;
  if (wanted >= needed) return wanted;
  return (needed + mebibyte - 1) / mebibyte * mebibyte;
}

std::string complete_request(std::vector<Part> const& parts) {
  std::string out = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (auto const& part : parts)
    out += "<Part><PartNumber>" + std::to_string(part.number) + "</PartNumber><ETag>\"" +
           xml_escape(part.etag).value_or("") + "\"</ETag></Part>";
  return out + "</CompleteMultipartUpload>";
}

Result<ObjectInfo> put_in_parts(Client& client, ByteBudget& buffers, std::string const& key,
                                ByteSource const& body, std::stop_token const& stop) {
  std::uint64_t const per_part = part_size(body.size(), client.settings().part_bytes);
  BudgetShare const share(buffers, per_part, stop);
  if (!share.taken()) return cancelled_error("the upload of " + printable(key));
  B2B_ASSIGN(Resumable old, find_resumable(client, key, stop));
  std::string id = old.upload_id;
  if (id.empty()) {
    B2B_ASSIGN(id, begin_upload(client, key, stop));
  } else {
    log_info("going on with the upload of " + printable(key) + ", of which the store holds " +
             std::to_string(old.parts.size()) + " parts");
  }
  auto const all = [&]() -> Result<ObjectInfo> {
    B2B_ASSIGN(auto const reader, body.open());
    std::vector<std::uint8_t> buffer(static_cast<std::size_t>(std::min(per_part, body.size())));
    std::vector<Part> parts;
    std::uint64_t left = body.size();
    for (unsigned number = 1; left > 0; ++number) {
      auto const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, per_part));
      std::span<std::uint8_t> const bytes(buffer.data(), wanted);
      B2B_ASSIGN(std::size_t const n, read_fully(*reader, bytes));
      if (n < wanted)
        return make_error(Condition::changed,
                          "the bytes to store as " + printable(key) + " became fewer while they were read",
                          "", key);
      left -= n;
      BodyDigest const digest = digest_of(bytes);
      auto const known = old.parts.find(number);
      if (known != old.parts.end() && known->second.size == n &&
          lower_case(known->second.etag) == to_hex(digest.md5.value())) {
        parts.push_back(known->second);
        continue;
      }
      B2B_ASSIGN(Part part, put_part(client, key, id, number, bytes, digest, stop));
      parts.push_back(std::move(part));
    }
    return complete_upload(client, key, id, parts, stop);
  };
  auto done = all();
  if (!done) abort_after(done.error(), client, key, id);
  return done;
}

Result<void> copy_in_parts(Client& client, ObjectInfo const& source, std::string const& to,
                           std::stop_token const& stop) {
  std::uint64_t const per_part = part_size(source.size, client.settings().copy_part_threshold_bytes);
  B2B_ASSIGN(std::string const id, begin_upload(client, to, stop));
  auto const all = [&]() -> Result<ObjectInfo> {
    std::vector<Part> parts;
    for (std::uint64_t at = 0; at < source.size; at += per_part) {
      Part part;
      part.number = static_cast<unsigned>(parts.size() + 1);
      part.size = std::min(per_part, source.size - at);
      Call call = client.call("PUT", "copy part " + std::to_string(part.number) + " of", to);
      call.request.query = {{"partNumber", std::to_string(part.number)}, {"uploadId", id}};
      call.request.headers = {{"X-Amz-Copy-Source", copy_source(client.settings().bucket, source.key)},
                              {"X-Amz-Copy-Source-Range",
                               "bytes=" + std::to_string(at) + "-" + std::to_string(at + part.size - 1)}};
      call.check = [&](Answer const& answer) -> Result<void> {
        B2B_TRY(check_late_error(answer, call.about));
        B2B_ASSIGN(part.etag, parse_result_etag(answer.body));
        return {};
      };
      B2B_TRY(client.send(call, stop));
      parts.push_back(std::move(part));
    }
    // The parts were taken one by one: the source must still be what it was at the start.
    B2B_ASSIGN(ObjectInfo const now, head_object(client, source.key, stop));
    if (now.etag != source.etag || now.size != source.size)
      return make_error(Condition::changed, printable(source.key) + " changed while it was copied", "",
                        source.key);
    return complete_upload(client, to, id, parts, stop);
  };
  auto done = all();
  if (done) return {};
  // A copy begins anew when it is tried again, so its parts are of no use.
  if (auto aborted = abort_upload(client, to, id, {}); !aborted)
    log_warning("parts of a copy that failed are left behind until they are cleared away: " +
                aborted.error().text());
  return std::move(done).error();
}

Result<std::uint64_t> abort_unfinished(Client& client, std::string const& prefix, TimePoint now,
                                       std::uint64_t older_than_seconds, std::stop_token const& stop) {
  std::uint64_t aborted = 0;
  std::vector<Upload> old;
  auto const age = std::chrono::seconds(std::min<std::uint64_t>(older_than_seconds, 100ULL * 366 * 86'400));
  B2B_TRY(list_uploads(
      client, prefix,
      [&](Upload const& upload) {
        if (now - upload.initiated >= age) old.push_back(upload);
        return old.size() < 10'000;  // the rest on the next occasion
      },
      stop));
  for (auto const& upload : old) {
    B2B_TRY(abort_upload(client, upload.key, upload.upload_id, stop));
    ++aborted;
  }
  return aborted;
}

}  // namespace b2b::s3
