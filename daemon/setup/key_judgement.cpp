#include "daemon/setup/key_judgement.h"

#include <algorithm>
#include <array>

#include "core/util/encoding.h"
#include "daemon/setup/typed.h"

namespace b2b::setup {
namespace {

struct Capability {
  std::string_view name;
  std::string_view cost;  // what does not work without it
  bool needed;
};

constexpr std::array<Capability, 5> capabilities = {{
    {"listFiles", "the backups that are there cannot be found, so nothing can be restored or cleaned up",
     true},
    {"readFiles", "backups could be written, and never be read or restored", true},
    {"writeFiles", "nothing can be backed up", true},
    {"deleteFiles", "old backups are never removed, and the bucket grows. That is right for a key that a thief is not to delete with", false},
    {"listBuckets",
     "the store answers \"access denied\" where it would say that something does not exist, so its messages "
     "mislead",
     false},
}};

std::string names(std::vector<std::string> const& list) {
  std::string out;
  for (std::string const& name : list)
    out += (out.empty() ? "" : ", ") + printable(name);
  return out;
}

}  // namespace

KeyJudgement judge_key(s3::B2Account const& account, std::string_view key_id, std::string_view bucket,
                       std::string_view prefix) {
  KeyJudgement out;
  if (looks_like_master_key_id(key_id))
    out.problems.emplace_back(
        "This is the account's master key. B2 does not take it for what a backup does, and it opens "
        "everything you have there.");
  for (Capability const& one : capabilities) {
    auto const& there = account.capabilities;
    if (std::find(there.begin(), there.end(), one.name) != there.end()) continue;
    (one.needed ? out.problems : out.notes)
        .push_back("The key lacks the capability " + std::string(one.name) + ": " + std::string(one.cost) +
                   ".");
  }
  auto const& buckets = account.allowed_buckets;
  if (buckets.size() == 1) out.bucket = buckets.front();
  if (buckets.empty()) {
    out.notes.emplace_back("The key opens all of the account's buckets. One that is made for " +
                           printable(bucket) + " alone would be safer, should it ever be stolen.");
  } else if (std::find(buckets.begin(), buckets.end(), bucket) == buckets.end()) {
    out.bucket_is_wrong = true;
    out.problems.push_back("The key is for the bucket " + names(buckets) + ", and not for " +
                           printable(bucket) + ".");
  }
  std::string const inside = std::string(prefix) + "/";
  if (!account.name_prefix.empty() && !inside.starts_with(account.name_prefix))
    out.problems.push_back("The key is only for names that begin with \"" + printable(account.name_prefix) +
                           "\", and the backups' begin with \"" + printable(inside) +
                           "\". Give --prefix a folder that begins so, or make a key without a name prefix.");
  return out;
}

std::string how_to_make_a_key(std::string_view bucket) {
  return "To make a key: log in at https://secure.backblaze.com, page \"Application Keys\", \"Add a New "
         "Application Key\".\n"
         "  Allow access to bucket:  " +
         (bucket.empty() ? std::string("the one for the backups") : printable(bucket)) +
         "\n"
         "  Type of access:          Read and Write\n"
         "  Allow list all bucket names: ticked; file name prefix and duration: left empty\n"
         "It shows keyID and applicationKey. The second one is shown this once: copy it before you close the "
         "page.\n";
}

}  // namespace b2b::setup
