#include "daemon/control/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "core/util/clock.h"
#include "core/util/encoding.h"
#include "daemon/control/usage_text.h"

namespace b2b::daemonctl {
namespace {

constexpr int exit_usage = 64;

// CLI11 hands out references into this while it parses, so it lives outside parse_arguments' frame of mind: one per call.
struct Options {
  Arguments common;
  std::string state_dir;
  std::vector<std::string> settings;
  PushArguments push;
  SnapshotsArguments snapshots;
  LsArguments ls;
  CatArguments cat;
  RestoreArguments restore;
  DiffArguments diff;
  VerifyArguments verify;
  RepairArguments repair;
  ForgetArguments forget;
  PruneArguments prune;
  PinArguments pin;
  ConfigCheckArguments check;
  StatusArguments status;
  NotifyArguments notify;
  SetupArguments setup;
  CancelArguments cancel;
  CopyArguments copy;
  KeyAddArguments key_add;
  KeyRemoveArguments key_remove;
  KeyOpenArguments key_open;
};

void add_common(CLI::App& app, Options& options) {
  app.add_flag("--direct", options.common.direct, "Do the job in this process, without the daemon");
  app.add_option("--socket", options.common.socket, "The daemon's socket")->type_name("PATH");
  app.add_option("--config", options.common.config_file, "Configuration file")->type_name("FILE");
  app.add_option("--profile", options.common.profile, "OpenClaw's profile")->type_name("NAME");
  app.add_option("--state-dir", options.state_dir, "OpenClaw's state directory")->type_name("DIR");
  app.add_option("--set", options.settings, "A configuration value for this run, for example prefix=test")
      ->type_name("KEY=VALUE")
      ->take_all()
      ->expected(1);
  app.add_flag("--json", options.common.json, "Print one JSON object");
  app.add_flag("--quiet,-q", options.common.quiet, "Print only what went wrong");
  app.add_flag("--verbose,-v", options.common.verbose, "Say more on the way");
}

// `name` → what to do when that verb was given.
struct VerbEntry {
  CLI::App* app;
  std::string name;
  std::function<Verb()> make;
};

void add_setup_options(CLI::App& setup, SetupArguments& o) {
  setup.add_flag("--yes,-y", o.yes, "Ask nothing: values come from these options, the environment, the configuration and openclaw.json");
  setup.add_option("--key-id", o.key_id, "The application key's keyID")->type_name("ID");
  setup.add_option("--key-file", o.key_file, "A file that holds the application key (or give it as B2_APPLICATION_KEY)")->type_name("FILE");
  setup.add_option("--bucket", o.bucket, "The bucket's name")->type_name("NAME");
  setup.add_option("--endpoint", o.endpoint, "Another S3 store (https://HOST), a directory (file:///PATH), or b2")->type_name("ADDRESS");
  setup.add_option("--prefix", o.prefix, "The folder in the bucket")->type_name("FOLDER");
  CLI::Option* const on = setup.add_flag("--encrypt", o.encrypt, "Encrypt with the passphrase that is there, or a new one");
  setup.add_flag("--no-encrypt", o.no_encrypt, "Do not encrypt the backups")->excludes(on);
  setup.add_flag("--no-test", o.no_test, "Do not make and restore a backup as a test");
  setup.add_flag("--no-service", o.no_service, "Leave the service alone");
  setup.add_flag("--no-linger", o.no_linger, "Do not let it run while you are not logged in");
}

}  // namespace

std::optional<unsigned> percent_of(std::string_view text) {
  if (text.ends_with('%')) text.remove_suffix(1);
  unsigned percent = 0;
  auto const read = std::from_chars(text.data(), text.data() + text.size(), percent);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || percent < 1 || percent > 100) return std::nullopt;
  return percent;
}

namespace {

CLI::App* add_verb(std::vector<VerbEntry>& verbs, CLI::App* parent, std::string const& name, std::string const& help, std::function<Verb()> make) {
  CLI::App* verb = parent->add_subcommand(name, help);
  verb->fallthrough();
  verbs.push_back({verb, name, std::move(make)});
  return verb;
}

void add_key_verbs(CLI::App& app, Options& o, std::vector<VerbEntry>& verbs) {
  CLI::App* key = app.add_subcommand("key", "What opens the backups (packed layout)");
  key->fallthrough();
  key->require_subcommand(1);
  auto const add = [&](std::string const& name, std::string const& help, std::function<Verb()> make) {
    return add_verb(verbs, key, name, help, std::move(make));
  };
  constexpr char const* from_file = "A file that holds it; - is standard input";
  add("list", "List the key slots, and which of the configured secrets opens each", [] { return Verb(KeyListArguments{}); });
  CLI::App* added = add("add", "Let one more passphrase open the backups", [&o] { return Verb(o.key_add); });
  added->add_option("--from-file", o.key_add.from_file, from_file)->type_name("FILE");
  added->add_option("--label", o.key_add.label, "What it is, for people (this machine's name when left out)")->type_name("TEXT");
  CLI::App* removed = add("remove", "Remove a key slot: its secret opens the backups no more", [&o] { return Verb(o.key_remove); });
  removed->add_option("SLOT", o.key_remove.slot, "Its id as key list shows it, or the beginning of it")->required();
  removed->add_flag("--yes,-y", o.key_remove.yes, "Do not ask");
  add("rewrap", "Make the slots of the configured secrets anew", [] { return Verb(KeyRewrapArguments{}); });
  add("recovery", "Make a new recovery code, and show it once", [] { return Verb(KeyRecoveryArguments{}); });
  CLI::App* opened = add("open", "Get the key with the recovery code, on a machine that has none", [&o] { return Verb(o.key_open); });
  opened->add_option("--from-file", o.key_open.from_file, from_file)->type_name("FILE");
  opened->add_flag("--passphrase", o.key_open.passphrase, "With a passphrase that was added instead of a recovery code");
}

void add_at(CLI::App* verb, std::string& at) {
  verb->add_option("--at", at, "Read the bucket as it was then, in UTC: 2026-02-19T12:00:00Z (also what was hidden or overwritten since)")
      ->type_name("TIME")
      ->check([](std::string const& text) {
        return parse_iso8601(text) ? std::string() : "must be a time in UTC like 2026-02-19T12:00:00Z, not " + printable(text);
      });
}

std::vector<VerbEntry> add_verbs(CLI::App& app, Options& o) {
  std::vector<VerbEntry> verbs;
  auto add = [&](CLI::App* parent, std::string const& name, std::string const& help, std::function<Verb()> make) {
    return add_verb(verbs, parent, name, help, std::move(make));
  };
  add_setup_options(*add(&app, "setup", "Set up the backup, step by step, and test it", [&] { return Verb(o.setup); }), o.setup);

  CLI::App* push = add(&app, "push", "Back up now", [&] { return Verb(o.push); });
  push->add_flag("--dry-run", o.push.dry_run, "Only say what would be backed up");
  push->add_flag("--no-wait", o.push.no_wait, "Ask the daemon and do not wait for the end");

  CLI::App* snapshots = add(&app, "snapshots", "List the snapshots in the store", [&] { return Verb(o.snapshots); });
  snapshots->add_flag("--all", o.snapshots.all, "Also unfinished ones and foreign folders, and whether some are hidden");
  add_at(snapshots, o.snapshots.at);

  CLI::App* ls = add(&app, "ls", "List the files of a snapshot", [&] { return Verb(o.ls); });
  ls->add_option("SNAPSHOT", o.ls.snapshot, "Its id, the beginning of it, or latest")->required();
  ls->add_option("PATH", o.ls.path, "Only this file or folder");
  add_at(ls, o.ls.at);

  CLI::App* cat = add(&app, "cat", "Print one file of a snapshot", [&] { return Verb(o.cat); });
  cat->add_option("SNAPSHOT", o.cat.snapshot, "Its id, the beginning of it, or latest")->required();
  cat->add_option("PATH", o.cat.path, "The file")->required();
  add_at(cat, o.cat.at);

  CLI::App* restore = add(&app, "restore", "Bring a snapshot back", [&] { return Verb(o.restore); });
  restore->add_option("SNAPSHOT", o.restore.snapshot, "Its id, the beginning of it, or latest")->required();
  restore->add_option("--path", o.restore.paths, "Only what this pattern covers (may be given again)")
      ->type_name("GLOB")
      ->take_all()
      ->expected(1);
  // An empty one, from a shell variable that is not set, must not mean "in place".
  restore->add_option("--target", o.restore.target, "Into this directory instead of the state directory")
      ->type_name("DIR")
      ->check([](std::string const& directory) { return directory.empty() ? std::string("names no directory") : std::string(); });
  restore->add_flag("--dry-run", o.restore.dry_run, "Only say what would be done");
  restore->add_flag("--no-safety", o.restore.no_safety, "Do not keep a safety snapshot of what is replaced");
  restore->add_flag("--with-secrets", o.restore.with_secrets, "Take the snapshot's credentials, where it holds some, instead of this machine's");
  restore->add_flag("--yes,-y", o.restore.yes, "Overwrite without asking");
  CLI::Option* const stop = restore->add_flag("--stop-gateway", o.restore.stop_gateway, "Stop OpenClaw's gateway for it, and start it again");
  CLI::Option* const when = restore->add_flag("--when-stopped", o.restore.when_stopped, "Do it as soon as somebody stops the gateway");
  when->excludes(stop);
  restore->add_option("--expires", o.restore.expires, "How long it waits for that (15m when left out)")->type_name("TIME")->needs(when);
  add_at(restore, o.restore.at);

  CLI::App* diff = add(&app, "diff", "Compare two snapshots, or one with what is there now", [&] { return Verb(o.diff); });
  diff->add_option("SNAPSHOT", o.diff.first, "The older one")->required();
  diff->add_option("OTHER", o.diff.second, "The newer one; the state directory when left out");
  add_at(diff, o.diff.at);

  CLI::App* verify = add(&app, "verify", "Check that snapshots can be restored", [&] { return Verb(o.verify); });
  verify->add_option("SNAPSHOT", o.verify.snapshot, "Only this one");
  verify->add_flag("--read-data", o.verify.read_data, "Download and check everything, not just that it is there");
  verify->add_option("--read-data-subset", o.verify.subset, "Of that, a share chosen by lot, for example 5%")
      ->type_name("PERCENT")
      ->check([](std::string const& text) { return percent_of(text) ? std::string() : "must be a percentage from 1% to 100%, not " + printable(text); });

  CLI::App* repair = add(&app, "repair", "Mend the packed layout: the index, and what this machine still has", [&] { return Verb(o.repair); });
  repair->add_option("PART", o.repair.part, "Only this: index")->check(CLI::IsMember({"index"}));
  repair->add_flag("--quick", o.repair.quick, "Look for what is missing or short, without reading the packs");

  CLI::App* prune = add(&app, "prune", "Remove old snapshots as configured", [&] { return Verb(o.prune); });
  prune->add_flag("--dry-run", o.prune.dry_run, "Only say what would go, and why");
  prune->add_flag("--yes,-y", o.prune.yes, "Go on after a pause");
  prune->add_flag("--give-up-hidden", o.prune.give_up_hidden, "Remove snapshots that somebody hid for good, too");
  prune->add_flag("--take-over", o.prune.take_over, "From now on this machine prunes, although others use the prefix");

  CLI::App* copy = add(&app, "copy", "Write a snapshot once more in another layout", [&] { return Verb(o.copy); });
  copy->add_option("SNAPSHOT", o.copy.snapshot, "Its id, or latest")->required();
  copy->add_option("--to-layout", o.copy.layout, "packed or plugin")->type_name("LAYOUT")->required()->check(CLI::IsMember({"packed", "plugin"}));
  copy->add_flag("--switch", o.copy.switch_over, "From now on backups are written in that layout, too");

  CLI::App* pin = add(&app, "pin", "Keep a snapshot from being pruned; without one, list those that are kept so", [&] { return Verb(o.pin); });
  // An empty one, from a shell variable that is not set, must not mean "list them".
  CLI::Option* const pinned = pin->add_option("SNAPSHOT", o.pin.snapshot, "Its id, the beginning of it, or latest")
                                  ->check([](std::string const& name) { return name.empty() ? std::string("names no snapshot") : std::string(); });
  pin->add_flag("--remove", o.pin.remove, "It may be pruned again")->needs(pinned);

  CLI::App* forget = add(&app, "forget", "Take a file out of all snapshots, for good", [&] { return Verb(o.forget); });
  forget->add_option("--path", o.forget.paths, "What this pattern covers (may be given again)")->type_name("GLOB")->take_all()->expected(1)->required();
  forget->add_flag("--dry-run", o.forget.dry_run, "Only say which snapshots hold it");
  forget->add_flag("--yes,-y", o.forget.yes, "Do it without asking");

  CLI::App* status = add(&app, "status", "How the backups are", [&] { return Verb(o.status); });
  status->add_flag("--watch", o.status.watch, "Go on showing it until Ctrl-C");
  add(&app, "events", "Print what happens in the daemon, as it happens", [] { return Verb(EventsArguments{}); });
  add(&app, "metrics", "Print the daemon's metrics", [] { return Verb(MetricsArguments{}); });
  CLI::App* notify = add(&app, "notify", "Tell the daemon what the gateway does", [&] { return Verb(o.notify); });
  notify->add_option("EVENT", o.notify.event, "before_compaction, after_compaction, gateway_start or gateway_stop")->required();
  notify->add_option("JSON", o.notify.data, "What goes with it, a JSON object");

  CLI::App* cancel = add(&app, "cancel", "Give up a job of the daemon", [&] { return Verb(o.cancel); });
  cancel->add_option("JOB", o.cancel.job, "Its number; when left out, the restore that waits for the gateway");

  add_key_verbs(app, o, verbs);

  CLI::App* config = app.add_subcommand("config", "Look at the configuration");
  config->fallthrough();
  config->require_subcommand(1);
  CLI::App* check = add(config, "check", "Check it, and that the store answers", [&] { return Verb(o.check); });
  check->add_flag("--offline", o.check.offline, "Do not ask the store");
  add(config, "show", "Print every value and where it comes from", [] { return Verb(ConfigShowArguments{}); });
  add(config, "acknowledge-key", "You have put the key away safely: stop reminding",
      [] { return Verb(AcknowledgeKeyArguments{}); });
  return verbs;
}

constexpr char const* what_it_is = "Backs up an OpenClaw agent to Backblaze B2, and brings it back.";

std::vector<VerbEntry> define(CLI::App& app, Options& options) {
  app.set_version_flag("--version", "daemonctl " B2B_VERSION);
  app.require_subcommand(1);
  app.footer("Exit codes: 0 done, 1 failed, 3 done but incomplete, 64 usage, 65 bad configuration,\n"
             "69 store or daemon not reachable, 77 refused, 130 interrupted.");
  add_common(app, options);
  return add_verbs(app, options);
}

Parsed usage_error(std::string text) {
  Parsed parsed;
  parsed.text = std::move(text);
  parsed.text_is_error = true;
  parsed.exit_code = exit_usage;
  return parsed;
}

}  // namespace

void with_command_line(std::function<void(CLI::App const&)> const& look) {
  CLI::App app(what_it_is, "daemonctl");
  Options options;
  define(app, options);
  look(app);
}

Parsed parse_arguments(std::vector<std::string> words) {
  CLI::App app(what_it_is, "daemonctl");
  Options options;
  std::vector<VerbEntry> const verbs = define(app, options);

  // "help restore" is what other programs call it.
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
  try {
    app.parse(words);
  } catch (CLI::CallForHelp const&) {
    CLI::App* shown = &app;  // the help of the innermost verb that was named
    while (!shown->get_subcommands().empty()) shown = shown->get_subcommands().front();
    Parsed parsed;
    parsed.text = shown->help("", CLI::AppFormatMode::Normal);
    return parsed;
  } catch (CLI::CallForVersion const& version) {
    Parsed parsed;
    parsed.text = std::string(version.what()) + "\n";
    return parsed;
  } catch (CLI::ParseError const& error) {
    return usage_error(usage_text(app, error));
  }

  Parsed parsed;
  parsed.arguments = options.common;
  if (!options.state_dir.empty()) parsed.arguments.settings.emplace_back("stateDir", options.state_dir);
  for (std::string const& setting : options.settings) {
    auto const equals = setting.find('=');
    if (equals == std::string::npos || equals == 0)
      return usage_error("--set takes KEY=VALUE, not " + printable(setting) + ". For example: --set prefix=test\n");
    parsed.arguments.settings.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
  }
  for (VerbEntry const& verb : verbs) {
    if (!verb.app->parsed()) continue;
    parsed.arguments.verb = verb.make();
    parsed.arguments.verb_name = verb.name;
    parsed.run = true;
  }
  return parsed;
}

}  // namespace b2b::daemonctl
