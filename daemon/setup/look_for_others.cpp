// Whose backups are in the folder already: two machines must not share one.
#include <set>

#include "core/engine/bucket.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "daemon/setup/setup.h"
#include "daemon/setup/trial.h"

namespace b2b::setup {
namespace {

struct Neighbours {
  std::uint64_t ours = 0;  // of this state directory on this machine, or the plugin's
  std::uint64_t others = 0;
  std::uint64_t closed = 0;     // cannot be opened with the keys that are known so far
  std::set<std::string> hosts;  // of the others
};

// With an index that goes again: nothing is written yet.
Result<Neighbours> look(Conversation& talk) {
  B2B_ASSIGN(TemporaryDirectory const scratch,
             TemporaryDirectory::create(scratch_parent(talk.sources), "b2backupd-setup-"));
  Config config = talk.wanted;
  config.data_dir = scratch.path();
  if (config.endpoint.empty()) config.endpoint = talk.found_endpoint;
  if (config.passphrases().empty()) config.encrypt = false;
  B2B_ASSIGN(EngineContext context, open_engine(config, talk.clock, talk.stop));
  B2B_ASSIGN(BucketListing const listing, list_bucket(context, false));
  Neighbours out;
  for (ListedSnapshot const& snapshot : listing.snapshots) {
    if (!snapshot.has_manifest) continue;
    if (!snapshot.problem.empty()) {
      ++out.closed;
    } else if (snapshot.info.instance.empty() || snapshot.info.instance == context.instance.id) {
      ++out.ours;
    } else {
      ++out.others;
      out.hosts.insert(printable(snapshot.info.host) + ", " + printable(snapshot.info.state_dir));
    }
  }
  return out;
}

std::string folder_of_this_machine(std::string const& prefix) {
  std::string name = host_name();
  for (char& c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) c = '-';
  return prefix + "-" + name;
}

std::string backups(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " backup" : " backups");
}

}  // namespace

Result<void> look_for_others(Conversation& talk) {
  B2B_ASSIGN(Neighbours const there, look(talk));
  Console& console = talk.console;
  std::string const folder = "the folder " + printable(talk.wanted.prefix);
  if (there.ours > 0)
    console.line("  " + backups(there.ours) + " of this machine, or of the OpenClaw plugin, in " + folder +
                 " already.");
  if (there.others + there.closed == 0) return {};
  std::string hosts;
  for (std::string const& host : there.hosts)
    hosts += (hosts.empty() ? "" : "; ") + host;
  if (there.others > 0)
    console.line("  " + backups(there.others) + " in " + folder +
                 " are another machine's or profile's: " + hosts);
  if (there.closed > 0)
    console.line("  " + backups(there.closed) + " in " + folder +
                 " cannot be opened with the keys known so far: they need their passphrase.");
  if (!talk.options.prefix.empty() || !talk.asker.is_there()) {
    warn(talk, folder + " holds " + backups(there.others + there.closed) +
                   " that are not this machine's. Two machines must not share a folder: give each its own "
                   "with --prefix");
    return {};
  }
  std::string const own = folder_of_this_machine(talk.wanted.prefix);
  console.line(
      "  Two machines must not share a folder: each would clean up the other's backups. Which is it?");
  console.line("  1) both machines are in use: this one gets a folder of its own, " + printable(own));
  console.line("  2) this machine takes the place of that one, and its backups go on in the same folder");
  B2B_ASSIGN(std::size_t const chosen, choose(talk.asker, "Your choice", 2));
  if (chosen == 1) return {};
  if (!(own + "/").starts_with(talk.key_name_prefix))
    return make_error(Condition::refused,
                      "the key is only for names that begin with \"" + printable(talk.key_name_prefix) + "\"",
                      "Choose a folder that begins so with --prefix, or make another key");
  talk.wanted.prefix = own;
  talk.answer["prefix"] = printable(own);
  return {};
}

}  // namespace b2b::setup
