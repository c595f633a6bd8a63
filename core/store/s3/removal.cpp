#include "core/store/s3/removal.h"

#include <algorithm>

#include "core/store/s3/xml.h"
#include "core/util/encoding.h"

namespace b2b::s3 {
namespace {

constexpr std::size_t batch_size = 1000;

struct Failures {
  std::uint64_t count = 0;
  std::optional<Error> first;

  void add(Error error) {
    ++count;
    if (!first) first = std::move(error);
  }
};

bool is_gone(std::string_view code) {
  return code == "NoSuchKey" || code == "NoSuchVersion";
}

Error problem_error(Client const& client, DeleteProblem const& problem) {
  // The status of the whole answer is 200; a problem without a code of its own counts as a refusal.
  unsigned const status = problem.code == "InternalError" ? 500 : problem.code == "SlowDown" ? 503 : 403;
  return error_of_answer(status, {problem.code, problem.message, ""},
                         {"delete", problem.key, client.settings().bucket});
}

Result<void> remove_one(Client& client, ObjectVersion const& version, std::stop_token const& stop) {
  Call call = client.call("DELETE", "delete", version.key);
  call.request.query.emplace_back("versionId", version.version_id);
  auto answer = client.send(call, stop);
  if (!answer && answer.error().condition != Condition::not_found) return std::move(answer).error();
  return {};
}

// The objects of one batch that could not be deleted, after all attempts.
Result<std::vector<DeleteProblem>> remove_batch(Client& client, std::string const& body,
                                                std::stop_token const& stop) {
  SpanSource const source(as_bytes(body));
  Call call = client.call("POST", "delete objects", "");
  call.request.query.emplace_back("delete", "");
  call.request.headers.emplace_back("Content-Type", "application/xml");
  call.body = &source;
  call.digest = digest_of(as_bytes(body));
  std::vector<DeleteProblem> problems;
  bool retryable = false;
  // Problems that may pass make the whole batch worth another attempt: deleting what is gone already
  // succeeds.
  call.check = [&](Answer const& answer) -> Result<void> {
    if (auto const remote = parse_error(answer.body))
      return error_of_answer(answer.status, *remote, call.about);
    B2B_ASSIGN(problems, parse_delete_result(answer.body));
    std::erase_if(problems, [](DeleteProblem const& p) { return is_gone(p.code); });
    for (auto const& problem : problems) {
      Error error = problem_error(client, problem);
      retryable = error.retryable;
      if (retryable) return error;
    }
    return {};
  };
  auto answer = client.send(call, stop);
  if (!answer && !(retryable && !problems.empty())) return std::move(answer).error();
  if (!answer && answer.error().condition == Condition::cancelled) return std::move(answer).error();
  return problems;
}

}  // namespace

std::string delete_request(std::span<ObjectVersion const> versions, std::vector<ObjectVersion>& left) {
  std::string out = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>";
  std::size_t const empty = out.size();
  for (auto const& version : versions) {
    auto const key = xml_escape(version.key);
    auto const id = xml_escape(version.version_id);
    if (!key || !id) {
      left.push_back(version);
      continue;
    }
    out += "<Object><Key>" + *key + "</Key><VersionId>" + *id + "</VersionId></Object>";
  }
  if (out.size() == empty) return {};
  return out + "</Delete>";
}

Result<void> remove_versions(Client& client, std::span<ObjectVersion const> versions,
                             std::stop_token const& stop) {
  for (auto const& version : versions)
    if (version.version_id.empty())
      return make_error(Condition::usage,
                        "the version of " + printable(version.key) + " to delete is not named", "",
                        version.key);
  Failures failures;
  while (!versions.empty()) {
    auto const batch = versions.first(std::min(versions.size(), batch_size));
    versions = versions.subspan(batch.size());
    std::vector<ObjectVersion> single;
    std::string const body = delete_request(batch, single);
    if (!body.empty()) {
      auto problems = remove_batch(client, body, stop);
      if (!problems) {
        failures.add(problems.error());
        failures.count += batch.size() - single.size() - 1;
        // What fails as a whole (no connection, no permission, a stop) fails for the rest, too.
        failures.count += versions.size() + single.size();
        break;
      }
      for (auto const& problem : *problems)
        failures.add(problem_error(client, problem));
    }
    for (auto const& version : single)
      if (auto removed = remove_one(client, version, stop); !removed) failures.add(removed.error());
  }
  if (!failures.first) return {};
  Error error = std::move(*failures.first);
  if (failures.count > 1)
    error.message += "; " + std::to_string(failures.count) + " objects could not be deleted in all";
  return error;
}

}  // namespace b2b::s3
