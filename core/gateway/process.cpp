#include "core/gateway/process.h"

#include <unistd.h>

#include <charconv>
#include <string_view>
#include <vector>

#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::uint64_t max_proc_bytes = 16 << 20;

template <class Number>
std::optional<Number> number(std::string_view text, int base = 10) {
  Number value{};
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  for (;;) {
    auto const start = text.find_first_not_of(" \t\n");
    if (start == std::string_view::npos) return out;
    text.remove_prefix(start);
    auto const end = std::min(text.find_first_of(" \t\n"), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

// One of /proc/net/tcp and tcp6: after a heading, lines of "sl local_address rem_address st …", numbers in hexadecimal.
std::optional<bool> listens_in(std::string const& table_path, std::uint16_t port) {
  constexpr std::string_view listening = "0A";
  auto const table = read_file(table_path, max_proc_bytes);
  if (!table) return std::nullopt;
  std::string_view rest = *table;
  while (!rest.empty()) {
    auto const line = words(rest.substr(0, rest.find('\n')));
    rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
    if (line.size() < 4 || line[3] != listening) continue;
    auto const colon = line[1].rfind(':');
    if (colon != std::string_view::npos && number<unsigned>(line[1].substr(colon + 1), 16) == unsigned{port}) return true;
  }
  return false;
}

}  // namespace

std::optional<ProcessInfo> process_info(int pid) {
  constexpr unsigned long kernel_thread_flag = 0x00200000;  // PF_KTHREAD
  auto const text = read_file("/proc/" + std::to_string(pid) + "/stat", max_proc_bytes);
  if (!text) return std::nullopt;
  // proc(5): "pid (command) state …"; the command may hold anything, so the last ')' ends it. Fields count from 1.
  auto const open = text->find('(');
  auto const close = text->rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
  auto const fields = words(std::string_view(*text).substr(close + 1));
  constexpr std::size_t state = 3 - 3, flags = 9 - 3, start_time = 22 - 3;
  if (fields.size() <= start_time) return std::nullopt;
  auto const flag_bits = number<unsigned long>(fields[flags]);
  auto const ticks = number<std::uint64_t>(fields[start_time]);
  if (!flag_bits || !ticks) return std::nullopt;
  ProcessInfo info;
  info.command = text->substr(open + 1, close - open - 1);
  info.kernel_thread = (*flag_bits & kernel_thread_flag) != 0;
  info.zombie = fields[state] == "Z" || fields[state] == "X";
  info.start_ticks = *ticks;
  return info;
}

std::optional<std::int64_t> start_time_ms(ProcessInfo const& process) {
  constexpr std::string_view label = "\nbtime ";
  auto const text = read_file("/proc/stat", max_proc_bytes);
  if (!text) return std::nullopt;
  auto const at = text->find(label);
  if (at == std::string::npos) return std::nullopt;
  std::string_view rest = std::string_view(*text).substr(at + label.size());
  auto const boot_seconds = number<std::int64_t>(rest.substr(0, rest.find('\n')));
  long const ticks_per_second = ::sysconf(_SC_CLK_TCK);
  if (!boot_seconds || ticks_per_second <= 0) return std::nullopt;
  return *boot_seconds * 1000 + static_cast<std::int64_t>(process.start_ticks) * 1000 / ticks_per_second;
}

std::optional<bool> somebody_listens(std::uint16_t port) {
  auto const v4 = listens_in("/proc/net/tcp", port);
  auto const v6 = listens_in("/proc/net/tcp6", port);
  if (v4.value_or(false) || v6.value_or(false)) return true;
  if (!v4 && !v6) return std::nullopt;
  return false;
}

}  // namespace b2b
