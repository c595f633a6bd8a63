// Where captured bodies wait until they are uploaded. Bounded: a new body waits until there is room.
// Thread-safe. Files are 0600 in a 0700 directory that only this process uses; each is removed when the last owner of
// its body lets go.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "core/util/byte_stream.h"
#include "core/util/error.h"
#include "core/util/worker_pool.h"

namespace b2b {

struct SpoolOptions {
  std::uint64_t limit_bytes = 256ull << 20;    // on disk
  std::uint64_t memory_bytes = 8ull << 20;     // small bodies may stay in memory up to this total
  std::uint64_t small_body_bytes = 1 << 20;    // what counts as small
  std::uint64_t keep_free_bytes = 64ull << 20; // room left on the disk, else no_space
};

class Spool : public std::enable_shared_from_this<Spool> {
 public:
  // Makes (or empties: leftovers of a crash) the directory. Removes only files with the names that a spool gives.
  static Result<std::shared_ptr<Spool>> open(std::string const& directory, SpoolOptions const& options);
  ~Spool();

  // Room for a body of about `bytes`; waits for it. Given back when the returned object goes. A body larger than the whole
  // limit is let through alone. Errors: cancelled; no_space when the disk lacks the room although nothing else is held.
  class Room {
   public:
    ~Room();
    Room(Room const&) = delete;
    Room& operator=(Room const&) = delete;
    bool in_memory() const { return in_memory_; }
    std::uint64_t bytes() const { return bytes_; }
    std::string const& path() const { return path_; }  // a fresh name in the spool; removed when the room goes
    // The body takes another size than was thought. Growing does not wait (whoever holds room must not wait for more, or
    // all of them would for each other), so it may pass the limit for a while; no_space when the disk has not that much.
    // One thread at a time per room.
    Result<void> resize(std::uint64_t bytes);

   private:
    friend class Spool;
    Room(std::shared_ptr<Spool> spool, std::uint64_t bytes, bool in_memory, std::string path);
    std::shared_ptr<Spool> spool_;
    std::uint64_t bytes_;
    bool in_memory_;
    std::string path_;
  };
  Result<std::shared_ptr<Room>> reserve(std::uint64_t bytes, bool may_be_in_memory, std::stop_token const& stop);
  // Nothing is held on the disk, and yet it has no room even for small bodies (less than 1 MiB): no file will do better.
  bool is_full() const;
  std::uint64_t held_on_disk() const;    // bytes of the rooms that are not in memory
  std::uint64_t held_in_memory() const;

 private:
  Spool(std::string directory, SpoolOptions const& options);
  struct State;
  std::unique_ptr<State> state_;
  friend class Room;
};

}  // namespace b2b
