// Which libraries this program runs with, for `--version`: what an answer to "is that fixed here" needs. The ones that
// are loaded are asked themselves; Boost and CLI11 do not tell, so theirs are those it was compiled with.
#pragma once

#include <string>

namespace b2b::jobs {

// A line each: "OpenSSL 3.0.15".
std::string library_versions();

}  // namespace b2b::jobs
