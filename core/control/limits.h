// The bounds of the server; the defaults are the contract (docs/control-api.md), tests use smaller ones.
#pragma once

#include <chrono>
#include <cstddef>

namespace b2b::control {

struct Limits {
  std::size_t header_max_bytes = 16 * 1024;
  std::size_t body_max_bytes = 1024 * 1024;
  std::size_t answer_max_bytes = 16 * 1024 * 1024;  // what is longer must be asked for in parts
  std::size_t connections_max = 64;
  std::size_t event_streams_max = 16;  // of them; the rest stays free for requests
  std::size_t refused_max = 64;        // connections that are being told that they are refused

  std::chrono::milliseconds request_timeout{10'000};  // from the first byte (or the connection) to the last
  std::chrono::milliseconds idle_timeout{30'000};     // between an answer and the next request
  std::chrono::milliseconds write_timeout{10'000};    // for each 64 KB of an answer
  std::chrono::milliseconds linger_timeout{
      1'000};                                     // for a client to read an answer that ended its connection
  std::chrono::milliseconds keep_alive{30'000};   // between two comments on a silent event stream
  std::chrono::milliseconds stop_timeout{2'000};  // for answers under way when the server stops
};

}  // namespace b2b::control
