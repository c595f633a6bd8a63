// The `.env` file in OpenClaw's state directory, in the dialect its reader accepts. Pure.
//
//   NAME=value            white space around the value goes; " #" begins a comment
//   export NAME=value     "export" is ignored
//   NAME="a\nb"           double quotes: \n and \r become line breaks; may span lines
//   NAME='a\nb', NAME=`a` taken as it is; may span lines
//
// The last of several equal names wins. A line that is none of this is skipped, as OpenClaw does.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace b2b {

struct Dotenv {
  std::map<std::string, std::string, std::less<>> values;
  std::vector<std::size_t>
      skipped_lines;  // numbers, from 1, of lines that are neither empty, a comment nor an assignment
};

Dotenv parse_dotenv(std::string_view text);

}  // namespace b2b
