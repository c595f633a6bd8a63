// The S3 store: Backblaze B2 and what speaks the same dialect, over our own client (Beast, SigV4).
//
// Stages, each in its own file: request → sigv4 → transport (connection pool, TLS, proxy) → retry → store.
// No x-amz-checksum-*, no aws-chunked bodies, no ACLs or tags (B2 rejects them); body digests as
// x-amz-content-sha256 and Content-MD5. Path style. Each connection is driven by the thread that uses it:
// operations are asynchronous so that each has a timeout, and the calling thread runs them to their end
// (docs/decisions/0002-blocking-store.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/store/store.h"
#include "core/util/clock.h"
#include "core/util/secret.h"

namespace b2b::s3 {

struct Settings {
  std::string endpoint;  // "https://s3.us-west-004.backblazeb2.com"; "http://" on loopback only
  std::string bucket;
  std::string region;  // empty: taken from the endpoint's name, else "us-east-1"
  Secret key_id;
  Secret application_key;
  std::string ca_file;  // PEM; empty: the system's store
  std::size_t transfers = 32;
  std::uint64_t upload_bytes_per_second = 0;  // 0: no limit
  std::uint64_t download_bytes_per_second = 0;
  std::uint64_t multipart_threshold_bytes = 100'000'000;
  std::uint64_t part_bytes =
      8 << 20;  // raised for objects that would need over 10,000 parts; B2 takes 5 MB and more
  std::uint64_t copy_part_threshold_bytes = 5'000'000'000;
  unsigned connect_timeout_ms = 15'000;
  unsigned progress_timeout_ms = 60'000;  // no byte either way for this long: the connection is given up
  unsigned max_attempts = 8;
  unsigned backoff_initial_ms = 500;  // × 1.5 each time, with jitter
  unsigned backoff_max_ms = 64'000;
  std::uint64_t max_retry_seconds = 300;  // in total for one call; then Condition::unreachable
};

// Checks the settings (no request). bad_config: endpoint malformed, http off loopback, CA file unreadable, no
// bucket.
Result<std::unique_ptr<Store>> make_store(Settings settings, Clock& clock);

// What b2_authorize_account says of a key (FACTS: apiInfo.storageApi; v2, v3 and v4 shapes).
struct B2Account {
  std::string s3_endpoint;  // https://s3.<region>.backblazeb2.com
  std::string region;
  std::vector<std::string> capabilities;
  std::vector<std::string> allowed_buckets;  // empty: all
  std::string name_prefix;                   // empty: all
};
// Pure: parses the answer.
Result<B2Account> parse_authorize_account(std::string_view json);
// Asks. `base_url` is "https://api.backblazeb2.com" except in tests.
Result<B2Account> discover(std::string const& base_url, Secret const& key_id, Secret const& application_key,
                           std::string const& ca_file, Clock& clock, std::stop_token const& stop);
// Which of the needed capabilities (listFiles, readFiles, writeFiles) are missing, and whether
// bucket and prefix are allowed: an error that names each and says what to do, or success.
Result<void> check_account(B2Account const& account, std::string_view bucket, std::string_view prefix);

}  // namespace b2b::s3
