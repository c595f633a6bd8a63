#include "core/config/dotenv.h"

#include <algorithm>

namespace b2b {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '-';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back()))
    text.remove_suffix(1);
  return text;
}

std::string with_line_breaks(std::string_view quoted) {
  std::string result;
  for (std::size_t i = 0; i < quoted.size(); ++i) {
    if (quoted[i] == '\\' && i + 1 < quoted.size() && (quoted[i + 1] == 'n' || quoted[i + 1] == 'r')) {
      result.push_back(quoted[++i] == 'n' ? '\n' : '\r');
    } else {
      result.push_back(quoted[i]);
    }
  }
  return result;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (text_.starts_with(byte_order_mark)) at_ = byte_order_mark.size();
  }

  Dotenv read() {
    while (at_ < text_.size()) {
      std::size_t const end = line_end(at_);
      std::string_view const line = trimmed(text_.substr(at_, end - at_));
      if (!line.empty() && line.front() != '#' && !assignment(end)) result_.skipped_lines.push_back(line_);
      next_line();
    }
    return std::move(result_);
  }

 private:
  std::size_t line_end(std::size_t from) const { return std::min(text_.find('\n', from), text_.size()); }

  void next_line() {
    at_ = line_end(at_) + 1;
    ++line_;
  }

  void skip_blanks(std::size_t& from, std::size_t end) const {
    while (from < end && is_blank(text_[from]))
      ++from;
  }

  // Reads the assignment on the line that begins at at_ and ends at `end`; moves at_ into the last line of
  // its value.
  bool assignment(std::size_t end) {
    std::size_t from = at_;
    skip_blanks(from, end);
    constexpr std::string_view prefix = "export";
    if (text_.substr(from, prefix.size()) == prefix && from + prefix.size() < end &&
        is_blank(text_[from + prefix.size()])) {
      from += prefix.size();
      skip_blanks(from, end);
    }
    std::size_t const name_begin = from;
    while (from < end && is_name_character(text_[from]))
      ++from;
    std::string const name(text_.substr(name_begin, from - name_begin));
    skip_blanks(from, end);
    if (name.empty() || from >= end || text_[from] != '=') return false;
    ++from;
    skip_blanks(from, end);
    result_.values[name] = value(from, end);
    return true;
  }

  std::string value(std::size_t from, std::size_t end) {
    char const quote = from < end ? text_[from] : '\0';
    if (quote == '"' || quote == '\'' || quote == '`') {
      std::size_t const close = closing_quote(from + 1, quote);
      if (close != std::string_view::npos) {
        line_ +=
            static_cast<std::size_t>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(from),
                                                text_.begin() + static_cast<std::ptrdiff_t>(close), '\n'));
        at_ = close;
        std::string_view const quoted = text_.substr(from + 1, close - from - 1);
        return quote == '"' ? with_line_breaks(quoted) : std::string(quoted);
      }
    }
    std::string_view plain = text_.substr(from, end - from);
    return std::string(trimmed(plain.substr(0, plain.find('#'))));
  }

  std::size_t closing_quote(std::size_t from, char quote) const {
    for (std::size_t i = from; i < text_.size(); ++i) {
      if (text_[i] == '\\' && i + 1 < text_.size() && text_[i + 1] == quote) {
        ++i;
      } else if (text_[i] == quote) {
        return i;
      }
    }
    return std::string_view::npos;
  }

  std::string_view const text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  Dotenv result_;
};

}  // namespace

Dotenv parse_dotenv(std::string_view text) {
  return Reader(text).read();
}

}  // namespace b2b
