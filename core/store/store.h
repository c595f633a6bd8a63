// The object store that snapshots live in: S3 (Backblaze B2 and others), a local directory, or memory.
//
// Contract, the same for every store (tests/unit/store/conformance holds them to it):
//  - Keys are UTF-8, 1 to 1,024 bytes, no control characters, no leading or trailing '/', no empty, "." or ".." segment,
//    no segment over 250 bytes (is_valid_key). Every call checks that and fails with Condition::usage before sending anything.
//  - An object appears whole or not at all. After put() returns, get(), head() and list() show it. Durability against a
//    power cut is promised only after flush(): a writer puts all bodies, flushes, and then puts the one object that makes
//    them count.
//  - Calls block the calling thread and may be made from many threads at once; transfers() says how many are useful.
//    Each returns Condition::cancelled soon (about a second) after a stop is requested.
//  - Errors are by condition: not_found, permission, limit, unreachable (after the store's own retries), transit (a
//    download whose length or digest does not match what the store announced), corrupt, no_space, cancelled.
//    A missing key that the credentials may not see is reported as permission.
//  - On stores that keep versions (traits().versioned), remove_all() and remove_versions() delete for good; nothing hidden is left.
//  - Timeouts are for lack of progress, never for a whole transfer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/util/byte_stream.h"
#include "core/util/clock.h"
#include "core/util/error.h"

namespace b2b {

struct StoreTraits {
  std::string name;              // for messages: "bucket agent-backup at s3.us-west-004.backblazeb2.com", "directory /backup/b"
  std::size_t transfers = 4;     // calls in flight that pay off
  bool versioned = false;        // old versions and hide markers exist
  bool copy_is_free = false;     // copy() moves no bytes and costs no paid request (a hard link)
  std::uint64_t max_object_bytes = 0;  // 0: no limit worth naming
};

struct ObjectInfo {
  std::string key;
  std::uint64_t size = 0;
  std::string etag;              // as the store gives it, without quotes; may be empty
  TimePoint modified{};          // the store's clock
};

struct ObjectVersion {
  std::string key;
  std::string version_id;        // empty where the store keeps no versions
  std::uint64_t size = 0;
  TimePoint modified{};
  bool latest = true;
  bool hide_marker = false;
};

struct ListEntry {
  bool is_prefix = false;        // a common prefix ("…/2026-02-19T12-00-00-000Z/"), with `delimiter` only
  ObjectInfo object;             // object.key is the prefix then
};

struct ListOptions {
  std::string prefix;
  std::string start_after;       // keys and common prefixes greater than this (as bytes); a prefix is compared as it is
                                 // listed, so "a/" and "a/x" both leave the common prefix "a/" out
  bool delimiter = false;        // group by the next '/' after the prefix
};

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;      // a range past the end gives what is there; nothing there is an empty body
};

struct StoreCounters {           // since the store was made; thread-safe snapshot
  std::uint64_t requests = 0;    // sent, retries included
  std::uint64_t retries = 0;
  std::uint64_t bytes_sent = 0;  // object bodies only
  std::uint64_t bytes_received = 0;
  // What was asked last is without an answer or any other sign of life since then (monotonic clock). nullopt: it is not, or the store
  // cannot tell.
  std::optional<std::chrono::nanoseconds> silent_since = {};
};

class Store {
 public:
  virtual ~Store() = default;
  virtual StoreTraits const& traits() const = 0;

  // Replaces an object of that key, if there is one (a versioned store keeps the old one: remove it first).
  // `body` may be read several times. Bodies over the single-request limit go in parts; parts that an interrupted put
  // of the same key and bytes left behind are used again.
  virtual Result<ObjectInfo> put(std::string const& key, ByteSource const& body, std::stop_token const& stop) = 0;

  // Streams the object (or a range of it) into `sink`. The length is checked against what the store announced, and the
  // MD5 where the ETag is one. On a retry sink.restart() is called first.
  virtual Result<ObjectInfo> get(std::string const& key, std::optional<ByteRange> range, ByteSink& sink,
                                 std::stop_token const& stop) = 0;

  virtual Result<ObjectInfo> head(std::string const& key, std::stop_token const& stop) = 0;

  // get() of one version, `key` and `version_id` as list_versions() told them. A hide marker is not_found. Here: for stores that keep no
  // versions, unsupported.
  virtual Result<ObjectInfo> get_version(ObjectVersion const& version, std::optional<ByteRange> range, ByteSink& sink,
                                         std::stop_token const& stop);

  // Calls `visit` for each entry in byte order of keys, any number of them, in bounded memory; visit returns false to stop.
  virtual Result<void> list(ListOptions const& options, std::function<bool(ListEntry const&)> const& visit,
                            std::stop_token const& stop) = 0;

  // Every version and hide marker whose key starts with `prefix`, in byte order of keys; within a key, newest first.
  virtual Result<void> list_versions(std::string const& prefix, std::function<bool(ObjectVersion const&)> const& visit,
                                     std::stop_token const& stop) = 0;

  // Copies within the store. Fails with Condition::changed when the source has not `expected_size` bytes.
  virtual Result<void> copy(std::string const& from, std::string const& to, std::uint64_t expected_size,
                            std::stop_token const& stop) = 0;

  // Deletes these versions for good, in batches. What does not exist any more counts as deleted. On failure of some, the
  // error names the first and says how many; the others are deleted.
  virtual Result<void> remove_versions(std::span<ObjectVersion const> versions, std::stop_token const& stop) = 0;

  // Makes everything put or copied before durable.
  virtual Result<void> flush(std::stop_token const& stop) = 0;

  // Removes what interrupted puts of keys under `prefix` left (multipart parts, temporary files) when it is older than
  // `older_than_seconds` by the store's clock. Returns how many.
  virtual Result<std::uint64_t> remove_unfinished(std::string const& prefix, std::uint64_t older_than_seconds,
                                                  std::stop_token const& stop) = 0;

  // The store's clock: from the last answer's Date where there is one (a request is made if there was none yet),
  // else the file system's.
  virtual Result<TimePoint> now(std::stop_token const& stop) = 0;

  virtual StoreCounters counters() const = 0;
};

// Pure. Empty when the key is fine, else what is wrong with it ("a segment is longer than 250 bytes").
std::string key_problem(std::string_view key);
inline bool is_valid_key(std::string_view key) { return key_problem(key).empty(); }

// Deletes every version of `key` (nothing there is fine).
Result<void> remove_all(Store& store, std::string const& key, std::stop_token const& stop);

// Did a call for `key` end with `error` because there is no such object? Keys of B2 without the listBuckets capability are answered
// "permission" for what is not there: then a listing of that very key decides. Errors: the listing's, also where it is refused, too.
Result<bool> means_missing(Store& store, Error const& error, std::string const& key, std::stop_token const& stop);

// A small object as text. Errors: limit past `max_bytes`; not_found, also where means_missing() finds that out; the store's.
Result<std::string> get_text(Store& store, std::string const& key, std::uint64_t max_bytes, std::stop_token const& stop);

// In memory, versioned when told so. For tests and simulations; thread-safe.
std::unique_ptr<Store> make_memory_store(Clock& clock, bool versioned);

// In place of a store that could not be opened: every call fails with `why`. What needs only the store's name goes on.
std::unique_ptr<Store> make_away_store(std::string name, Error why);

// A directory: object KEY of bucket BUCKET is the file PATH/BUCKET/KEY, nothing else is stored, so that any sync tool
// moves it. Writes go to a temporary name in PATH/BUCKET/.b2backupd-tmp/, then rename (keys below that name are refused
// with Condition::usage). Hide markers and versions do not exist. PATH must exist (a backup disk that is not mounted must
// not turn into a folder: Condition::unreachable); PATH/BUCKET is made.
//  - A folder cannot be a file too: 'a' and 'a/b' are never both objects here, which S3 allows. The second of them fails
//    with Condition::unsupported, as does a name that the file system cannot hold.
//  - copy() makes a second name of the same file (a hard link), so it costs no space; where that is not possible it copies.
//    `modified` of a file with several names is the last change of its folder when that is later.
//  - Objects are 0600, folders 0700; symbolic links are neither followed nor listed, empty folders are not listed.
//  - flush() syncs the whole file system (Linux) and cannot be interrupted. After it failed once it fails for good.
//  - remove_unfinished() looks at all temporary files of the bucket, whatever the prefix.
//  - now() is the time the file system gives a new file; this machine's where none can be made (full, or only readable).
Result<std::unique_ptr<Store>> open_directory_store(std::string const& path, std::string const& bucket);

}  // namespace b2b
