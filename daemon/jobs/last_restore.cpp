#include "daemon/jobs/last_restore.h"

#include <boost/json.hpp>

#include "core/util/encoding.h"
#include "daemon/jobs/members.h"

namespace b2b::jobs {
namespace {

namespace json = boost::json;

constexpr std::string_view kept_under = "last-restore";

std::string undo_of(RestoreEnd const& end) {
  if (end.safety.empty()) return {};
  return "daemonctl restore " + end.safety + (end.around_gateway ? " --stop-gateway" : "");
}

}  // namespace

std::vector<std::string> restore_advice(RestoreEnd const& end) {
  std::vector<std::string> out;
  if (end.state != "done") return out;
  if (!end.safety.empty()) out.push_back("To undo it, with what was there before: " + undo_of(end));
  if (!end.quarantine.empty())
    out.push_back("What was set aside is in " + end.quarantine + ". Nobody removes it: delete it when you miss nothing");
  if (!end.whole_state) return out;
  out.emplace_back("A channel whose keys move on with each message (WhatsApp) may have to be linked again");
  out.emplace_back("Approvals and pairings are those of the snapshot: what was granted since is to be granted again, what was revoked since "
                   "is to be revoked again");
  out.emplace_back("Messages that waited for their delivery are not sent: those queues were emptied");
  return out;
}

json::object last_restore_answer(RestoreEnd const& end, TimePoint ended) {
  json::array advice;
  for (std::string const& line : restore_advice(end)) advice.emplace_back(printable(line));
  std::string const undo = undo_of(end);
  auto const or_null = [](std::string const& text) { return text.empty() ? json::value(nullptr) : json::value(printable(text)); };
  return {{"ended", format_iso8601(ended)},
          {"snapshot", printable(end.snapshot)},
          {"state", end.state},
          {"text", printable(end.text)},
          {"safety", or_null(end.safety)},
          {"undo", or_null(undo)},
          {"quarantine", or_null(end.quarantine)},
          {"advice", std::move(advice)}};
}

RestoreEnd restore_end_of(json::object const& answer, bool whole_state) {
  RestoreEnd end;
  end.snapshot = text_of(answer, "snapshot");
  end.safety = text_of(answer, "safety");
  end.quarantine = text_of(answer, "quarantine");
  end.whole_state = whole_state && (number_of(answer, "restored") > 0 || number_of(answer, "removed") > 0);
  end.text = "Snapshot " + end.snapshot + " was restored: " + counted(answer, "restored", "file", "files") + " came back, " +
             counted(answer, "removed", "was", "were") + " set aside.";
  std::size_t const count = list_of(answer, "failed").size();
  if (count > 0) end.text += " " + std::to_string(count) + (count == 1 ? " file" : " files") + " could not be restored.";
  return end;
}

Result<void> keep_last_restore(Index& index, json::object const& last) { return index.set_value(kept_under, json::serialize(last)); }

Result<std::optional<json::object>> last_restore(Index& index) {
  using Found = std::optional<json::object>;
  B2B_ASSIGN(auto const text, index.value(kept_under));
  if (!text) return Found();
  boost::system::error_code failed;
  auto const value = json::parse(*text, failed);
  if (failed || !value.is_object() || !parse_iso8601(text_of(value.get_object(), "ended"))) return Found();
  return Found(value.get_object());
}

}  // namespace b2b::jobs
