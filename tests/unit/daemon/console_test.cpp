#include "daemon/control/console.h"

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::daemonctl;

TEST_CASE("console: an error is what went wrong, and below it one remedy a line") {
  CHECK(error_lines(make_error(Condition::refused, "it is in use")) == "it is in use");
  CHECK(error_lines(make_error(Condition::refused, "it is in use", "Stop it")) == "it is in use.\n  Stop it");
  CHECK(error_lines(make_error(Condition::refused, "it is in use. Nothing was changed", "Stop it: now. Or wait: --later. Then look")) ==
        "it is in use. Nothing was changed.\n  Stop it: now\n  Or wait: --later\n  Then look");
  // Only where a sentence begins.
  CHECK(error_lines(make_error(Condition::io, "no", "Look at /a. b/c.d or say v1.2. ")) == "no.\n  Look at /a. b/c.d or say v1.2. ");
  CHECK(error_lines(make_error(Condition::io, "no.", "Say a. B. C")) == "no.\n  Say a\n  B\n  C");
  Error store = make_error(Condition::permission, "refused", "Check the key");
  store.remote_code = "AccessDenied";
  CHECK(error_lines(store) == "refused (the store says: AccessDenied).\n  Check the key");
}
