// Is a descriptor connected to systemd's journal? The journal then takes a level in front of each line ("<3>").
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace b2b {

struct JournalStream {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend bool operator==(JournalStream const&, JournalStream const&) = default;
};

// $JOURNAL_STREAM: "DEVICE:INODE", both decimal. nullopt for anything else.
std::optional<JournalStream> parse_journal_stream(std::string_view text);

// The variable alone proves nothing: children inherit it, also those whose output goes elsewhere.
bool is_journal(std::string_view journal_stream_variable, int fd);

}  // namespace b2b
