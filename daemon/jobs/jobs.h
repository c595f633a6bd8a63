// What daemonctl and the daemon's API have in common: one function for each job, JSON parameters in (parameters.h), the
// JSON that `--json` prints out (docs/commands.md, without "ok"). Each works on the calling thread until it is done or the
// context's stop token says so; locks are taken by the job itself.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>

#include "core/engine/context.h"
#include "core/util/byte_stream.h"
#include "daemon/jobs/parameters.h"

namespace b2b::jobs {

using Answer = Result<boost::json::object>;

// A push in one go, with the key reminder among its warnings. (The daemon's own go through the coordinator; it makes their
// answer with push_answer(), and uses this for dryRun.) `wait` has no meaning here.
Answer push(EngineContext& context, boost::json::object const& parameters);
Answer snapshots(EngineContext& context, boost::json::object const& parameters);
Answer ls(EngineContext& context, boost::json::object const& parameters);
Answer cat(EngineContext& context, boost::json::object const& parameters);
Answer diff(EngineContext& context, boost::json::object const& parameters);
Answer verify(EngineContext& context, boost::json::object const& parameters);
Answer restore(EngineContext& context, boost::json::object const& parameters);
Answer prune(EngineContext& context, boost::json::object const& parameters);
Answer copy(EngineContext& context, boost::json::object const& parameters);   // into another layout
Answer pin(EngineContext& context, boost::json::object const& parameters);      // takes a pin away, too
Answer pinned(EngineContext& context, boost::json::object const& parameters);   // lists the pins
Answer repair(EngineContext& context, boost::json::object const& parameters);
Answer forget(EngineContext& context, boost::json::object const& parameters);

// An answer in one piece is bounded; a longer list or file is refused with what to do instead.
inline constexpr std::size_t rows_max = 20'000;
inline constexpr std::size_t rows_max_bytes = 8 << 20;
inline constexpr std::size_t cat_max_bytes = 12'000'000;  // as base64 16 MB, which is what an answer may have

// ls, diff and cat without bounds: rows and content are handed on as they come; what is left of the answer is returned.
using RowVisitor = std::function<Result<void>(boost::json::object&& row)>;
Answer ls_rows(EngineContext& context, boost::json::object const& parameters, RowVisitor const& visit);     // "entries"
Answer diff_rows(EngineContext& context, boost::json::object const& parameters, RowVisitor const& visit);   // "changes"
Result<void> cat_content(EngineContext& context, boost::json::object const& parameters, ByteSink& sink);

// "The backups are encrypted with …" while encryption rests on the application key alone and nobody acknowledged that;
// else empty.
Result<std::string> key_reminder(EngineContext& context);
Result<void> acknowledge_key(Index& index);

}  // namespace b2b::jobs
