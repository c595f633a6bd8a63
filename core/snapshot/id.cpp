#include "core/snapshot/id.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "core/util/encoding.h"

namespace b2b {
namespace {

constexpr std::string_view safety_prefix = "safety-";

// "2026-02-19T12:00:00.000Z" with ':' and '.' turned into '-', as the layout's writers do it.
std::string dashed(TimePoint time) {
  std::string text = format_iso8601(time);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == ':' || c == '.'; }, '-');
  return text;
}

// Undoes dashed(); also takes the form without milliseconds.
std::optional<TimePoint> parse_dashed(std::string_view text) {
  bool const seconds = text.size() == 20;
  bool const millis = text.size() == 24;
  if ((!seconds && !millis) || text[13] != '-' || text[16] != '-') return std::nullopt;
  std::string iso(text);
  iso[13] = iso[16] = ':';
  if (millis) {
    if (iso[19] != '-') return std::nullopt;
    iso[19] = '.';
  }
  if (iso.substr(17, 2) == "60") return std::nullopt;  // JavaScript's clock knows no leap seconds
  return parse_iso8601(iso);
}

// A regular id: the time, then optionally '-' and 8 hex digits.
std::optional<TimePoint> parse_regular(std::string_view text) {
  if (auto const time = parse_dashed(text)) return time;
  if (text.size() < 9 || text[text.size() - 9] != '-') return std::nullopt;
  if (!from_hex(text.substr(text.size() - 8))) return std::nullopt;
  return parse_dashed(text.substr(0, text.size() - 9));
}

// What stands after "safety-" in the form without an inner id: a regular id's time, or seconds or
// milliseconds since 1970.
std::optional<TimePoint> parse_safety_time(std::string_view text) {
  if (auto const time = parse_regular(text)) return time;
  if (text.size() != 10 && text.size() != 13) return std::nullopt;
  std::int64_t number = 0;
  for (char const c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  auto const millis = text.size() == 13 ? number : number * 1000;
  if (millis > 9'000'000'000'000) return std::nullopt;  // beyond what TimePoint can hold
  return TimePoint(std::chrono::milliseconds(millis));
}

bool is_folder_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
  });
}

// The part of the id that tells its time, as text.
std::string sort_key(SnapshotId const& id) {
  if (id.kind == SnapshotKind::regular) return id.text;
  std::string_view text = id.text;
  if (auto const slash = text.find('/'); slash != std::string_view::npos)
    return std::string(text.substr(slash + 1));
  if (text.starts_with(safety_prefix)) text.remove_prefix(safety_prefix.size());
  return parse_regular(text) ? std::string(text) : dashed(id.time);
}

}  // namespace

std::string_view kind_name(SnapshotKind kind) {
  return kind == SnapshotKind::regular ? "regular" : "safety";
}

std::optional<SnapshotId> parse_snapshot_id(std::string_view text) {
  if (!text.starts_with(safety_prefix)) {
    auto const time = parse_regular(text);
    if (!time) return std::nullopt;
    return SnapshotId{SnapshotKind::regular, std::string(text), *time};
  }
  std::string_view const rest = text.substr(safety_prefix.size());
  auto const slash = rest.find('/');
  if (slash == std::string_view::npos) {
    auto const time = parse_safety_time(rest);
    if (!time) return std::nullopt;
    return SnapshotId{SnapshotKind::safety, std::string(text), *time};
  }
  auto const time = parse_regular(rest.substr(slash + 1));
  if (!time || !is_folder_name(rest.substr(0, slash))) return std::nullopt;
  return SnapshotId{SnapshotKind::safety, std::string(text), *time};
}

SnapshotId make_snapshot_id(SnapshotKind kind, TimePoint time, std::uint32_t random) {
  // An id cannot tell a time before 1970; a clock that stands there is broken, and its snapshots sort first.
  TimePoint const millis = std::chrono::floor<std::chrono::milliseconds>(std::max(time, TimePoint{}));
  std::string const stamp = dashed(millis);
  std::array<char, 16> suffix{};
  std::snprintf(suffix.data(), suffix.size(), "-%08x", static_cast<unsigned>(random));
  std::string const regular = stamp + suffix.data();
  if (kind == SnapshotKind::regular) return {kind, regular, millis};
  return {kind, std::string(safety_prefix) + stamp + "/" + regular, millis};
}

bool id_before(SnapshotId const& a, SnapshotId const& b) {
  std::string const key_a = sort_key(a);
  std::string const key_b = sort_key(b);
  if (key_a != key_b) return key_a < key_b;
  return a.text < b.text;
}

std::vector<std::size_t> ids_meant(std::span<std::string_view const> ids, std::string_view name) {
  std::vector<std::size_t> same, inner, beginning;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    auto const slash = ids[i].find('/');
    if (ids[i] == name) same.push_back(i);
    if (slash != std::string_view::npos && ids[i].substr(slash + 1) == name) inner.push_back(i);
    if (ids[i].starts_with(name)) beginning.push_back(i);
  }
  return !same.empty() ? same : !inner.empty() ? inner : beginning;
}

}  // namespace b2b
