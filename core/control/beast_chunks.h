// A guard around Beast's parser of bodies in chunks, for reading answers.
#pragma once

#include <cstddef>

namespace b2b::control {

// True when the parser must not see so few bytes. Boost 1.81 asserts that it is not asked a second time about
// a last chunk ("0\r\n\r\n") of which fewer than five bytes are there. At any place in a body of chunks at
// least five bytes are still to come, so waiting for them never waits in vain.
template <class Parser>
bool must_wait(Parser const& parser, std::size_t bytes) {
  return bytes < 5 && parser.is_header_done() && !parser.is_done() && parser.chunked();
}

}  // namespace b2b::control
