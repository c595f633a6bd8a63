// What an answer that is not a success means: the one place where statuses and error codes become conditions.
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "core/store/s3/answers.h"
#include "core/util/error.h"

namespace b2b::s3 {

// The request that an answer belongs to, for the message.
struct About {
  std::string doing;    // "upload", "read", "list"
  std::string subject;  // key or prefix, raw
  std::string bucket;
};

// `status` is not 2xx, or the body of a 2xx answer was an <Error>. `request_id` from the headers when the
// body has none. The result says by `retryable` whether the same request may succeed later.
Error error_of_answer(unsigned status, RemoteError const& remote, About const& about);

// "cannot upload a/b to bucket x": the start of every message about a request.
std::string describe(About const& about);

// A transport failure, retryable: no connection, no progress, connection lost.
Error unreachable(std::string message, std::string advice = {});

}  // namespace b2b::s3
