#include "core/engine/swap_journal.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "core/snapshot/manifest.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/read_at.h"

namespace b2b {
namespace {

constexpr std::string_view first_line = "b2backupd restore journal 1\n";
constexpr std::size_t chunk_bytes = 64 * 1024;
constexpr std::size_t longest_line = 256 * 1024;

constexpr std::string_view kind_words[] = {"move",     "make-directory",   "place",
                                           "metadata", "remove-directory", "publish"};

// "." stands for the empty path, which no encoded path looks like.
std::string encode_path(std::string_view path) {
  return path.empty() ? "." : uri_encode(path, true);
}

Result<std::string> decode_path(std::string_view text, bool may_be_empty) {
  if (text == "." && may_be_empty) return std::string();
  auto decoded = uri_decode(text);
  if (!decoded || !path_problem(*decoded).empty())
    return make_error(Condition::corrupt, "the journal names a path that it must not: " + printable(text));
  return *decoded;
}

template <class Number>
void append_number(std::string& out, std::optional<Number> const& number) {
  out += number ? std::to_string(*number) : "-";
}

std::string encode_metadata(NodeMetadata const& metadata) {
  std::string out;
  append_number(out, metadata.mode);
  out += ':';
  append_number(out, metadata.mtime_ns);
  out += ':';
  append_number(out, metadata.uid);
  out += ':';
  append_number(out, metadata.gid);
  return out;
}

template <class Number>
bool read_number(std::string_view text, std::optional<Number>& out) {
  if (text == "-") return true;
  Number value{};
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  out = value;
  return true;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (;;) {
    auto const at = text.find(separator);
    out.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + 1);
  }
}

Result<NodeMetadata> decode_metadata(std::string_view text) {
  NodeMetadata out;
  auto const fields = split(text, ':');
  if (fields.size() != 4 || !read_number(fields[0], out.mode) || !read_number(fields[1], out.mtime_ns) ||
      !read_number(fields[2], out.uid) || !read_number(fields[3], out.gid))
    return make_error(Condition::corrupt, "the journal has malformed metadata: " + printable(text));
  return out;
}

std::string last_line(std::uint64_t count, Sha256Digest const& digest) {
  return "end " + std::to_string(count) + " " + to_hex(digest) + "\n";
}

}  // namespace

std::string format_operation(SwapOperation const& operation) {
  std::string line(kind_words[static_cast<std::size_t>(operation.kind)]);
  line += ' ' + encode_path(operation.path);
  switch (operation.kind) {
    case SwapOperation::Kind::publish:
    case SwapOperation::Kind::move:
      line += ' ' + encode_path(operation.other);
      break;
    case SwapOperation::Kind::make_directory:
      break;
    case SwapOperation::Kind::place:
      line += ' ' + encode_path(operation.other) + ' ' + encode_path(operation.kept);
      break;
    case SwapOperation::Kind::metadata:
      line += ' ' + encode_metadata(operation.before) + ' ' + encode_metadata(operation.after);
      break;
    case SwapOperation::Kind::remove_directory:
      line += ' ' + encode_metadata(operation.before);
      break;
  }
  return line;
}

Result<SwapOperation> parse_operation(std::string_view line) {
  auto const fields = split(line, ' ');
  SwapOperation out;
  auto const word = std::find(std::begin(kind_words), std::end(kind_words), fields[0]);
  if (word == std::end(kind_words))
    return make_error(Condition::corrupt,
                      "the journal has a line of an unknown kind: " + printable(fields[0]));
  out.kind = static_cast<SwapOperation::Kind>(word - std::begin(kind_words));
  constexpr std::size_t field_counts[] = {3, 2, 4, 4, 3, 3};
  if (fields.size() != field_counts[static_cast<std::size_t>(out.kind)])
    return make_error(Condition::corrupt, "the journal has a malformed line: " + printable(line));
  B2B_ASSIGN(out.path, decode_path(fields[1], false));
  switch (out.kind) {
    case SwapOperation::Kind::move:
    case SwapOperation::Kind::publish: {
      B2B_ASSIGN(out.other, decode_path(fields[2], false));
      break;
    }
    case SwapOperation::Kind::make_directory:
      break;
    case SwapOperation::Kind::place: {
      B2B_ASSIGN(out.other, decode_path(fields[2], false));
      B2B_ASSIGN(out.kept, decode_path(fields[3], true));
      break;
    }
    case SwapOperation::Kind::metadata: {
      B2B_ASSIGN(out.before, decode_metadata(fields[2]));
      B2B_ASSIGN(out.after, decode_metadata(fields[3]));
      break;
    }
    case SwapOperation::Kind::remove_directory: {
      B2B_ASSIGN(out.before, decode_metadata(fields[2]));
      break;
    }
  }
  return out;
}

Result<SwapJournalWriter> SwapJournalWriter::create(TargetTree const& tree, std::string path) {
  B2B_ASSIGN(UniqueFd fd, tree.open_new_file(path));
  SwapJournalWriter writer(std::move(fd), tree.absolute(path));
  B2B_TRY(writer.append(first_line));
  return writer;
}

Result<void> SwapJournalWriter::append(std::string_view text) {
  digest_.update(text);
  buffer_ += text;
  if (buffer_.size() >= chunk_bytes) B2B_TRY(flush());
  return {};
}

Result<void> SwapJournalWriter::flush() {
  B2B_TRY(write_all(fd_.get(), as_bytes(buffer_), path_));
  buffer_.clear();
  return {};
}

Result<void> SwapJournalWriter::add(SwapOperation const& operation) {
  ++count_;
  return append(format_operation(operation) + "\n");
}

Result<void> SwapJournalWriter::finish() {
  buffer_ += last_line(count_, digest_.finish());
  B2B_TRY(flush());
  return fsync_file(fd_.get(), path_);
}

Error SwapJournal::damaged(std::string_view what) const {
  return make_error(Condition::corrupt,
                    "the journal of an interrupted restore, " + path_ + ", " + std::string(what),
                    "Nothing was changed by this run. The folder it lies in holds what the restore had "
                    "fetched and moved away; "
                    "move that folder elsewhere to go on without it",
                    path_);
}

Result<SwapJournal> SwapJournal::open(TargetTree const& tree, std::string const& path) {
  B2B_ASSIGN(UniqueFd fd, tree.open_file(path));
  SwapJournal journal(std::move(fd), tree.absolute(path));
  struct stat status {};
  if (::fstat(journal.fd_.get(), &status) != 0) return errno_error(errno, "look at", journal.path_);
  if (!S_ISREG(status.st_mode)) return journal.damaged("is no file");

  // Everything up to the last line goes into the digest; the file is read once, with the possible last line
  // held back.
  Sha256 digest;
  std::string held;
  std::vector<std::uint8_t> buffer(chunk_bytes);
  std::uint64_t total = 0;
  std::uint64_t lines = 0;
  std::uint64_t hashed = 0;
  for (;;) {
    B2B_ASSIGN(std::size_t const got, read_some(journal.fd_.get(), buffer, journal.path_));
    total += got;
    held.append(as_text({buffer.data(), got}));
    if (held.size() > longest_line + chunk_bytes)
      return journal.damaged("has a line longer than any it could hold");
    // Up to the line before the last complete one.
    std::size_t begin = 0;
    for (auto end = held.find('\n'); end != std::string::npos && end + 1 < held.size();
         end = held.find('\n', begin)) {
      std::string_view const line = std::string_view(held).substr(begin, end + 1 - begin);
      if (hashed == 0) {
        if (line != first_line) return journal.damaged("is of another version, or no journal at all");
      } else {
        auto const operation = parse_operation(line.substr(0, line.size() - 1));
        if (!operation) return journal.damaged("is damaged (" + operation.error().message + ")");
        ++lines;
      }
      digest.update(line);
      hashed += line.size();
      begin = end + 1;
    }
    held.erase(0, begin);
    if (got < buffer.size()) break;
  }
  if (hashed == 0 || held != last_line(lines, digest.finish()))
    return journal.damaged("is damaged (its digest does not match)");
  journal.begin_ = first_line.size();
  journal.end_ = hashed;
  journal.count_ = lines;
  return journal;
}

Result<void> SwapJournal::forwards(Visit const& visit) const {
  std::string held;
  std::vector<std::uint8_t> buffer(chunk_bytes);
  for (std::uint64_t at = begin_; at < end_;) {
    std::size_t const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end_ - at));
    B2B_ASSIGN(std::size_t const got, read_at(fd_.get(), std::span(buffer).first(wanted), at, "read", path_));
    if (got == 0) return damaged("became shorter while it was read");
    at += got;
    held.append(as_text({buffer.data(), got}));
    std::size_t begin = 0;
    for (auto end = held.find('\n'); end != std::string::npos; end = held.find('\n', begin)) {
      B2B_ASSIGN(SwapOperation const operation,
                 parse_operation(std::string_view(held).substr(begin, end - begin)));
      B2B_TRY(visit(operation));
      begin = end + 1;
    }
    held.erase(0, begin);
  }
  return {};
}

Result<void> SwapJournal::backwards(Visit const& visit) const {
  std::string held;  // begins at `at`, ends after the last line that was not visited yet
  std::vector<std::uint8_t> buffer(chunk_bytes);
  for (std::uint64_t at = end_; at > begin_;) {
    std::size_t const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), at - begin_));
    B2B_ASSIGN(std::size_t const filled, read_at(fd_.get(), std::span(buffer).first(wanted), at - wanted, "read", path_));
    if (filled < wanted) return damaged("became shorter while it was read");
    at -= wanted;
    held.insert(0, as_text({buffer.data(), wanted}));
    for (;;) {
      if (held.empty()) break;
      auto const previous = held.size() < 2 ? std::string::npos : held.rfind('\n', held.size() - 2);
      if (previous == std::string::npos && at > begin_) break;  // the line begins further up
      std::size_t const begin = previous == std::string::npos ? 0 : previous + 1;
      B2B_ASSIGN(SwapOperation const operation,
                 parse_operation(std::string_view(held).substr(begin, held.size() - begin - 1)));
      B2B_TRY(visit(operation));
      held.erase(begin);
    }
  }
  return {};
}

}  // namespace b2b
