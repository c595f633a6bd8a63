// Where a verb's answer comes from: jobs done in this process (--direct), or asked of the daemon. Parameters and answers are
// those of daemon/jobs; the texts are made from the answers, so that both ways look the same.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <string_view>

#include "core/util/byte_stream.h"
#include "core/util/error.h"

namespace b2b::daemonctl {

struct Session;

enum class Job { push, snapshots, diff, ls, cat, verify, restore, prune, copy, pin, pinned, repair, forget };

// "entries" of ls, "changes" of diff.
std::string_view row_list(Job job);

class JobSource {
 public:
  using Answer = Result<boost::json::object>;
  using RowVisitor = std::function<Result<void>(boost::json::object&& row)>;

  virtual ~JobSource() = default;
  // Blocks until the job is done; on a terminal the progress line is drawn meanwhile.
  virtual Answer run(Job job, boost::json::object const& parameters) = 0;
  // ls, diff: the rows one by one, then the rest of the answer.
  virtual Answer rows(Job job, boost::json::object const& parameters, RowVisitor const& visit) = 0;
  // cat: the content.
  virtual Result<void> content(boost::json::object const& parameters, ByteSink& sink) = 0;
};

// In this process. The engine is opened for the first job and kept.
std::unique_ptr<JobSource> direct_jobs(Session& session);
// Asked of the daemon. When the session is stopped, the job is cancelled there, and its end is waited for.
std::unique_ptr<JobSource> remote_jobs(Session& session);

}  // namespace b2b::daemonctl
