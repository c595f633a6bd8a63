// Walks the roots and names everything in scope. Reads no file bodies, follows no symlinks, crosses no surprises: what
// cannot be read is reported, the rest goes on.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/capture/entry.h"
#include "core/capture/scope.h"
#include "core/util/error.h"

namespace b2b {

struct Root {
  std::string label;       // prefix of its entries' paths; empty for the state directory
  std::string path;        // absolute
  std::vector<std::string> leave_out = {};   // directories below it that are not part of it, absolute, without symbolic links
};

enum class SkipReason {
  by_rule,       // sockets, FIFOs, devices: not named in `skipped`, does not make a snapshot incomplete
  unreadable,    // permission or I/O error
  vanished,      // listed and then gone
  unstable,      // changed during every try
  no_space,      // alone too large for the spool's disk
  attributes,    // it is there, but some of its extended attributes are not: they are over the limit
  damaged,       // a database that failed its check: it is there as it is, with its sidecars
};

struct Skip {
  std::string path;
  SkipReason reason;
  std::string detail;      // for the person: "permission denied", "is a socket"
};

// One entry as found, its metadata and extended attributes included. For files `entry.stat` is filled, hash and
// captured_at_ns are not.
struct ScanItem {
  Entry entry;
  std::string absolute;    // where it is now
  std::string attributes_left_out;  // extended attributes over the limit, for the person; reported as a skip, too
  std::uint64_t device = 0;
  std::uint64_t links = 1; // st_nlink; the caller finds hard links by (device, inode)
  std::size_t root_bytes = 0;  // how much of `absolute` names the root; below it no symbolic link is ever followed
};

struct ScanCallbacks {     // called from several threads, one at a time (the scan holds a lock)
  std::function<void(ScanItem&&)> entry;
  std::function<void(Skip&&)> skip;
};

// Directories are reported when in scope or when something below them is, a directory always before what lies in it (a
// labelled root's own directory under its label); apart from that the order is open. Directories and files that the scope
// leaves out are not reported at all, nor a directory that holds private_capture_marker, nor our own folder "b2backupd/"
// in the state directory. File systems mounted below a root are part of it. An entry without some of its extended
// attributes is reported, and after it a skip (SkipReason::attributes).
// A labelled root that cannot be listed is a skip under its label. Fails only when the unlabelled one cannot (not_found,
// permission: names it; refused: it holds the marker) or on stop (cancelled).
Result<void> scan(std::vector<Root> const& roots, Scope const& scope, std::size_t threads, ScanCallbacks const& callbacks,
                  std::stop_token const& stop);

// The WAL part of a StatKey for the database at `path`, zero when there is no "-wal" or an empty one (which SQLite makes
// when it only reads). Opens only the "-wal".
void read_wal_key(std::string const& path, StatKey& key);

}  // namespace b2b
