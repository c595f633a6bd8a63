// Errors on their way through HTTP: which status a condition has, and an Error as JSON and back. Pure.
//
// The JSON is that of `daemonctl --json`: {"ok":false,"code":"not-found","error":"one line for a person"},
// with the error's other parts beside it where they are set: "message", "advice", "subject", "retryable",
// "errno", "httpStatus", "requestId", "remoteCode", "remoteMessage". "code" and "error" alone make an Error
// again.
#pragma once

#include <boost/json/fwd.hpp>

#include "core/util/error.h"

namespace b2b::control {

int http_status_of(Condition condition);

boost::json::object error_to_json(Error const& error);

// The error in an answer with an HTTP status of 400 or more. What is not ours to read (no JSON, no code)
// becomes an error that names the status: 5xx is Condition::internal, anything else Condition::usage. Texts
// from the other side are made printable.
Error error_from_answer(int http_status, std::string_view body);

}  // namespace b2b::control
