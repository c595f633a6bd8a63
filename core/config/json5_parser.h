// The recursive-descent parser behind parse_json5(). Internal to this folder; json5.h is the interface.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "core/config/json5.h"
#include "core/config/json5_text.h"
#include "core/util/error.h"

namespace b2b::json5 {

class Parser {
 public:
  Parser(std::string_view text, std::string_view name, Json5Options options)
      : text_(text),
        name_(name),
        strict_(options.dialect == Json5Dialect::strict),
        positions_(options.positions) {}

  Result<boost::json::value> document();

 private:
  // `path`: the dotted path of the value, or null inside a list.
  Result<boost::json::value> value(int depth, std::string const* path);
  Result<boost::json::value> object(int depth, std::string const* path);
  Result<boost::json::value> array(int depth);
  Result<boost::json::value> number();
  Result<boost::json::value> hex_number(bool negative);
  Result<boost::json::value> decimal_number(bool negative);
  Result<boost::json::value> special_number(std::string_view word, double magnitude, bool negative);
  Result<boost::json::value> word();
  Result<std::string> key();
  Result<std::string> identifier();
  Result<std::string> string();
  Result<void> escape(std::string& into);
  Result<char32_t> hex_escape(int digits);
  Result<void> space();
  Result<void> number_ends_here();

  CodePoint peek() const { return decode_utf8(text_, at_); }
  bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }
  Json5Position position(std::size_t offset) const;
  std::string found(std::size_t offset) const;
  Error fail_at(std::size_t offset, std::string const& message, std::string advice = {}) const;
  Error fail(std::string const& message, std::string advice = {}) const {
    return fail_at(at_, message, std::move(advice));
  }

  std::string_view const text_;
  std::string_view const name_;
  bool const strict_;
  Json5Positions* const positions_;
  std::size_t at_ = 0;
  // Positions are asked for in rising order: the lines before this offset are counted already.
  mutable std::size_t counted_to_ = 0;
  mutable Json5Position counted_{1, 1};
};

}  // namespace b2b::json5
