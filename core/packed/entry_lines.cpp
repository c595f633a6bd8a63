#include "core/packed/entry_lines.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>

#include "core/snapshot/manifest.h"
#include "core/snapshot/manifest_fields.h"
#include "core/util/encoding.h"

namespace b2b::packed {
namespace {

namespace json = boost::json;

constexpr std::size_t flush_bytes = 64 * 1024;
constexpr std::size_t id_digits = 2 * sizeof(ChunkId);

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool read_id(std::string_view text, ChunkId& out) {
  if (text.size() != id_digits) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    int const high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

json::parse_options options() {
  json::parse_options out;
  out.max_depth = 32;
  return out;
}

std::string at_path(std::string_view path) {
  return "at \"" + printable(path.substr(0, 200)) + "\", ";
}

}  // namespace

bool chunks_fit(std::uint64_t size, std::uint64_t chunks) {
  std::uint64_t const fewest = size / max_chunk_bytes + (size % max_chunk_bytes == 0 ? 0 : 1);
  return chunks >= fewest && chunks <= size;
}

Result<void> EntryLineWriter::append(Entry const& entry, std::span<ChunkId const> chunks) {
  B2B_TRY(begin(entry, chunks.size()));
  return add_chunks(chunks);
}

Result<void> EntryLineWriter::begin(Entry const& entry, std::uint64_t chunks) {
  B2B_ASSERT(owed_ == 0 && (!last_path_ || *last_path_ < entry.path));
  B2B_ASSERT(entry.type == EntryType::file ? chunks_fit(entry.size, chunks) : chunks == 0);
  if (std::string const problem = path_problem(entry.path); !problem.empty())
    return make_error(Condition::internal,
                      "cannot record \"" + printable(entry.path) + "\" in a snapshot: the path " + problem,
                      {}, entry.path);
  std::string const line = manifest::list_entry_json(entry, chunks);
  if (line.size() > max_entry_line_bytes)
    return make_error(Condition::limit,
                      "cannot record \"" + printable(entry.path) + "\": its name and attributes take " +
                          std::to_string(line.size()) + " bytes, over the limit of 1 MB",
                      "Exclude it, or remove its extended attributes", entry.path);
  buffer_ += line;
  buffer_ += '\n';
  last_path_ = entry.path;
  owed_ = chunks;
  ++entries_;
  return buffer_.size() < flush_bytes ? Result<void>() : flush();
}

Result<void> EntryLineWriter::add_chunks(std::span<ChunkId const> ids) {
  B2B_ASSERT(ids.size() <= owed_);
  owed_ -= ids.size();
  for (ChunkId const& id : ids) {
    buffer_ += to_hex(id);
    buffer_ += '\n';
    if (buffer_.size() >= flush_bytes) B2B_TRY(flush());
  }
  return {};
}

Result<void> EntryLineWriter::finish() {
  B2B_ASSERT(owed_ == 0);
  return flush();
}

Result<void> EntryLineWriter::flush() {
  if (buffer_.empty()) return {};
  B2B_TRY(sink_.write(as_bytes(buffer_)));
  buffer_.clear();
  return {};
}

EntryLineReader::EntryLineReader(std::string snapshot_id, EntryLineVisitor& visitor)
    : snapshot_id_(std::move(snapshot_id)), visitor_(visitor) {}

Result<void> EntryLineReader::feed(std::span<std::uint8_t const> bytes) {
  std::string_view rest = as_text(bytes);
  while (!rest.empty()) {
    std::size_t const end = std::min(rest.find('\n'), rest.size());
    if (begun_.size() + end > longest_line()) return owed_ > 0 ? bad_id() : damaged("it is over 1 MB long");
    if (end == rest.size()) {
      begun_ += rest;
      return {};
    }
    if (begun_.empty()) {
      B2B_TRY(take_line(rest.substr(0, end)));
    } else {
      begun_ += rest.substr(0, end);
      B2B_TRY(take_line(begun_));
      begun_.clear();
    }
    rest.remove_prefix(end + 1);
    ++line_;
  }
  return {};
}

Result<void> EntryLineReader::finish() {
  if (!begun_.empty()) return damaged("the list ends within it");
  if (owed_ > 0) return damaged(at_path(*last_path_) + "the list ends before the ids of its chunks");
  return {};
}

Result<void> EntryLineReader::take_line(std::string_view line) {
  return owed_ > 0 ? take_id(line) : take_entry(line);
}

Result<void> EntryLineReader::take_entry(std::string_view line) {
  if (!line.starts_with('{') || !line.ends_with('}')) return damaged("it is not an entry");
  json::monotonic_resource memory;
  json::error_code code;
  json::value const value =
      json::parse(json::string_view(line.data(), line.size()), code, &memory, options());
  if (code) return damaged(code.message() + " (JSON)");
  Entry entry;
  std::uint64_t chunks = 0;
  std::string problem;
  if (!manifest::read_list_entry(value.get_object(), entry, chunks, problem))
    return damaged(at_path(entry.path) + problem);
  if (last_path_ && *last_path_ >= entry.path)
    return damaged(at_path(entry.path) + "the order of the entries is broken");
  if (entry.type == EntryType::file && !chunks_fit(entry.size, chunks))
    return damaged(at_path(entry.path) + "\"size\" and \"chunks\" do not fit together");
  last_path_ = entry.path;
  owed_ = chunks;
  ++entries_;
  return visitor_.entry(std::move(entry), chunks);
}

Result<void> EntryLineReader::take_id(std::string_view line) {
  if (!read_id(line, ids_.emplace_back())) return bad_id();
  --owed_;
  if (owed_ > 0 && ids_.size() < max_ids_at_once) return {};
  B2B_TRY(visitor_.chunks(ids_, owed_ == 0));
  ids_.clear();
  return {};
}

std::size_t EntryLineReader::longest_line() const {
  return owed_ > 0 ? id_digits : max_entry_line_bytes;
}

Error EntryLineReader::bad_id() const {
  return damaged(at_path(*last_path_) + "the id of a chunk is not 64 hex digits");
}

Error EntryLineReader::damaged(std::string const& what) const {
  return make_error(
      Condition::corrupt,
      "the list of snapshot " + printable(snapshot_id_) + " is damaged: line " + std::to_string(line_) +
          ": " + printable(what),
      "Choose another snapshot (daemonctl snapshots lists them); daemonctl verify checks them all",
      snapshot_id_);
}

}  // namespace b2b::packed
