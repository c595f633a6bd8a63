#include <catch2/catch.hpp>

#include "core/store/store.h"

using namespace b2b;

TEST_CASE("key_problem names what is wrong with a key") {
  CHECK(key_problem("") == "it is empty");
  CHECK(key_problem(std::string(1025, 'a')).find("1,024") != std::string::npos);
  CHECK(key_problem("/a").find("begins") != std::string::npos);
  CHECK(key_problem("/").find("begins") != std::string::npos);
  CHECK(key_problem("a/").find("ends") != std::string::npos);
  CHECK(key_problem("a//b").find("empty segment") != std::string::npos);
  CHECK(key_problem("a/../b").find("\"..\"") != std::string::npos);
  CHECK(key_problem("a/./b").find("\".\"") != std::string::npos);
  CHECK(key_problem("..").find("\"..\"") != std::string::npos);
  CHECK(key_problem("a/..").find("\"..\"") != std::string::npos);
  CHECK(key_problem("a\tb").find("control") != std::string::npos);
  CHECK(key_problem("a\x7F").find("control") != std::string::npos);
  CHECK(key_problem(std::string("a\0b", 3)).find("control") != std::string::npos);
  CHECK(key_problem("\xC3(").find("UTF-8") != std::string::npos);
  CHECK(key_problem("\xED\xA0\x80").find("UTF-8") != std::string::npos);  // a surrogate
  CHECK(key_problem("a/" + std::string(251, 'b') + "/c").find("250") != std::string::npos);
}

TEST_CASE("key_problem lets every key through that B2 takes") {
  for (std::string const key : {"a", "a/b", "...", "..a", "a..", ".a/b.", " ", "a b", "a\\b", "\xC3\xA9",
                                "\xF0\x9F\xA6\x9E", "it's (1) *~%#?=&+"})
    CHECK(key_problem(key) == "");
  CHECK(is_valid_key(std::string(250, 'a')));
  std::string const part(250, 'p');
  CHECK(is_valid_key(part + "/" + part + "/" + part + "/" + part + "/" + std::string(20, 't')));
  CHECK_FALSE(is_valid_key(part + "/" + part + "/" + part + "/" + part + "/" + std::string(21, 't')));
}
