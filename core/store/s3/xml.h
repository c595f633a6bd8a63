// A pull parser for the small XML documents that S3 answers with. Elements and text only: attributes are
// skipped, namespaces ignored, comments and processing instructions passed over, predefined entities and
// character references decoded, CDATA taken as it is. No DTD (refused, so there are no entities to expand),
// bounded depth. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/util/error.h"

namespace b2b::s3 {

class XmlReader {
 public:
  enum class Event { start, end, document_end, malformed };
  static constexpr std::size_t max_depth = 16;

  explicit XmlReader(std::string_view document) : text_(document) {}

  // Moves on. After `end`, text() is the element's own text (that of its children left out).
  Event next();
  std::string_view name() const { return name_; }  // of the element that started or ended, without its prefix
  std::string const& text() const { return value_; }
  std::size_t depth() const { return open_.size(); }  // after `start` of the root: 1

 private:
  Event fail();
  bool skip_misc();
  Event open_tag();
  Event close_tag();
  bool append_text(std::string_view raw);

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<std::string_view> open_;  // full names, to match end tags
  std::vector<std::string> values_;
  std::string_view name_;
  std::string value_;
  bool root_done_ = false;
  bool pending_end_ = false;  // an empty element "<a/>" gives start, then end
  bool malformed_ = false;
};

// Text for an element's content; nullopt when XML 1.0 cannot carry it (control characters, invalid UTF-8,
// U+FFFE/F).
std::optional<std::string> xml_escape(std::string_view text);

}  // namespace b2b::s3
