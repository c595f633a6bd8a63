// Where the backups go: the fields that are known, those that are missing, and whether the store takes them.
#include <algorithm>

#include "core/config/config_file.h"
#include "core/config/schema.h"
#include "core/engine/context.h"
#include "core/store/s3/s3.h"
#include "core/util/encoding.h"
#include "daemon/setup/key_judgement.h"
#include "daemon/setup/setup.h"
#include "daemon/setup/typed.h"

namespace b2b::setup {
namespace {

constexpr std::uint64_t probe_retry_seconds = 10;  // a person waits for this
constexpr std::uint64_t key_file_bytes_max = 64 << 10;
constexpr std::string_view directory_bucket = "openclaw";  // where there is no account with buckets to name one of

bool is_directory(Config const& config) {
  return config.endpoint.starts_with("file://");
}

bool is_b2(Config const& config) {
  return config.endpoint.empty() || config.endpoint.ends_with(".backblazeb2.com") ||
         config.endpoint.find(".backblazeb2.com:") != std::string::npos;
}

// What came from a file or the environment may have been pasted there, too.
void clean_known(Config& wanted) {
  wanted.key_id = clean_secret(wanted.key_id.reveal());
  wanted.application_key = clean_secret(wanted.application_key.reveal());
}

struct Sources {
  std::string key_id, application_key, bucket;  // "found in openclaw.json"
};

Result<std::string> checked_option(std::string_view key, std::string const& text) {
  auto value = check_text(*find_key(key), text);
  if (!value)
    return make_error(Condition::usage, "--" + std::string(key) + ": " + value.error().message,
                      value.error().advice);
  return std::string(value->get_string());
}

// What the options say, over what is known.
Result<void> take_options(Conversation& talk, Sources& from) {
  SetupArguments const& options = talk.options;
  Config& wanted = talk.wanted;
  if (!options.endpoint.empty()) {
    std::string const before = wanted.endpoint;
    if (options.endpoint == "b2") {
      wanted.endpoint.clear();
    } else {
      B2B_ASSIGN(wanted.endpoint, checked_option("endpoint", clean_value(options.endpoint)));
    }
    // Of another store; unless it was given with this one.
    if (wanted.endpoint != before && talk.sources.command_line.count("region") == 0) wanted.region.clear();
  }
  if (!options.prefix.empty()) {
    B2B_ASSIGN(wanted.prefix, checked_option("prefix", options.prefix));
  } else if (wanted.prefix == Config{}.prefix && !talk.state.profile.empty() &&
             where_from(talk.loaded, "prefix").empty()) {
    wanted.prefix +=
        "-" + talk.state.profile;  // two state directories under one prefix would mix their snapshots
  }
  if (!options.bucket.empty()) {
    B2B_ASSIGN(wanted.bucket, checked_option("bucket", clean_bucket(options.bucket)));
    from.bucket = "from the command line";
  }
  if (!options.key_id.empty()) {
    wanted.key_id = clean_secret(options.key_id);
    from.key_id = "from the command line";
  }
  if (!options.key_file.empty()) {
    std::string const path = expand_path(options.key_file, talk.sources.working_directory, talk.sources.home);
    B2B_ASSIGN(ConfigFile file, read_config_file(path, key_file_bytes_max, "read the application key from"));
    wanted.application_key = clean_secret(file.text);
    wipe(file.text.data(), file.text.size());
    if (wanted.application_key.empty())
      return make_error(Condition::usage, printable(path) + " is empty",
                        "It must hold the application key and nothing else");
    from.application_key = "from " + printable(path);
  }
  return {};
}

Result<void> ask_key(Conversation& talk) {
  Config& wanted = talk.wanted;
  bool const b2 = is_b2(wanted);
  for (;;) {
    std::string const known = shown_key_id(wanted.key_id.reveal());
    B2B_ASSIGN(
        std::string const typed,
        talk.asker.line(known.empty() ? "  Key id (keyID): " : "  Key id (Enter keeps " + known + "): "));
    Secret const given = typed.empty() ? wanted.key_id : clean_secret(typed);
    if (b2 && looks_like_application_key(given.reveal())) {
      talk.console.line("  " + *key_id_problem(given.reveal(), b2));
      wanted.key_id.clear();
      continue;
    }
    if (auto const problem = key_id_problem(given.reveal(), b2)) {
      talk.console.line("  " + *problem);
      continue;
    }
    wanted.key_id = given;
    break;
  }
  for (;;) {
    bool const known = !wanted.application_key.empty();
    B2B_ASSIGN(
        Secret const typed,
        talk.asker.hidden(known ? "  Application key (nothing shows; Enter keeps the one that is there): "
                                : "  Application key (nothing shows while you type or paste): "));
    Secret const given = typed.empty() ? wanted.application_key : clean_secret(typed.reveal());
    if (auto const problem = application_key_problem(given.reveal(), wanted.key_id.reveal(), b2)) {
      talk.console.line("  " + *problem);
      wanted.application_key.clear();
      continue;
    }
    wanted.application_key = given;
    return {};
  }
}

Result<void> ask_bucket(Conversation& talk, std::string const& offered) {
  for (;;) {
    std::string const question =
        offered.empty() ? "  Bucket: " : "  Bucket (Enter takes " + printable(offered) + "): ";
    B2B_ASSIGN(std::string const typed, talk.asker.line(question));
    std::string const given = clean_value(typed).empty() ? offered : clean_bucket(typed);
    if (auto const problem = bucket_problem(given)) {
      talk.console.line("  " + *problem);
      continue;
    }
    talk.wanted.bucket = given;
    return {};
  }
}

bool needs_key(Config const& config) {
  return !is_directory(config) && (config.key_id.empty() || config.application_key.empty());
}

// What is known is shown and may be kept.
Result<void> show_known(Conversation& talk, Sources const& from) {
  Config& wanted = talk.wanted;
  bool any = false;
  auto const show = [&](std::string name, std::string const& value, std::string const& source) {
    if (value.empty()) return;
    any = true;
    name.resize(17, ' ');
    talk.console.line("  " + name + value + (source.empty() ? "" : "   (" + source + ")"));
  };
  if (!wanted.endpoint.empty()) {
    std::string name = "endpoint";
    name.resize(17, ' ');
    talk.console.line("  " + name + printable(wanted.endpoint));
  }
  if (!is_directory(wanted)) {
    show("key id", shown_key_id(wanted.key_id.reveal()), from.key_id);
    show("application key", wanted.application_key.empty() ? "" : "(hidden)", from.application_key);
  }
  show("bucket", printable(wanted.bucket), from.bucket);
  if (!any) return {};
  B2B_ASSIGN(bool const keep,
             confirm(talk.asker,
                     needs_key(wanted) || wanted.bucket.empty() ? "Use what is known?" : "Use these?", true));
  if (keep) return {};
  if (!is_directory(wanted)) B2B_TRY(ask_key(talk));
  return ask_bucket(talk, wanted.bucket);
}

Result<void> ask_missing(Conversation& talk) {
  Config& wanted = talk.wanted;
  if (!talk.asker.is_there()) {
    if (is_directory(wanted) && wanted.bucket.empty()) {
      wanted.bucket = directory_bucket;
      talk.console.line("  The bucket is a folder in that directory: " + wanted.bucket + " (another name: --bucket NAME)");
    }
    Config store = wanted;
    store.encrypt = false;  // that is a question of its own
    return require_store(store);
  }
  if (needs_key(wanted)) {
    if (is_b2(wanted))
      talk.console.line(
          "  Three things from the B2 console: an application key's keyID, the key itself, and the bucket.");
    B2B_TRY(ask_key(talk));
  }
  if (wanted.bucket.empty()) B2B_TRY(ask_bucket(talk, is_directory(wanted) ? std::string(directory_bucket) : std::string()));
  return {};
}

// What went wrong, and what should be asked for again.
struct Verdict {
  std::optional<Error> error;
  bool ask_key = false;
  bool ask_bucket = false;
  std::string bucket;  // to offer
};

Verdict wrong(Error error, bool ask_key, bool ask_bucket, std::string bucket = {}) {
  Verdict verdict;
  verdict.error = std::move(error);
  verdict.ask_key = ask_key;
  verdict.ask_bucket = ask_bucket;
  verdict.bucket = std::move(bucket);
  return verdict;
}

Verdict check_b2_key(Conversation& talk) {
  Config const& wanted = talk.wanted;
  auto const account = s3::discover(wanted.b2_api_url, wanted.key_id, wanted.application_key, wanted.ca_file,
                                    talk.clock, talk.stop);
  if (!account) {
    Error error = account.error();
    bool const refused = error.condition == Condition::permission;
    if (refused)
      error.advice =
          "Key id and key must be the two halves of one application key, and the key must not have been "
          "deleted";
    return wrong(std::move(error), refused, false);
  }
  talk.found_endpoint = account->s3_endpoint;
  talk.key_name_prefix = account->name_prefix;
  KeyJudgement const judged = judge_key(*account, wanted.key_id.reveal(), wanted.bucket, wanted.prefix);
  for (std::string const& note : judged.notes)
    talk.console.line("  Note: " + note);
  if (judged.problems.empty()) return {};
  std::string text;
  for (std::string const& problem : judged.problems)
    text += (text.empty() ? "" : " ") + problem;
  text.pop_back();  // the full stop
  bool const only_bucket = judged.bucket_is_wrong && judged.problems.size() == 1;
  if (!only_bucket && talk.asker.is_there()) talk.console.line(how_to_make_a_key(wanted.bucket));
  return wrong(
      make_error(Condition::permission, text,
                 only_bucket ? "Give the bucket that the key is for, or make a key for this bucket"
                             : "Make a key with \"Read and Write\" for this bucket in the B2 console"),
      !only_bucket, judged.bucket_is_wrong, judged.bucket);
}

Verdict probe(Conversation& talk) {
  Config config = talk.wanted;
  config.encrypt = false;
  config.limits.retry_seconds = probe_retry_seconds;
  if (config.endpoint.empty()) config.endpoint = talk.found_endpoint;
  auto const store = open_store(config, talk.clock, talk.stop);
  Result<void> listed =
      store ? (*store)->list(
                  {config.prefix + "/", "", false}, [](ListEntry const&) { return false; }, talk.stop)
            : Result<void>(store.error());
  if (listed) return {};
  Error error = std::move(listed).error();
  if (error.condition == Condition::cancelled) return wrong(std::move(error), false, false);
  if (is_directory(config)) return wrong(std::move(error), false, false);
  bool const missing = error.condition == Condition::not_found || error.remote_code == "NoSuchBucket";
  if (missing && error.advice.empty()) error.advice = "Check the bucket's name: it must exist already";
  bool const refused = error.condition == Condition::permission;
  return wrong(std::move(error), refused && !missing, missing || refused, talk.wanted.bucket);
}

Verdict check_store(Conversation& talk) {
  Config const& wanted = talk.wanted;
  bool const b2 = is_b2(wanted);
  if (!is_directory(wanted)) {
    if (auto const problem = key_id_problem(wanted.key_id.reveal(), b2))
      return wrong(make_error(Condition::bad_config, *problem), true, false);
    if (auto const problem =
            application_key_problem(wanted.application_key.reveal(), wanted.key_id.reveal(), b2))
      return wrong(make_error(Condition::bad_config, *problem), true, false);
  }
  if (auto const problem = bucket_problem(wanted.bucket))
    return wrong(make_error(Condition::bad_config, *problem), false, true);
  talk.console.line("  Asking the store …");
  if (b2) {
    if (Verdict verdict = check_b2_key(talk); verdict.error) return verdict;
  }
  if (Verdict verdict = probe(talk); verdict.error) return verdict;
  if (b2) {
    talk.console.line("  The key fits: it may list, read, write and delete in the bucket " +
                      printable(wanted.bucket) + " (" + printable(talk.found_endpoint) + ").");
  } else if (is_directory(wanted)) {
    talk.console.line("  The directory can be read. The test will tell whether it can be written.");
  } else {
    talk.console.line(
        "  The store answers. What else the key may do cannot be asked of this store: the test will tell.");
  }
  return {};
}

}  // namespace

Result<void> ask_for_store(Conversation& talk) {
  talk.console.line("");
  talk.console.line("Where the backups go");
  Sources from{where_from(talk.loaded, "keyId"), where_from(talk.loaded, "applicationKey"),
               where_from(talk.loaded, "bucket")};
  B2B_TRY(take_options(talk, from));
  clean_known(talk.wanted);
  B2B_TRY(show_known(talk, from));
  B2B_TRY(ask_missing(talk));
  for (;;) {
    Verdict const verdict = check_store(talk);
    if (!verdict.error) break;
    if (!talk.asker.is_there() || verdict.error->condition == Condition::cancelled) return *verdict.error;
    talk.console.line("  " + verdict.error->text());
    B2B_ASSIGN(
        bool const again,
        confirm(talk.asker,
                verdict.ask_key || verdict.ask_bucket ? "Correct it and try again?" : "Try again?", true));
    if (!again) return *verdict.error;
    if (verdict.ask_key) B2B_TRY(ask_key(talk));
    if (verdict.ask_bucket) B2B_TRY(ask_bucket(talk, verdict.bucket));
  }
  talk.answer["endpoint"] =
      printable(talk.wanted.endpoint.empty() ? talk.found_endpoint : talk.wanted.endpoint);
  talk.answer["bucket"] = printable(talk.wanted.bucket);
  talk.answer["prefix"] = printable(talk.wanted.prefix);
  return {};
}

}  // namespace b2b::setup
