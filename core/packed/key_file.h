// The repository's master key on this machine, so that ordinary pushes derive nothing: a file of the data
// directory, 0600.
//
// It also remembers, as keyed digests, which of the configured secrets open a slot of the repository and
// which do not, so that a changed secret is noticed without a derivation.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/crypto/key.h"
#include "core/packed/format.h"
#include "core/packed/key_slot.h"
#include "core/util/error.h"

namespace b2b::packed {

struct KeyFile {
  static constexpr std::size_t max_secrets = 32;

  RepositoryId repository{};
  Key master;
  std::map<Sha256Digest, bool> secrets;  // digest of a secret: does it open a slot?
};

// Pure.
Sha256Digest secret_digest(Key const& master, SlotSecret const& secret);
Secret format_key_file(KeyFile const& file);
std::optional<KeyFile> parse_key_file(std::string_view text);

// nullopt: there is none of this repository that can be used (none at all, another repository's, damaged,
// readable for others; the log tells when it is not the first two).
std::optional<KeyFile> read_key_file(std::string const& path, RepositoryId const& repository);

// Whole and durable, or not at all. Of more than max_secrets secrets none is remembered.
Result<void> write_key_file(std::string const& path, KeyFile const& file);

}  // namespace b2b::packed
