// The routes of the control API: what is asked, checked, handed to the coordinator's lanes, and answered when it is done.
// docs/control-api.md describes them, docs/openapi.json is what a test compares them with.
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>

#include "core/gateway/probe.h"
#include "core/util/log.h"
#include "daemon/jobs/answers.h"
#include "daemon/jobs/jobs.h"
#include "daemon/service/service.h"

namespace b2b::service {
namespace {

namespace json = boost::json;
using control::Request;
using control::Responder;

constexpr std::chrono::milliseconds default_notify_deadline{8'000};
constexpr std::int64_t longest_notify_deadline_ms = 30'000;
constexpr std::size_t room_for_path_bytes = 512 * 1024;  // escaped, at its longest
static_assert(jobs::cat_max_bytes / 3 * 4 + room_for_path_bytes <= control::Limits{}.answer_max_bytes);

// A responder that several callbacks share; the first answer counts.
class OnceAnswer {
 public:
  explicit OnceAnswer(Responder responder) : responder_(std::move(responder)) {}
  void ok(json::object answer) {
    if (take()) responder_.ok(std::move(answer));
  }
  void fail(Error const& error) {
    if (take()) responder_.fail(error);
  }

 private:
  bool take() { return !answered_.exchange(true); }
  std::atomic<bool> answered_{false};
  Responder responder_;
};

void answer(Responder& responder, Result<json::object> const& result) {
  if (result) {
    responder.ok(*result);
  } else {
    responder.fail(result.error());
  }
}

using JobFunction = jobs::Answer (*)(EngineContext&, json::object const&);

// Runs a job and answers with what it says.
void run_job(Service& service, Lane lane, std::string what, JobFunction function, json::object parameters, Responder responder) {
  auto const shared = std::make_shared<Responder>(std::move(responder));
  service.coordinator().run(
      lane, std::move(what),
      [function, parameters = std::move(parameters)](EngineContext& context) { return function(context, parameters); },
      [shared](Result<json::object> const& result) { answer(*shared, result); });
}

// POST with the job's parameters as its body.
control::Handler job_route(Service& service, Lane lane, std::string what, JobFunction function) {
  return [&service, lane, what = std::move(what), function](Request const& request, Responder responder) {
    auto parameters = request.json();
    if (!parameters) return responder.fail(parameters.error());
    run_job(service, lane, what, function, std::move(*parameters), std::move(responder));
  };
}

void push(Service& service, Request const& request, Responder responder) {
  auto given = request.json();
  if (!given) return responder.fail(given.error());
  auto const parameters = jobs::push_parameters(*given);
  if (!parameters) return responder.fail(parameters.error());
  if (parameters->dry_run) {
    given->erase("wait");
    return run_job(service, Lane::reading, "push --dry-run", jobs::push, std::move(*given), std::move(responder));
  }
  if (!parameters->wait) {
    service.push(PushJob{});
    return responder.ok({{"accepted", true}});
  }
  auto const shared = std::make_shared<Responder>(std::move(responder));
  PushJob job;
  job.trigger = Trigger::manual;
  job.finished = [shared](Result<PushReport> const& report) {
    if (report) {
      shared->ok(jobs::push_answer(*report));
    } else {
      shared->fail(report.error());
    }
  };
  service.push(std::move(job));
}

// A dry run that also tells what would be done about the gateway.
void look_first(Service& service, jobs::RestoreParameters const& checked, json::object parameters, Responder responder) {
  auto const shared = std::make_shared<Responder>(std::move(responder));
  service.coordinator().run(
      Lane::reading, "restore", [parameters = std::move(parameters)](EngineContext& context) { return jobs::restore(context, parameters); },
      [shared, text = service.rollback().preview(checked)](Result<json::object> result) {
        if (result) (*result)["text"] = text;
        answer(*shared, result);
      });
}

void restore(Service& service, Request const& request, Responder responder) {
  auto parameters = request.json();
  if (!parameters) return responder.fail(parameters.error());
  auto const checked = jobs::restore_parameters(*parameters);
  if (!checked) return responder.fail(checked.error());
  bool const around_gateway = checked->gateway != jobs::GatewayChoice::refuse;
  if (around_gateway && !checked->dry_run) return service.rollback().ask(*checked, std::move(responder));
  if (around_gateway) return look_first(service, *checked, std::move(*parameters), std::move(responder));
  // In place too: it takes the data lock for its last steps only, and captures go on while it downloads.
  run_job(service, Lane::reading, "restore", jobs::restore, std::move(*parameters), std::move(responder));
}

// The capture before a compaction: the answer is what the gateway waits for, so it comes by the deadline in any case.
void before_compaction(Service& service, std::chrono::milliseconds deadline, Responder responder) {
  auto const once = std::make_shared<OnceAnswer>(std::move(responder));
  auto const timer = std::make_shared<boost::asio::steady_timer>(service.loop(), deadline);
  auto const began = service.clock().monotonic();
  timer->async_wait([once, timer](boost::system::error_code code) {
    if (code) return;
    once->ok({{"captured", false}, {"reason", "the capture is still under way; it goes on"}});
  });
  PushJob job;
  job.trigger = Trigger::compaction;
  job.captured = [once, timer, began, &service](Result<PushReport> const& report) {
    double const seconds = std::chrono::duration<double>(service.clock().monotonic() - began).count();
    if (!report) {
      once->ok({{"captured", false}, {"reason", report.error().text()}, {"seconds", seconds}});
    } else {
      json::object out{{"captured", true}, {"unchanged", report->unchanged}, {"complete", report->complete}, {"seconds", seconds}};
      out["snapshot"] = report->snapshot ? json::value(report->snapshot->text) : json::value(nullptr);
      once->ok(std::move(out));
    }
    boost::asio::post(service.loop(), [timer] { timer->cancel(); });
  };
  // It is captured later, and the gateway does not wait for that.
  job.postponed = [once, timer, began, &service](Error const& error) {
    double const seconds = std::chrono::duration<double>(service.clock().monotonic() - began).count();
    once->ok({{"captured", false}, {"reason", error.text()}, {"seconds", seconds}});
    boost::asio::post(service.loop(), [timer] { timer->cancel(); });
  };
  service.push(std::move(job));
}

void notify(Service& service, Request const& request, Responder responder) {
  auto const given = request.json();
  if (!given) return responder.fail(given.error());
  jobs::ParameterReader reader("notify", *given);
  std::string const event = reader.required_text("event");
  json::object const data = reader.object("data");
  std::int64_t deadline_ms = default_notify_deadline.count();
  if (given->if_contains("deadlineMs") != nullptr)
    deadline_ms = static_cast<std::int64_t>(std::min<std::uint64_t>(reader.required_number("deadlineMs"), longest_notify_deadline_ms));
  if (auto const fine = reader.finish(); !fine) return responder.fail(fine.error());
  bool const known = event == "before_compaction" || event == "after_compaction" || event == "gateway_start" || event == "gateway_stop";
  if (!known)
    return responder.fail(make_error(Condition::usage, "there is no event " + printable(event),
                                     "Events are before_compaction, after_compaction, gateway_start and gateway_stop"));
  service.note_gateway(event);
  service.events().publish("notify", {{"event", event}});
  if (event == "before_compaction") return before_compaction(service, std::chrono::milliseconds(deadline_ms), std::move(responder));
  if (event == "gateway_stop") {
    auto const* const reason = data.if_contains("reason");
    std::string const text = reason != nullptr && reason->is_string() ? std::string(reason->as_string()) : std::string();
    service.gateway_stop().hint(text, service.config().service.gateway.stop_timeout);
    return responder.ok({{"accepted", true}});
  }
  responder.ok({{"accepted", true}});
}

void cancel(Service& service, Request const& request, Responder responder) {
  auto const given = request.json();
  if (!given) return responder.fail(given.error());
  jobs::ParameterReader reader("cancel", *given);
  std::uint64_t const job = reader.required_number("job");
  if (auto const fine = reader.finish(); !fine) return responder.fail(fine.error());
  if (auto const ours = service.rollback().cancel(job)) {
    if (!*ours) return responder.fail(ours->error());
  } else if (!service.coordinator().cancel(job))
    return responder.fail(make_error(Condition::not_found, "there is no job " + std::to_string(job) + " under way", "daemonctl --json status has their numbers, under jobs"));
  responder.ok({{"cancelled", job}});
}

void files_of(Service& service, Request const& request, Responder responder) {
  json::object parameters{{"snapshot", request.parameter("id")}};
  if (auto const path = request.query_value("path")) parameters["path"] = *path;
  if (auto const at = request.query_value("at")) parameters["at"] = *at;
  run_job(service, Lane::reading, "ls", jobs::ls, std::move(parameters), std::move(responder));
}

}  // namespace

void add_routes(control::Server& server, Service& service) {
  server.route("GET", "/healthz", [](Request const&, Responder responder) { responder.send(control::Response::text("ok\n")); });
  server.route("GET", "/metrics", [&service](Request const&, Responder responder) {
    responder.send(control::Response::text(service.metrics(), "text/plain; version=0.0.4; charset=utf-8"));
  });
  server.route("GET", "/v1/status", [&service](Request const&, Responder responder) { responder.ok(service.status()); });
  server.route_events("/v1/events", service.events());
  server.route("POST", "/v1/push", [&service](Request const& request, Responder responder) { push(service, request, std::move(responder)); });
  server.route("GET", "/v1/snapshots", [&service](Request const& request, Responder responder) {
    json::object parameters{{"all", request.query_value("all").value_or("0") == "1"}};
    if (auto const at = request.query_value("at")) parameters["at"] = *at;
    run_job(service, Lane::reading, "snapshots", jobs::snapshots, std::move(parameters), std::move(responder));
  });
  server.route("GET", "/v1/pinned", [&service](Request const&, Responder responder) {
    run_job(service, Lane::reading, "pinned", jobs::pinned, {}, std::move(responder));
  });
  server.route("POST", "/v1/pin", job_route(service, Lane::upload, "pin", jobs::pin));
  // A safety snapshot's id has a '/' in it, which is sent as %2F.
  server.route("GET", "/v1/snapshots/{id}/files",
               [&service](Request const& request, Responder responder) { files_of(service, request, std::move(responder)); });
  server.route("POST", "/v1/restore", [&service](Request const& request, Responder responder) { restore(service, request, std::move(responder)); });
  server.route("POST", "/v1/verify", job_route(service, Lane::reading, "verify", jobs::verify));
  server.route("POST", "/v1/diff", job_route(service, Lane::reading, "diff", jobs::diff));
  server.route("POST", "/v1/cat", job_route(service, Lane::reading, "cat", jobs::cat));
  server.route("POST", "/v1/prune", job_route(service, Lane::upload, "prune", jobs::prune));
  server.route("POST", "/v1/copy", job_route(service, Lane::upload, "copy", jobs::copy));
  server.route("POST", "/v1/repair", job_route(service, Lane::upload, "repair", jobs::repair));
  server.route("POST", "/v1/forget", job_route(service, Lane::upload, "forget", jobs::forget));
  server.route("POST", "/v1/notify", [&service](Request const& request, Responder responder) { notify(service, request, std::move(responder)); });
  server.route("POST", "/v1/cancel", [&service](Request const& request, Responder responder) { cancel(service, request, std::move(responder)); });
}

}  // namespace b2b::service
