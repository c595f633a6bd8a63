// The journal of a swap: what is moved, made and replaced, in order, in a text file that is written once,
// made durable and then read forwards (to do it) or backwards (to undo it). One line for each operation,
// paths percent-encoded and relative to the root of the swap; the last line holds a count and the SHA-256 of
// everything before it. docs/formats.md has the format.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/crypto/hash.h"
#include "core/engine/target_tree.h"
#include "core/util/error.h"
#include "core/util/fd.h"

namespace b2b {

struct SwapOperation {
  enum class Kind {
    move,              // path → other; whatever it is, as a whole
    make_directory,    // path, 0700 until its metadata is set
    place,             // other (staged) → path; what was there, if anything, goes to `kept` first
    metadata,          // sets `after` on path; `before` is what it had
    remove_directory,  // path, if it is empty by then; `before` brings it back
    publish,  // a folder that holds what was moved gets its lasting name: path → other; only openclaw.json comes after
  };
  Kind kind = Kind::move;
  std::string path;
  std::string other;
  std::string kept;  // place: empty when nothing was there
  NodeMetadata before;
  NodeMetadata after;
  friend bool operator==(SwapOperation const&, SwapOperation const&) = default;
};

// Pure: one line without its end, and back. corrupt: not such a line, or a path that leaves the root.
std::string format_operation(SwapOperation const& operation);
Result<SwapOperation> parse_operation(std::string_view line);

class SwapJournalWriter {
 public:
  // Writes to the new file `path` of the tree.
  static Result<SwapJournalWriter> create(TargetTree const& tree, std::string path);
  Result<void> add(SwapOperation const& operation);
  std::uint64_t count() const { return count_; }
  // Ends the file and makes its content durable (not yet its name).
  Result<void> finish();

 private:
  SwapJournalWriter(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Result<void> append(std::string_view text);
  Result<void> flush();
  UniqueFd fd_;
  std::string path_;
  std::string buffer_;
  Sha256 digest_;
  std::uint64_t count_ = 0;
};

class SwapJournal {
 public:
  // Checks the whole file first: corrupt when anything about it is wrong.
  static Result<SwapJournal> open(TargetTree const& tree, std::string const& path);
  std::uint64_t count() const { return count_; }
  using Visit = std::function<Result<void>(SwapOperation const&)>;
  Result<void> forwards(Visit const& visit) const;
  Result<void> backwards(Visit const& visit) const;

 private:
  SwapJournal(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Error damaged(std::string_view what) const;
  UniqueFd fd_;
  std::string path_;
  std::uint64_t begin_ = 0;  // of the first operation's line
  std::uint64_t end_ = 0;    // past the last one's
  std::uint64_t count_ = 0;
};

}  // namespace b2b
