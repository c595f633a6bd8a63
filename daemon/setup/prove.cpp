// The test: a real backup, a real restore into a directory of its own, and the comparison.
#include <array>

#include <boost/json.hpp>
#include <fcntl.h>

#include "core/crypto/hash.h"
#include "core/engine/fresh_state.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "daemon/control/daemon.h"
#include "daemon/control/members.h"
#include "daemon/control/verbs.h"
#include "daemon/jobs/answers.h"
#include "daemon/setup/setup.h"
#include "daemon/setup/trial.h"

namespace b2b::setup {
namespace {

namespace json = boost::json;
using namespace daemonctl;

Result<std::string> hash_of(std::string const& path) {
  B2B_ASSIGN(UniqueFd const fd, open_file(path, O_RDONLY | O_NOFOLLOW, "read back"));
  Sha256 sum;
  std::array<std::uint8_t, 64 * 1024> buffer{};
  for (;;) {
    B2B_ASSIGN(std::size_t const got, read_some(fd.get(), buffer, path));
    sum.update(std::span(buffer.data(), got));
    if (got < buffer.size()) break;
  }
  return to_hex(sum.finish());
}

std::string exact_path(json::object const& row) {
  if (auto const bytes = from_base64(text_of(row, "path64")); bytes && !bytes->empty())
    return std::string(as_text(*bytes));
  return text_of(row, "path");
}

// Nothing of a machine that is new may become the newest backup of one that was not.
Result<bool> would_cover_older_ones(Conversation& talk, JobSource& jobs) {
  B2B_ASSIGN(auto const used, sign_of_use(talk.state.path, talk.stop));
  if (used) return false;
  B2B_ASSIGN(json::object const there, jobs.run(Job::snapshots, json::object()));
  return !list_of(there, "snapshots").empty();
}

// The snapshot that is then restored.
Result<std::string> back_up(Conversation& talk, Session& session, JobSource& direct) {
  Console& console = talk.console;
  B2B_ASSIGN(bool const older, would_cover_older_ones(talk, direct));
  if (older) {
    console.line(
        "  This OpenClaw is new, and there are backups already: none is added. They are tested instead.");
    console.line(
        "  To have it all back: daemonctl restore latest (the service does that by itself when it starts on "
        "a new machine).");
    talk.answer["pushed"] = false;
    return std::string("latest");
  }
  // The daemon has the configuration of its start: it does the backup when that is still the one.
  bool const by_daemon = talk.unchanged && !talk.arguments.direct && daemon_answers(talk);
  console.line(by_daemon ? "  Backing up, through the daemon that runs …" : "  Backing up …");
  auto const remote = by_daemon ? remote_jobs(session) : nullptr;
  B2B_ASSIGN(json::object const pushed, (by_daemon ? *remote : direct).run(Job::push, json::object()));
  talk.answer["pushed"] = true;
  for (json::value const& text : list_of(pushed, "warnings"))
    warn(talk, as_text(text));
  if (!console.json())
    warn_of_each(console, list_of(pushed, "skipped"), "could not be backed up, or not whole", "reason");
  if (jobs::exit_code_of_answer(pushed) != 0) talk.incomplete = true;
  if (flag_of(pushed, "unchanged")) {
    console.line("  Nothing has changed since the newest backup, which is tested.");
    return std::string("latest");
  }
  std::string const id = text_of(pushed, "snapshot");
  console.line("  Backed up: " + count_of(pushed, "files") + " files, " +
               human_bytes(number_of(pushed, "bytesUploaded")) + " sent, as snapshot " + id + ".");
  return id;
}

Result<void> compare(Conversation& talk, JobSource& jobs, std::string const& id, Sample const& sample,
                     std::string const& target) {
  std::uint64_t files = 0, bytes = 0, wrong = 0;
  std::string first;
  auto const visit = [&](json::object&& row) -> Result<void> {
    if (talk.stop.stop_requested()) return make_error(Condition::cancelled, "interrupted");
    std::string const path = exact_path(row);
    if (text_of(row, "type") != "file" || !sample.covers(path)) return {};
    auto const hash = hash_of(join_path(target, path));
    ++files;
    bytes += number_of(row, "size");
    if (hash && *hash == text_of(row, "hash")) return {};
    if (++wrong == 1)
      first = printable(path) + (hash ? " is not as it was captured" : ": " + hash.error().message);
    return {};
  };
  B2B_TRY(jobs.rows(Job::ls, json::object{{"snapshot", id}}, visit));
  if (wrong > 0)
    return make_error(
        Condition::corrupt,
        std::to_string(wrong) + " of " + std::to_string(files) +
            " files did not come back as they were backed up. The first: " + first,
        "Do not rely on this backup. daemonctl verify " + id + " --read-data looks at all of it");
  if (files == 0)
    return make_error(Condition::corrupt, "the snapshot " + id + " holds no files, so nothing was proven");
  talk.answer["snapshot"] = id;
  talk.answer["filesCompared"] = files;
  talk.answer["bytesCompared"] = bytes;
  talk.answer["sample"] = sample.is_sample();
  std::string const amount =
      std::to_string(files) + " of " + std::to_string(sample.files()) + " files (" + human_bytes(bytes) + ")";
  talk.console.line(sample.is_sample()
                        ? "  Test passed: a sample came back the same, byte for byte: " + amount +
                              ", openclaw.json and the databases among them."
                        : "  Test passed: everything came back the same, byte for byte: " + amount + ".");
  return {};
}

Result<void> bring_back(Conversation& talk, JobSource& jobs, std::string const& snapshot) {
  Sample sample;
  auto const count = [&sample](json::object&& row) -> Result<void> {
    if (text_of(row, "type") == "file")
      sample.add(exact_path(row), number_of(row, "size"), flag_of(row, "database"));
    return {};
  };
  B2B_ASSIGN(json::object const listed, jobs.rows(Job::ls, json::object{{"snapshot", snapshot}}, count));
  std::string const id = text_of(listed, "snapshot");
  std::string const parent = scratch_parent(talk.sources);
  B2B_ASSIGN(std::uint64_t const room, free_space(parent));
  sample.decide(room);
  if (!sample.fits())
    return make_error(Condition::no_space,
                      "the test needs " + human_bytes(sample.needed_bytes()) + " in " + printable(parent) +
                          " for a while, and " + human_bytes(room) + " are free",
                      "Name a folder with more room in TMPDIR, or leave the test out (--no-test)");
  B2B_ASSIGN(TemporaryDirectory const place, TemporaryDirectory::create(parent, "b2backupd-setup-"));
  std::string const target = join_path(place.path(), "restored");
  talk.console.line(sample.is_sample() ? "  Restoring a sample into " + printable(target) + " …"
                                       : "  Restoring it into " + printable(target) + " …");
  json::object parameters{{"snapshot", id}, {"target", target}, {"yes", true}};
  if (sample.is_sample()) parameters["paths"] = json::value_from(sample.patterns());
  B2B_ASSIGN(json::object const restored, jobs.run(Job::restore, parameters));
  if (json::array const& failed = list_of(restored, "failed"); !failed.empty())
    return make_error(Condition::corrupt, std::to_string(failed.size()) +
                                              " files could not be restored. The first: " +
                                              text_of(as_object(failed[0]), "path") + ": " +
                                              text_of(as_object(failed[0]), "error"));
  return compare(talk, jobs, id, sample, target);
}

}  // namespace

bool daemon_answers(Conversation const& talk) {
  auto const client = find_daemon(talk.arguments, talk.in_force.config);
  if (!client) return false;
  control::Call call;
  call.target = "/healthz";
  call.progress_timeout = std::chrono::seconds(5);
  return client->call(call, talk.stop).has_value();
}

Result<void> prove(Conversation& talk) {
  talk.console.line("");
  talk.console.line("Test");
  talk.answer["tested"] = false;
  if (talk.options.no_test || is_empty(talk.state.contents)) {
    talk.console.line("  Left out. daemonctl push and daemonctl restore latest --target DIR do it by hand.");
    return {};
  }
  Arguments arguments = talk.arguments;
  arguments.verb_name = "push";
  Session session{arguments, talk.console, talk.in_force, talk.clock, talk.stop, nullptr};
  auto const direct = direct_jobs(session);
  Result<std::string> const snapshot = back_up(talk, session, *direct);
  Result<void> done = snapshot ? bring_back(talk, *direct, *snapshot) : Result<void>(snapshot.error());
  if (!done) {
    Error error = std::move(done).error();
    if (error.condition != Condition::cancelled)
      error.message =
          (snapshot ? "the backup was made, and the test restore failed: " : "the test backup failed: ") +
          error.message;
    return error;
  }
  talk.answer["tested"] = true;
  talk.console.line("  The test's files are removed again.");
  return {};
}

}  // namespace b2b::setup
