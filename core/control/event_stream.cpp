#include "core/control/event_stream.h"

namespace b2b::control {
namespace {

constexpr std::size_t event_max_bytes = 1024 * 1024;

void add_line(std::string& out, std::string_view field, std::string_view value) {
  B2B_ASSERT(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
  out.append(field).append(": ").append(value).append("\n");
}

}  // namespace

std::string encode_event(Event const& event) {
  std::string out;
  if (!event.id.empty()) add_line(out, "id", event.id);
  if (!event.name.empty()) add_line(out, "event", event.name);
  std::string_view rest = event.data;
  for (;;) {
    auto const end = rest.find('\n');
    add_line(out, "data", rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return out += "\n";
}

std::string encode_comment(std::string_view text) {
  std::string out;
  add_line(out, "", text);
  return out += "\n";
}

Result<bool> EventStreamParser::feed(std::string_view bytes) {
  for (char const c : bytes) {
    bool const second_half = after_cr_ && c == '\n';
    after_cr_ = c == '\r';
    if (second_half) continue;
    if (c != '\n' && c != '\r') {
      line_.push_back(c);
      if (line_.size() + event_.data.size() > event_max_bytes)
        return make_error(Condition::limit, "an event from the daemon is longer than 1 MiB");
      continue;
    }
    std::string const line = std::move(line_);
    line_.clear();
    if (!take_line(line)) return false;
  }
  return true;
}

bool EventStreamParser::take_line(std::string_view line) {
  if (line.empty()) return dispatch();
  auto const colon = line.find(':');
  std::string_view const field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field.empty()) {
    if (on_comment_) on_comment_(value);
  } else if (field == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  } else if (field == "event") {
    event_.name = value;
  } else if (field == "id" && value.find('\0') == std::string_view::npos) {
    last_id_ = value;
  }
  return true;
}

bool EventStreamParser::dispatch() {
  Event event = std::move(event_);
  event_ = Event{};
  if (!std::exchange(has_data_, false)) return true;
  event.id = last_id_;
  if (event.name.empty()) event.name = "message";
  return on_event_(event);
}

}  // namespace b2b::control
