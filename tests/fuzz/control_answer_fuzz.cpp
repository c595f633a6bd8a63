// The client's parsers: any bytes that a daemon might send give an answer, an error or events.
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/control/answer_reader.h"
#include "core/control/event_stream.h"
#include "core/control/http_error.h"

using namespace b2b;
using namespace b2b::control;

namespace {

// What came of it, as text: the pieces make no difference to it.
std::string listen(std::string_view bytes, std::size_t piece) {
  std::string out;
  EventStreamParser parser(
      [&](Event const& event) {
        B2B_ASSERT(event.name.find('\n') == std::string::npos && event.id.find('\n') == std::string::npos);
        out += event.id + "|" + event.name + "|" + event.data + "\n";
        return true;
      },
      [&](std::string_view comment) { out.append(comment).append("\n"); });
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    if (!parser.feed(bytes.substr(at, piece))) break;
  return out;
}

void read(std::string_view bytes, std::size_t piece) {
  AnswerReader reader(256);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    auto const done = reader.feed(bytes.substr(at, piece));
    if (!done) return;
    if (reader.is_event_stream()) reader.take_body();
    if (*done) break;
  }
  if (!reader.end()) return;
  B2B_ASSERT(reader.status() >= 0 && reader.status() <= 999);
  auto const body = reader.take_body();
  B2B_ASSERT(body.size() <= 256 || reader.is_event_stream());
  B2B_ASSERT(!error_from_answer(reader.status(), body).message.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const bytes(reinterpret_cast<char const*>(data), size);
  if (size == 0) return 0;
  B2B_ASSERT(listen(bytes, size) == listen(bytes, 1));
  read(bytes, size);
  read(bytes, 1);
  B2B_ASSERT(!error_from_answer(500, bytes).message.empty());
  return 0;
}
