#include "core/control/router.h"

#include "core/control/event_hub.h"
#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::control;

namespace {

struct Routes {
  Routes() {
    for (auto const* pattern : {"/v1/snapshots/{id}/files", "/v1/snapshots", "/v1/snapshots/{id}",
                                "/v1/snapshots/latest", "/{any}/x", "/"})
      add("GET", pattern);
    add("POST", "/v1/push");
    add("DELETE", "/v1/snapshots/{id}");
    router.add_events("/v1/events", hub);
  }
  void add(std::string const& method, std::string const& pattern) {
    router.add(method, pattern,
               [this, name = method + " " + pattern](Request const&, Responder) { called = name; });
  }

  class Nobody : public AnswerTarget {
    void answer(Response) override {}
    bool gone() const override { return false; }
  };

  // The route that took it, or the status it was refused with.
  std::string take(std::string method, std::string path) {
    request = {};
    request.method = std::move(method);
    request.path = std::move(path);
    auto const decision = router.route(request);
    if (auto const* response = std::get_if<Response>(&decision)) {
      refusal = *response;
      return std::to_string(response->status);
    }
    if (std::get_if<EventHub*>(&decision) != nullptr) return "events";
    (*std::get<Handler const*>(decision))(request, Responder(std::make_shared<Nobody>()));
    return called;
  }

  EventHub hub{"run"};
  Router router;
  Request request;
  Response refusal;
  std::string called;
};

}  // namespace

TEST_CASE("routes are found by method and segments", "[router]") {
  Routes routes;
  CHECK(routes.take("GET", "/v1/snapshots") == "GET /v1/snapshots");
  CHECK(routes.take("HEAD", "/v1/snapshots") == "GET /v1/snapshots");
  CHECK(routes.take("POST", "/v1/push") == "POST /v1/push");
  CHECK(routes.take("GET", "/") == "GET /");
  CHECK(routes.take("GET", "/v1/events") == "events");
  CHECK(routes.take("DELETE", "/v1/snapshots/x") == "DELETE /v1/snapshots/{id}");
}

TEST_CASE("named segments are handed over decoded, exact ones win", "[router]") {
  Routes routes;
  CHECK(routes.take("GET", "/v1/snapshots/a%2Fb%20c/files") == "GET /v1/snapshots/{id}/files");
  CHECK(routes.request.parameter("id") == "a/b c");
  CHECK(routes.take("GET", "/v1/snapshots/latest") == "GET /v1/snapshots/latest");
  CHECK(routes.request.parameters.empty());
  CHECK(routes.take("GET", "/v1/snapshots/late") == "GET /v1/snapshots/{id}");
  // The exact route has no DELETE, the named one has.
  CHECK(routes.take("DELETE", "/v1/snapshots/latest") == "DELETE /v1/snapshots/{id}");
  CHECK(routes.request.parameter("id") == "latest");
}

TEST_CASE("what is not there is 404", "[router]") {
  Routes routes;
  for (auto const* path : {"/v1", "/v1/", "/v1/snapshots/", "/v1/snapshots//files", "//", "/V1/push",
                           "/v1/push/", "/v1/push/x", "/v1/snapshots/%7Bid%7D/nothing"}) {
    INFO(path);
    CHECK(routes.take("GET", path) == "404");
  }
  CHECK(routes.refusal.body.find("\"code\":\"not-found\"") != std::string::npos);
}

TEST_CASE("a wrong method is 405 and the right ones are named", "[router]") {
  Routes routes;
  CHECK(routes.take("PUT", "/v1/snapshots/latest") == "405");
  CHECK(routes.refusal.headers == Fields{{"Allow", "DELETE, GET, HEAD"}});
  CHECK(routes.take("GET", "/v1/push") == "405");
  CHECK(routes.refusal.headers == Fields{{"Allow", "POST"}});
  CHECK(routes.take("POST", "/v1/events") == "405");
  CHECK(routes.refusal.headers == Fields{{"Allow", "GET, HEAD"}});
  CHECK(routes.take("get", "/v1/events") == "405");
}

TEST_CASE("broken paths are 400", "[router]") {
  Routes routes;
  for (auto const* path : {"/v1/%zz", "/v1/snapshots/..", "/v1/%00"})
    CHECK(routes.take("GET", path) == "400");
}
