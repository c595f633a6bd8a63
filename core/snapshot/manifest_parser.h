// Splits the JSON of a manifest into its parts as it streams by: nothing larger than one entry is held.
// Internal to core/snapshot.
#pragma once

#include <memory>
#include <string_view>

#include <boost/json/value.hpp>

#include "core/snapshot/id.h"
#include "core/util/error.h"

namespace b2b::manifest {

// What the parser finds, in the order of the file. An error from any of them ends the parsing and is what
// feed() returns.
class Events {
 public:
  virtual ~Events() = default;
  virtual Result<void> version(std::int64_t number) = 0;
  virtual Result<void> timestamp(std::string_view text) = 0;
  virtual Result<void> header(boost::json::object&& header) = 0;
  virtual Result<void> files_begin() = 0;
  virtual Result<void> file(std::string_view name, boost::json::object const& file) = 0;
  virtual Result<void> other(boost::json::object const& other) = 0;
  virtual Result<void> skipped(boost::json::object const& skipped) = 0;
  virtual Result<void> digest() = 0;
};

class Parser {
 public:
  // `id` is for messages. Both must outlive the parser.
  Parser(SnapshotId const& id, Events& events);
  ~Parser();
  Result<void> feed(std::string_view bytes);
  // After the last byte: corrupt when the JSON is not complete, or "version" or "files" was missing.
  Result<void> finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace b2b::manifest
