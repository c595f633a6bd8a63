#include "core/control/responder.h"

#include <vector>

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::control;

namespace {

class Answers : public AnswerTarget {
 public:
  void answer(Response response) override { statuses.push_back(response.status); }
  bool gone() const override { return is_gone; }
  std::vector<int> statuses;
  bool is_gone = false;
};

}  // namespace

TEST_CASE("a responder answers once", "[responder]") {
  auto const answers = std::make_shared<Answers>();
  {
    Responder responder(answers);
    Responder moved(std::move(responder));
    moved.ok();
  }
  CHECK(answers->statuses == std::vector<int>{200});
}

TEST_CASE("a responder that is dropped answers with 500", "[responder]") {
  auto const answers = std::make_shared<Answers>();
  { Responder const responder(answers); }
  CHECK(answers->statuses == std::vector<int>{500});
  auto const others = std::make_shared<Answers>();
  {
    Responder overwritten(answers);
    overwritten = Responder(others);
    CHECK(answers->statuses == std::vector<int>{500, 500});
    overwritten.fail(make_error(Condition::not_found, "x"));
  }
  CHECK(others->statuses == std::vector<int>{404});
}

TEST_CASE("a responder knows whether anybody waits", "[responder]") {
  auto const answers = std::make_shared<Answers>();
  Responder responder(answers);
  CHECK_FALSE(responder.client_gone());
  answers->is_gone = true;
  CHECK(responder.client_gone());
  responder.ok();
  CHECK(responder.client_gone());
}
