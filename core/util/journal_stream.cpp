#include "core/util/journal_stream.h"

#include <charconv>

#include <sys/stat.h>

namespace b2b {
namespace {

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t value = 0;
  auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<JournalStream> parse_journal_stream(std::string_view text) {
  auto const colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto const device = whole_number(text.substr(0, colon));
  auto const inode = whole_number(text.substr(colon + 1));
  if (!device || !inode) return std::nullopt;
  return JournalStream{*device, *inode};
}

bool is_journal(std::string_view journal_stream_variable, int fd) {
  auto const stream = parse_journal_stream(journal_stream_variable);
  struct stat status {};
  if (!stream || ::fstat(fd, &status) != 0) return false;
  return *stream == JournalStream{status.st_dev, status.st_ino};
}

}  // namespace b2b
