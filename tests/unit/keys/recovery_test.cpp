// The conversation of `daemonctl key recovery`, with a script for a person. What shows on a real terminal:
// tests/e2e/test_keys.py.
#include <deque>

#include <fcntl.h>
#include <unistd.h>

#include "core/engine/key_slots.h"
#include "core/engine/packed_keys.h"
#include "core/packed/recovery_code.h"
#include "core/util/file.h"
#include "daemon/keys/verbs.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::daemonctl;

namespace {

// What is written to standard output while it lives.
class Output {
 public:
  explicit Output(std::string path) : path_(std::move(path)), before_(::dup(STDOUT_FILENO)) {
    int const file = ::open(path_.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    REQUIRE(file >= 0);
    REQUIRE(::dup2(file, STDOUT_FILENO) == STDOUT_FILENO);
    ::close(file);
  }
  Output(Output const&) = delete;
  ~Output() {
    ::dup2(before_, STDOUT_FILENO);
    ::close(before_);
  }
  std::string text() const { return read_file(path_, 1 << 20).value(); }

 private:
  std::string path_;
  int before_;
};

std::string shown_code(std::string const& output) {
  std::size_t const at = output.find("\n    ");
  REQUIRE(at != std::string::npos);
  return output.substr(at + 5, 44);
}

// Somebody who copies the code and makes `mistakes` mistakes; then does what is to be done before they type
// it right.
class Person final : public setup::Asker {
 public:
  Person(Output const& output, int mistakes) : output_(output), mistakes_(mistakes) {}
  bool is_there() const override { return there; }
  Result<std::string> line(std::string_view question) override {
    questions.emplace_back(question);
    if (gives_up) return make_error(Condition::cancelled, "interrupted");
    if (mistakes_-- > 0) return std::string("ABC");
    if (before_typing) before_typing();
    auto const code = packed::parse_recovery_code(Secret(shown_code(output_.text()))).value();
    std::size_t const group = static_cast<std::size_t>(question[question.find("group ") + 6] - '0');
    return std::string(code.reveal().substr((group - 1) * 4, 4));
  }
  Result<Secret> hidden(std::string_view) override {
    return make_error(Condition::internal, "nothing hidden is asked for");
  }

  std::vector<std::string> questions;
  std::function<void()> before_typing;
  bool there = true;
  bool gives_up = false;

 private:
  Output const& output_;
  int mistakes_;
};

struct Bench {
  test::Scratch scratch;
  LoadedConfig loaded;
  Arguments arguments;
  Console console{false, false};

  Bench() {
    REQUIRE(make_directories(scratch / "store"));
    REQUIRE(make_directories(scratch / "state"));
    loaded.config.state_dir = scratch / "state";
    loaded.config.data_dir = scratch / "data";
    loaded.config.endpoint = "file://" + (scratch / "store");
    loaded.config.bucket = "bucket";
    loaded.config.prefix = "p";
    loaded.config.encryption_key = Secret("correct horse");
    EngineContext context = open();
    REQUIRE(open_or_create_repository_keys(context));
  }
  EngineContext open() { return open_engine(loaded.config, system_clock(), {}).value(); }
  std::size_t codes() {
    EngineContext context = open();
    auto const listing = list_key_slots(context).value();
    return static_cast<std::size_t>(
        std::count_if(listing.slots.begin(), listing.slots.end(),
                      [](SlotView const& view) { return view.slot.kind == packed::SlotKind::recovery; }));
  }
  bool opens(std::string const& shown) {
    EngineContext context = open();
    auto const code = packed::parse_recovery_code(Secret(shown)).value();
    return open_key_slot(context, {packed::SlotKind::recovery, code}).has_value();
  }
  int talk(setup::Asker& asker, bool terminal = true) {
    Session session{arguments, console, loaded, system_clock(), {}, nullptr};
    return make_recovery_code(session, asker, terminal);
  }
};

}  // namespace

TEST_CASE("recovery: the code counts when a group of it was typed back") {
  Bench bench;
  std::string const config = bench.scratch / "store/bucket/p.repo/config";
  std::string code;
  {
    Output const output(bench.scratch / "first");
    Person person(output, 2);
    person.before_typing = [&] { CHECK(bench.codes() == 0); };
    CHECK(bench.talk(person) == 0);
    CHECK(person.questions.size() == 3);
    CHECK(person.questions[1].starts_with("That is not group "));
    code = shown_code(output.text());
    CHECK(output.text().find("The recovery code is in force.") != std::string::npos);
  }
  CHECK(bench.codes() == 1);
  CHECK(bench.opens(code));

  // Given up: the older one is still good, and the new one opens nothing.
  std::string given_up;
  {
    Output const output(bench.scratch / "second");
    Person person(output, 0);
    person.gives_up = true;
    CHECK(bench.talk(person) == 130);
    given_up = shown_code(output.text());
  }
  CHECK(bench.opens(code));
  CHECK_FALSE(bench.opens(given_up));

  // The repository goes away while it is written down.
  {
    Output const output(bench.scratch / "third");
    Person person(output, 0);
    person.before_typing = [&] { std::filesystem::rename(config, bench.scratch / "away"); };
    CHECK(bench.talk(person) != 0);
    given_up = shown_code(output.text());
  }
  std::filesystem::rename(bench.scratch / "away", config);
  CHECK(bench.opens(code));
  CHECK_FALSE(bench.opens(given_up));
  CHECK(bench.codes() == 1);
}

TEST_CASE("recovery: no code is made where it could not be shown to somebody") {
  Bench bench;
  Output const output(bench.scratch / "output");
  Person person(output, 0);
  CHECK(bench.talk(person, false) == 77);
  person.there = false;
  CHECK(bench.talk(person, true) == 77);
  CHECK(person.questions.empty());
  CHECK(output.text().empty());
  CHECK(bench.codes() == 0);
}

TEST_CASE("recovery: a group is taken as paper needs it") {
  Secret const code("0123ABCDEFGH4567JKMNPQRS89TVWXYZ1010");
  CHECK(is_group(code, 1, "0123"));
  CHECK(is_group(code, 1, " ol23\r"));
  CHECK(is_group(code, 2, "ab-cd"));
  CHECK(is_group(code, 9, "1o1O"));
  CHECK(is_group(code, 9, "LOIO"));
  for (char const* const wrong : {"", "012", "01234", "0124", "ABCD", "----"})
    CHECK_FALSE(is_group(code, 1, wrong));
}
