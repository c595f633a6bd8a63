#include "daemon/pages/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace b2b::pages {
namespace {

std::string shown_name(CLI::Option const& option) {
  if (!option.get_lnames().empty()) return "--" + option.get_lnames().front();
  if (!option.get_snames().empty()) return "-" + option.get_snames().front();
  return option.get_name();
}

std::vector<std::string> shown_names(std::set<CLI::Option*> const& options) {
  std::vector<std::string> out;
  for (CLI::Option const* option : options) out.push_back(shown_name(*option));
  std::sort(out.begin(), out.end());  // the set is ordered by address
  return out;
}

// What CLI::IsMember adds to the type: "LAYOUT:{packed,plugin}".
std::vector<std::string> choices_in(std::string const& type) {
  std::vector<std::string> out;
  auto const begin = type.find('{'), end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos) return out;
  std::string word;
  for (char const c : type.substr(begin + 1, end - begin - 1) + ",") {
    if (c != ',') {
      word.push_back(c);
    } else {
      out.push_back(word);
      word.clear();
    }
  }
  return out;
}

Value value_of(Option const& option) {
  if (option.value_name.empty()) return Value::none;
  if (!option.choices.empty()) return Value::choice;
  bool const by_place = option.names.empty();
  if (option.value_name == "FILE" || (option.value_name == "PATH" && !by_place)) return Value::file;
  if (option.value_name == "DIR") return Value::directory;
  if (option.value_name == "KEY=VALUE") return Value::setting;
  if (by_place && (option.value_name == "SNAPSHOT" || option.value_name == "OTHER")) return Value::snapshot;
  return Value::text;
}

Option describe_option(CLI::Option const& from) {
  Option option;
  for (std::string const& name : from.get_lnames()) option.names.push_back("--" + name);
  for (std::string const& name : from.get_snames()) option.names.push_back("-" + name);
  std::string const type = from.get_type_name();
  option.choices = choices_in(type);
  if (option.names.empty()) {
    option.value_name = from.get_name();
  } else if (from.get_items_expected_max() > 0) {
    option.value_name = type.substr(0, type.find(':'));
  }
  option.help = one_line(from.get_description());
  option.required = from.get_required();
  option.repeats = from.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll && from.get_items_expected_max() > 0;
  option.excludes = shown_names(from.get_excludes());
  option.needs = shown_names(from.get_needs());
  option.value = value_of(option);
  return option;
}

void collect(Command const& command, std::string const& path, std::vector<Option const*> const& around, std::vector<Stand>& out) {
  Stand stand{path, &command, {}};
  for (Option const& option : command.options) stand.options.push_back(&option);
  for (Option const* option : around) {
    bool const there = std::any_of(command.options.begin(), command.options.end(),
                                   [&](Option const& own) { return own.names.front() == option->names.front(); });
    if (!there) stand.options.push_back(option);
  }
  std::vector<Option const*> const inherited = stand.options;
  out.push_back(std::move(stand));
  for (Command const& verb : command.verbs) collect(verb, path.empty() ? verb.name : path + " " + verb.name, inherited, out);
}

}  // namespace

Command describe(CLI::App const& app) {
  Command command;
  command.name = app.get_name();
  command.help = one_line(app.get_description());
  command.footer = app.get_footer();
  for (CLI::Option const* option : app.get_options()) {
    Option described = describe_option(*option);
    (described.names.empty() ? command.places : command.options).push_back(std::move(described));
  }
  for (CLI::App const* verb : app.get_subcommands([](CLI::App const*) { return true; })) command.verbs.push_back(describe(*verb));
  return command;
}

std::vector<Stand> stands(Command const& program) {
  std::vector<Stand> out;
  collect(program, "", {}, out);
  return out;
}

std::vector<std::string> options_with_value(Command const& program) {
  std::vector<std::string> out;
  for (Stand const& stand : stands(program))
    for (Option const* option : stand.options)
      if (option->value != Value::none) out.insert(out.end(), option->names.begin(), option->names.end());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::string one_line(std::string_view text) {
  std::string out(text);
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out;
}

std::string joined(std::vector<std::string> const& words, std::string_view between) {
  std::string out;
  for (std::string const& word : words) out += (out.empty() ? "" : std::string(between)) + word;
  return out;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

}  // namespace b2b::pages
