// Catch2, and how it shows our results and errors when an assertion about them fails. Include this one in tests that
// write CHECK(result): boost::system::result claims to be printable whatever it holds, and does not compile then.
#pragma once

#include <catch2/catch.hpp>

#include "core/util/error.h"

namespace Catch {

template <>
struct StringMaker<b2b::Error> {
  static std::string convert(b2b::Error const& error) {
    return "[" + std::string(b2b::condition_name(error.condition)) + "] " + error.text();
  }
};

template <class T>
struct StringMaker<boost::system::result<T, b2b::Error>> {
  static std::string convert(boost::system::result<T, b2b::Error> const& result) {
    return result ? "a value" : StringMaker<b2b::Error>::convert(result.error());
  }
};

template <>
struct StringMaker<b2b::Condition> {
  static std::string convert(b2b::Condition condition) { return std::string(b2b::condition_name(condition)); }
};

}  // namespace Catch
