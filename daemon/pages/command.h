// A program's command line as plain data, taken from the definition that it parses with (CLI11's), for manual pages and completions.
// So they have what the program has, no more and no less. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace b2b::pages {

// What a value is, as far as a shell can help with it.
enum class Value { none, text, choice, file, directory, setting, snapshot };

struct Option {
  std::vector<std::string> names;  // "--quiet", "-q"; none: it is known by its place
  std::string value_name;          // "FILE"; of a place its name, "SNAPSHOT"; empty: a flag
  std::string help;
  Value value = Value::none;
  std::vector<std::string> choices;
  bool required = false;
  bool repeats = false;
  std::vector<std::string> excludes;  // what it does not go together with
  std::vector<std::string> needs;     // what it goes only with
};

struct Command {
  std::string name;
  std::string help;
  std::string footer;
  std::vector<Option> options;
  std::vector<Option> places;  // in their order
  std::vector<Command> verbs;
};

Command describe(CLI::App const& app);

// A verb, or the program itself, with all the options that it takes: its own, then those of what is around it.
struct Stand {
  std::string path;  // "key add"; empty: the program
  Command const* command;
  std::vector<Option const*> options;
};
std::vector<Stand> stands(Command const& program);

// The names of all options, at any verb, that are followed by a value.
std::vector<std::string> options_with_value(Command const& program);

// Text of help in one line, its line breaks made blanks.
std::string one_line(std::string_view text);
std::string joined(std::vector<std::string> const& words, std::string_view between);
// `text` with each `from` replaced.
std::string replaced(std::string text, std::string_view from, std::string_view to);

}  // namespace b2b::pages
