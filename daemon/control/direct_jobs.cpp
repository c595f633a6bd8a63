#include <optional>

#include "daemon/control/job_source.h"
#include "daemon/control/verbs.h"
#include "daemon/jobs/jobs.h"

namespace b2b::daemonctl {
namespace {

namespace json = boost::json;

class DirectJobs final : public JobSource {
 public:
  explicit DirectJobs(Session& session) : session_(session) {}

  Answer run(Job job, json::object const& parameters) override {
    B2B_ASSIGN(EngineContext* const context, engine());
    bool const changes =
        job == Job::push || job == Job::restore || job == Job::prune || job == Job::verify || job == Job::copy || job == Job::repair ||
        job == Job::forget;
    bool const wanted = changes && !session_.arguments.quiet && !session_.arguments.json;
    ProgressLine const progress(context->progress, wanted, session_.clock);
    switch (job) {
      case Job::push: return jobs::push(*context, parameters);
      case Job::snapshots: return jobs::snapshots(*context, parameters);
      case Job::ls: return jobs::ls(*context, parameters);
      case Job::cat: return jobs::cat(*context, parameters);
      case Job::diff: return jobs::diff(*context, parameters);
      case Job::verify: return jobs::verify(*context, parameters);
      case Job::restore: return jobs::restore(*context, parameters);
      case Job::prune: return jobs::prune(*context, parameters);
      case Job::copy: return jobs::copy(*context, parameters);
      case Job::pin: return jobs::pin(*context, parameters);
      case Job::pinned: return jobs::pinned(*context, parameters);
      case Job::repair: return jobs::repair(*context, parameters);
      case Job::forget: return jobs::forget(*context, parameters);
    }
    return make_error(Condition::internal, "no such job");
  }

  Answer rows(Job job, json::object const& parameters, RowVisitor const& visit) override {
    B2B_ASSIGN(EngineContext* const context, engine());
    return job == Job::ls ? jobs::ls_rows(*context, parameters, visit) : jobs::diff_rows(*context, parameters, visit);
  }

  Result<void> content(json::object const& parameters, ByteSink& sink) override {
    B2B_ASSIGN(EngineContext* const context, engine());
    return jobs::cat_content(*context, parameters, sink);
  }

 private:
  Result<EngineContext*> engine() {
    if (!context_) {
      B2B_ASSIGN(context_, open_session_engine(session_));
    }
    return &*context_;
  }

  Session& session_;
  std::optional<EngineContext> context_;
};

}  // namespace

std::string_view row_list(Job job) { return job == Job::ls ? "entries" : "changes"; }

std::unique_ptr<JobSource> direct_jobs(Session& session) { return std::make_unique<DirectJobs>(session); }

}  // namespace b2b::daemonctl
