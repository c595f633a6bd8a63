#include "daemon/jobs/last_check.h"

#include <algorithm>
#include <boost/json.hpp>
#include <set>
#include <utility>

#include "core/util/encoding.h"
#include "daemon/jobs/members.h"

namespace b2b::jobs {
namespace {

namespace json = boost::json;

constexpr std::size_t problems_kept = 20;

std::string kept_under(CheckKind kind) { return "last-check:" + std::string(check_kind_name(kind)); }

std::string_view remedy_name(Remedy remedy) {
  switch (remedy) {
    case Remedy::repair: return "repair";
    case Remedy::push: return "push";
    case Remedy::look_back: return "look-back";
    case Remedy::keys: return "keys";
  }
  return "repair";
}

json::object problem_answer(VerifyProblem const& problem, TimePoint found) {
  return {{"snapshot", problem.snapshot},
          {"path", printable(problem.path)},
          {"problem", printable(problem.problem)},
          {"remedy", remedy_name(problem.remedy)},
          {"found", format_iso8601(found)}};
}

// Of a problem that was found before: does that which it is about still exist?
bool still_matters(json::object const& problem, CheckReport const& report) {
  if (text_of(problem, "remedy") == "look-back") return false;  // each check looks for all that is gone or hidden
  std::string const snapshot = text_of(problem, "snapshot");
  if (!snapshot.empty()) return report.listed.contains(snapshot);
  std::string const path = text_of(problem, "path");
  return !report.packs || path.find(".repo/packs/") == std::string::npos || report.packs->contains(path);
}

// All the ways out of what was found.
std::string advice(CheckKind kind, json::object const& answer) {
  std::set<std::string> remedies;
  for (json::value const& item : list_of(answer, "problems")) remedies.insert(text_of(as_object(item), "remedy"));
  bool const gone = remedies.erase("look-back") > 0;
  bool const keys = remedies.erase("keys") > 0;
  bool const plugin = remedies.erase("push") > 0;
  std::string out;
  auto const add = [&out](std::string const& sentence) { out += ". " + sentence; };
  if (gone) add("Before you run daemonctl verify, which forgets snapshots that are gone: " + text_of(answer, "wayBack"));
  if (keys) add("Check encryptionKey (or applicationKey) and decryptionKeys: daemonctl config check");
  if (plugin || !remedies.empty())
    add(std::string("All that is affected: daemonctl verify") + (kind == CheckKind::content ? " --read-data" : ""));
  if (!remedies.empty()) add("To store again what this machine still has: daemonctl repair");
  if (plugin)
    add("In the layout plugin the next backup (daemonctl push) stores again what is missing, and a file that is damaged when it changes; until then "
        "another snapshot may have it whole");
  return out;
}

std::string where(json::object const& problem) {
  std::string const snapshot = text_of(problem, "snapshot");
  std::string const path = text_of(problem, "path");
  if (snapshot.empty()) return path;
  return path.empty() ? "snapshot " + snapshot : path + " in snapshot " + snapshot;
}

void settle(CheckKind kind, json::object& answer) {
  answer["outcome"] = number_of(answer, "problemCount") == 0 ? "fine" : "damaged";
  answer["text"] = check_text(kind, answer);
}

}  // namespace

std::string check_target(Config const& config) { return config.endpoint + " " + config.bucket + " " + config.prefix; }

json::object check_answer(CheckKind kind, CheckReport const& report, TimePoint when, json::object const* before) {
  json::array problems;
  std::set<std::pair<std::string, std::string>> known;
  for (VerifyProblem const& problem : report.problems) {
    known.emplace(problem.snapshot, printable(problem.path));
    if (problems.size() < problems_kept) problems.push_back(problem_answer(problem, when));
  }
  std::uint64_t count = report.problems.size();
  if (kind == CheckKind::content && before != nullptr) {
    for (json::value const& item : list_of(*before, "problems")) {
      json::object const& problem = as_object(item);
      if (!still_matters(problem, report)) continue;
      if (!known.emplace(text_of(problem, "snapshot"), text_of(problem, "path")).second) continue;
      ++count;
      if (problems.size() < problems_kept) problems.push_back(problem);
    }
  }
  json::object out{{"time", format_iso8601(when)},
                   {"snapshots", report.snapshots},
                   {"objects", report.objects}};
  if (kind == CheckKind::content) {
    out["snapshot"] = report.snapshot ? json::value(report.snapshot->text) : json::value(nullptr);
    out["bytesRead"] = report.bytes_read;
    out["filesRestored"] = report.files_restored;
  }
  out["wayBack"] = report.way_back;
  out["problems"] = std::move(problems);
  out["problemCount"] = count;
  settle(kind, out);
  return out;
}

std::string check_text(CheckKind kind, json::object const& answer) {
  std::uint64_t const count = number_of(answer, "problemCount");
  json::array const& problems = list_of(answer, "problems");
  if (count == 0 || problems.empty()) return "all is well";
  json::object const& first = as_object(problems.front());
  std::string const place = where(first);
  bool const keys_only = std::all_of(problems.begin(), problems.end(), [](json::value const& item) { return text_of(as_object(item), "remedy") == "keys"; });
  std::string text = (keys_only ? "what is stored cannot be opened. " : "what is stored is damaged. ") + place + (place.empty() ? "" : ": ") + text_of(first, "problem");
  if (count > 1) text += "; and " + std::to_string(count - 1) + " more";
  return text + advice(kind, answer);
}

bool found_damage(json::object const& answer) { return text_of(answer, "outcome") == "damaged"; }

Result<void> keep_last_check(Index& index, CheckKind kind, std::string const& target, json::object const& answer) {
  json::object kept = answer;
  kept["target"] = target;
  return index.set_value(kept_under(kind), json::serialize(kept));
}

Result<std::optional<json::object>> last_check(Index& index, CheckKind kind, std::string const& target) {
  using Found = std::optional<json::object>;
  B2B_ASSIGN(auto const text, index.value(kept_under(kind)));
  if (!text) return Found();
  boost::system::error_code failed;
  json::value value = json::parse(*text, failed);
  if (failed || !value.is_object()) return Found();
  json::object& kept = value.get_object();
  if (text_of(kept, "target") != target || !parse_iso8601(text_of(kept, "time"))) return Found();
  kept.erase("target");
  return Found(std::move(kept));
}

Result<void> mend_last_check(EngineContext& context, CheckKind kind) {
  std::string const target = check_target(context.config);
  B2B_ASSIGN(auto kept, last_check(*context.index, kind, target));
  if (!kept || !found_damage(*kept)) return {};
  (*kept)["problems"] = json::array();
  (*kept)["problemCount"] = 0;
  (*kept)["wayBack"] = "";
  settle(kind, *kept);
  return keep_last_check(*context.index, kind, target, *kept);
}

}  // namespace b2b::jobs
