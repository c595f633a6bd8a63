// The control API without its socket: any bytes, in any pieces, give requests that are routed and answered,
// or one refusal; the pieces make no difference.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "core/control/event_hub.h"
#include "core/control/request_reader.h"
#include "core/control/router.h"

using namespace b2b::control;

namespace {

class Kept : public AnswerTarget {
 public:
  void answer(Response response) override {
    B2B_ASSERT(!answered);
    answered = true;
    kept = std::move(response);
  }
  bool gone() const override { return false; }
  bool answered = false;
  Response kept;
};

Router const& router() {
  static EventHub hub("run");
  static Router const routes = [] {
    Router made;
    auto const echo = [](Request const& request, Responder responder) {
      auto const json = request.json();
      if (!json) return responder.fail(json.error());
      for (auto const& [name, value] : request.parameters)
        B2B_ASSERT(!value.empty() && value.find('\0') == std::string::npos);
      responder.ok({{"body", *json}, {"all", request.query_value("all").value_or("")}});
    };
    made.add("GET", "/v1/status", echo);
    made.add("POST", "/v1/push", echo);
    made.add("GET", "/v1/snapshots/{id}/files", echo);
    made.add("GET", "/v1/snapshots/{id}", [](Request const&, Responder) {});
    made.add_events("/v1/events", hub);
    return made;
  }();
  return routes;
}

// All answers that a connection would carry, in order.
std::string converse(std::string_view bytes, std::size_t piece) {
  Limits limits;
  limits.header_max_bytes = 512;
  limits.body_max_bytes = 256;
  RequestReader reader(limits);
  std::string out;
  while (!bytes.empty() && reader.state() != RequestReader::State::failed) {
    reader.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    while (reader.state() == RequestReader::State::ready) {
      auto taken = reader.take();
      B2B_ASSERT(taken.request.path.starts_with('/'));
      B2B_ASSERT(taken.request.body.size() <= limits.body_max_bytes);
      auto const decision = router().route(taken.request);
      if (auto const* refusal = std::get_if<Response>(&decision)) {
        B2B_ASSERT(refusal->status >= 400);
        out += encode(*refusal, taken.keep_alive, taken.request.method != "HEAD");
      } else if (auto const* const* handler = std::get_if<Handler const*>(&decision)) {
        auto const kept = std::make_shared<Kept>();
        (**handler)(taken.request, Responder(kept));
        B2B_ASSERT(kept->answered);
        out += encode(kept->kept, taken.keep_alive, true);
      } else {
        out += "events\n";
      }
    }
  }
  if (reader.state() == RequestReader::State::failed) {
    B2B_ASSERT(reader.problem().status >= 400);
    out += encode(reader.problem(), false, true);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const bytes(reinterpret_cast<char const*>(data), size);
  std::string const whole = converse(bytes, bytes.size() + 1);
  B2B_ASSERT(whole == converse(bytes, 1));
  B2B_ASSERT(whole == converse(bytes, 7));
  return 0;
}
