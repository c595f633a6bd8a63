// The jobs that only read: snapshots, ls, cat, diff, verify.
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "core/engine/browse.h"
#include "core/engine/hidden_snapshots.h"
#include "core/engine/pins.h"
#include "core/engine/verify.h"
#include "core/util/encoding.h"
#include "core/util/log.h"
#include "daemon/jobs/answers.h"
#include "daemon/jobs/jobs.h"
#include "daemon/jobs/last_check.h"
#include "daemon/jobs/read_from.h"

namespace b2b::jobs {
namespace {

namespace json = boost::json;

// Notes go into the answer; beside an error there is none.
Error failed(Error error, std::vector<std::string> const& notes) {
  for (std::string const& note : notes) log_warning(printable(note));
  return error;
}

// Collects rows up to the bounds.
class Rows {
 public:
  explicit Rows(std::string advice) : advice_(std::move(advice)) {}
  Result<void> add(json::object&& row) {
    bytes_ += row.at("path").as_string().size();
    if (rows_.size() >= rows_max || bytes_ > rows_max_bytes)
      return make_error(Condition::unsupported, "the list is too long for one answer (more than " +
                                                    std::to_string(rows_.size()) + " rows)", advice_);
    rows_.push_back(std::move(row));
    return {};
  }
  json::array take() { return std::move(rows_); }

 private:
  std::string advice_;
  json::array rows_;
  std::size_t bytes_ = 0;
};

// Keeps a file's content, up to the bound.
class ContentSink final : public ByteSink {
 public:
  Result<void> write(std::span<std::uint8_t const> bytes) override {
    if (bytes.size() > cat_max_bytes - text.size())
      return make_error(Condition::unsupported,
                        "the file is larger than the " + std::to_string(cat_max_bytes / 1'000'000) + " MB that fit into one answer",
                        "Bring it back with restore --path and --target, or print it with: daemonctl --direct cat");
    text.append(as_text(bytes));
    return {};
  }
  Result<void> restart() override {
    text.clear();
    return {};
  }
  std::string text;
};

// The list in front of the other members.
json::object with_rows(std::string_view name, json::array rows, json::object rest) {
  json::object out;
  out[name] = std::move(rows);
  for (auto& [key, value] : rest) out[key] = std::move(value);
  return out;
}

}  // namespace

Answer snapshots(EngineContext& now, json::object const& given) {
  B2B_ASSIGN(SnapshotsParameters const parameters, snapshots_parameters(given));
  B2B_ASSIGN(ReadFrom const from, ReadFrom::open(now, parameters.at));
  EngineContext& context = from.context();
  B2B_ASSIGN(BucketListing const listing, list_bucket(context, parameters.all));
  auto const pins = reachable_pins(context);
  // The snapshots can be listed all the same, if the key does not reach the pins.
  if (!pins && pins.error().condition != Condition::permission) return pins.error();
  json::array rows;
  for (ListedSnapshot const& snapshot : listing.snapshots) {
    if (!snapshot.has_manifest && !parameters.all) continue;
    json::object row = snapshot_answer(snapshot);
    if (pins && is_pinned(*pins, snapshot.info.id)) row["pinned"] = true;
    rows.push_back(std::move(row));
  }
  json::object answer{{"snapshots", std::move(rows)}};
  std::vector<std::string> warnings;
  if (!pins) warnings.push_back(pins.error().text());
  B2B_TRY(look_for_hidden_packed(context));
  if (listing.snapshots.empty() || parameters.all) {
    B2B_ASSIGN(std::string const hidden, hidden_snapshots(context));
    if (!hidden.empty()) warnings.push_back(hidden);
  }
  if (warnings.size() == (pins ? 0U : 1U)) {
    B2B_ASSIGN(auto hidden, known_hidden(*context.index, context.config));
    std::move(hidden.begin(), hidden.end(), std::back_inserter(warnings));
  }
  if (!from.hint().empty()) warnings.push_back(from.hint());
  if (!warnings.empty()) answer["warnings"] = texts_answer(warnings);
  if (parameters.all) answer["foreign"] = texts_answer(listing.foreign);
  answer["store"] = context.store->traits().name;
  answer["prefix"] = context.config.prefix;
  return answer;
}

Answer ls_rows(EngineContext& now, json::object const& given, RowVisitor const& visit) {
  B2B_ASSIGN(LsParameters const parameters, ls_parameters(given));
  B2B_ASSIGN(ReadFrom const from, ReadFrom::open(now, parameters.at));
  std::vector<std::string> notes;
  bool any = false;
  auto const id = list_entries(from.context(), parameters.snapshot, parameters.path,
                               [&](CatalogEntry const& row) -> Result<void> {
                                 any = true;
                                 return visit(entry_answer(row));
                               },
                               notes);
  if (!id) return failed(id.error(), notes);
  if (!any && !parameters.path.empty())
    return failed(make_error(Condition::not_found, "snapshot " + id->text + " holds nothing under " + printable(parameters.path),
                             "ls " + id->text + " without a path shows all it holds"),
                  notes);
  return json::object{{"snapshot", id->text}, {"notes", texts_answer(notes)}};
}

Answer ls(EngineContext& context, json::object const& given) {
  Rows rows("Name a folder of the snapshot, or list it with: daemonctl --direct ls");
  B2B_ASSIGN(json::object rest, ls_rows(context, given, [&](json::object&& row) { return rows.add(std::move(row)); }));
  return with_rows("entries", rows.take(), std::move(rest));
}

Answer diff_rows(EngineContext& now, json::object const& given, RowVisitor const& visit) {
  B2B_ASSIGN(DiffParameters const parameters, diff_parameters(given));
  B2B_ASSIGN(ReadFrom const from, ReadFrom::open(now, parameters.at));
  std::vector<std::string> notes;
  auto const done = diff_snapshots(from.context(), parameters.first, parameters.second,
                                   [&](Difference const& difference) { return visit(difference_answer(difference)); }, notes);
  if (!done) return failed(done.error(), notes);
  return json::object{{"notes", texts_answer(notes)}};
}

Answer diff(EngineContext& context, json::object const& given) {
  Rows rows("Compare them with: daemonctl --direct diff");
  B2B_ASSIGN(json::object rest, diff_rows(context, given, [&](json::object&& row) { return rows.add(std::move(row)); }));
  return with_rows("changes", rows.take(), std::move(rest));
}

Result<void> cat_content(EngineContext& now, json::object const& given, ByteSink& sink) {
  B2B_ASSIGN(CatParameters const parameters, cat_parameters(given));
  B2B_ASSIGN(ReadFrom const from, ReadFrom::open(now, parameters.at));
  return cat_file(from.context(), parameters.snapshot, parameters.path, sink);
}

Answer cat(EngineContext& now, json::object const& given) {
  B2B_ASSIGN(CatParameters const parameters, cat_parameters(given));
  B2B_ASSIGN(ReadFrom const from, ReadFrom::open(now, parameters.at));
  ContentSink sink;
  B2B_TRY(cat_file(from.context(), parameters.snapshot, parameters.path, sink));
  return json::object{{"path", printable(parameters.path)},
                      {"size", sink.text.size()},
                      {"contentBase64", to_base64(as_bytes(sink.text))}};
}

Answer verify(EngineContext& context, json::object const& given) {
  B2B_ASSIGN(VerifyParameters const parameters, verify_parameters(given));
  VerifyOptions options;
  options.snapshot = parameters.snapshot;
  options.read_data = parameters.read_data;
  options.read_percent = parameters.read_percent;
  B2B_ASSIGN(VerifyReport const report, b2b::verify(context, options));
  if (options.snapshot.empty() && report.problems.empty()) {
    B2B_TRY(mend_last_check(context, CheckKind::presence));
    if (options.read_data && options.read_percent >= 100) B2B_TRY(mend_last_check(context, CheckKind::content));
  }
  return verify_answer(report);
}

}  // namespace b2b::jobs
