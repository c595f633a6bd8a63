#include "core/store/s3/xml.h"

#include <charconv>
#include <cstdint>

#include "core/util/encoding.h"

namespace b2b::s3 {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool is_name_character(char c) {
  auto const b = static_cast<unsigned char>(c);
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.' || c == ':' || b >= 0x80;
}

std::string_view local_part(std::string_view name) {
  auto const colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

void append_utf8(std::string& out, std::uint32_t code) {
  auto put = [&out](std::uint32_t byte) {
    out.push_back(static_cast<char>(static_cast<unsigned char>(byte)));
  };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

// "lt", "#10", "#x1F600" → what they stand for.
bool append_entity(std::string& out, std::string_view entity) {
  if (entity == "lt") return out.push_back('<'), true;
  if (entity == "gt") return out.push_back('>'), true;
  if (entity == "amp") return out.push_back('&'), true;
  if (entity == "quot") return out.push_back('"'), true;
  if (entity == "apos") return out.push_back('\''), true;
  if (entity.size() < 2 || entity[0] != '#') return false;
  bool const hex = entity[1] == 'x';
  auto const digits = entity.substr(hex ? 2 : 1);
  std::uint32_t code = 0;
  auto const [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), code, hex ? 16 : 10);
  if (error != std::errc{} || end != digits.data() + digits.size()) return false;
  if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
  append_utf8(out, code);
  return true;
}

}  // namespace

XmlReader::Event XmlReader::fail() {
  malformed_ = true;
  return Event::malformed;
}

// Decodes character data (no '<' in it) into the innermost element.
bool XmlReader::append_text(std::string_view raw) {
  if (open_.empty()) {
    for (char const c : raw)
      if (!is_space(c)) return false;
    return true;
  }
  std::string& out = values_.back();
  while (!raw.empty()) {
    auto const ampersand = raw.find('&');
    out += raw.substr(0, ampersand);
    if (ampersand == std::string_view::npos) return true;
    raw.remove_prefix(ampersand + 1);
    auto const semicolon = raw.find(';');
    if (semicolon == std::string_view::npos || semicolon > 10) return false;
    if (!append_entity(out, raw.substr(0, semicolon))) return false;
    raw.remove_prefix(semicolon + 1);
  }
  return true;
}

// At "<?" or "<!": passes over a comment, a processing instruction or a CDATA section. False: malformed or a
// DTD.
bool XmlReader::skip_misc() {
  auto const rest = text_.substr(at_);
  auto past = [&](std::string_view opening, std::string_view closing) {
    auto const end = rest.find(closing, opening.size());
    if (end == std::string_view::npos) return false;
    if (opening == "<![CDATA[") {
      if (open_.empty()) return false;
      values_.back() += rest.substr(opening.size(), end - opening.size());
    }
    at_ += end + closing.size();
    return true;
  };
  if (rest.starts_with("<?")) return past("<?", "?>");
  if (rest.starts_with("<!--")) return past("<!--", "-->");
  if (rest.starts_with("<![CDATA[")) return past("<![CDATA[", "]]>");
  return false;
}

XmlReader::Event XmlReader::close_tag() {
  std::size_t end = at_ + 2;
  while (end < text_.size() && is_name_character(text_[end]))
    ++end;
  auto const full = text_.substr(at_ + 2, end - at_ - 2);
  while (end < text_.size() && is_space(text_[end]))
    ++end;
  if (end >= text_.size() || text_[end] != '>' || open_.empty() || open_.back() != full) return fail();
  at_ = end + 1;
  name_ = local_part(full);
  value_ = std::move(values_.back());
  values_.pop_back();
  open_.pop_back();
  root_done_ = open_.empty();
  return Event::end;
}

XmlReader::Event XmlReader::open_tag() {
  std::size_t end = at_ + 1;
  while (end < text_.size() && is_name_character(text_[end]))
    ++end;
  auto const full = text_.substr(at_ + 1, end - at_ - 1);
  if (full.empty() || root_done_ || open_.size() >= max_depth) return fail();
  // Attributes say nothing that we need; their quotes may hide a '>'.
  char quote = 0;
  bool empty_element = false;
  for (; end < text_.size(); ++end) {
    char const c = text_[end];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '<') {
      return fail();
    } else if (c == '>') {
      empty_element = text_[end - 1] == '/';
      break;
    }
  }
  if (end >= text_.size()) return fail();
  at_ = end + 1;
  open_.push_back(full);
  values_.emplace_back();
  name_ = local_part(full);
  pending_end_ = empty_element;
  return Event::start;
}

XmlReader::Event XmlReader::next() {
  if (malformed_) return Event::malformed;
  if (pending_end_) {
    pending_end_ = false;
    name_ = local_part(open_.back());
    value_.clear();
    values_.pop_back();
    open_.pop_back();
    root_done_ = open_.empty();
    return Event::end;
  }
  if (at_ == 0 && text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
  for (;;) {
    auto const angle = text_.find('<', at_);
    auto const run = text_.substr(at_, angle == std::string_view::npos ? angle : angle - at_);
    if (!append_text(run)) return fail();
    if (angle == std::string_view::npos) return root_done_ ? Event::document_end : fail();
    at_ = angle;
    char const mark = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (mark == '/') return close_tag();
    if (mark != '?' && mark != '!') return open_tag();
    if (!skip_misc()) return fail();
  }
}

std::optional<std::string> xml_escape(std::string_view text) {
  if (!is_valid_utf8(text)) return std::nullopt;
  std::string out;
  out.reserve(text.size() + 16);
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const c = text[i];
    auto const b = static_cast<unsigned char>(c);
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '\t' || c == '\n' || c == '\r') {
      out += "&#" + std::to_string(b) + ";";
    } else if (b < 0x20) {
      return std::nullopt;
    } else {
      if (text.substr(i, 3) == "\xEF\xBF\xBE" || text.substr(i, 3) == "\xEF\xBF\xBF") return std::nullopt;
      out += c;
    }
  }
  return out;
}

}  // namespace b2b::s3
