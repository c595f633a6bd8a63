#include "daemon/pages/completion.h"

namespace b2b::pages {
namespace {

std::string quoted(std::string const& text) { return "'" + replaced(text, "'", "'\\''") + "'"; }

// Text inside the brackets of a specification.
std::string described(std::string text) {
  text = replaced(std::move(text), "\\", "\\\\");
  for (char const* each : {"[", "]", ":"}) text = replaced(std::move(text), each, std::string("\\") + each);
  return text;
}

// ":FILE:_files"
std::string action_for(Option const& option) {
  std::string const begin = ":" + described(option.value_name) + ":";
  switch (option.value) {
    case Value::none: return {};
    case Value::file: return begin + "_files";
    case Value::directory: return begin + "_files -/";
    case Value::choice: return begin + "(" + joined(option.choices, " ") + ")";
    case Value::snapshot: return begin + "(latest)";
    case Value::setting: return begin + "->setting";
    case Value::text: return begin;
  }
  return {};
}

std::string specification(Option const& option) {
  std::string out;
  std::vector<std::string> const excluded = [&] {
    std::vector<std::string> names = option.repeats ? std::vector<std::string>{} : option.names;
    names.insert(names.end(), option.excludes.begin(), option.excludes.end());
    return names;
  }();
  for (std::string const& name : option.names) {
    std::string one = excluded.empty() ? "" : "(" + joined(excluded, " ") + ")";
    one += (option.repeats ? "*" : "") + name;
    if (option.value != Value::none) one += name.starts_with("--") ? "=" : "+";
    out += "    " + quoted(one + "[" + described(option.help) + "]" + action_for(option)) + " \\\n";
  }
  return out;
}

std::string function_name(Command const& program, std::string const& path) {
  return "_" + program.name + (path.empty() ? "" : "_" + replaced(replaced(path, " ", "_"), "-", "_"));
}

std::string function_of(Command const& program, Stand const& stand) {
  Command const& command = *stand.command;
  std::string const name = function_name(program, stand.path);
  std::string out = name + "() {\n  local curcontext=$curcontext state line ret=1\n  typeset -A opt_args\n  _arguments -C \\\n";
  for (Option const* option : stand.options) out += specification(*option);
  std::size_t number = 0;
  for (Option const& place : command.places)
    out += "    " + quoted(std::to_string(++number) + (place.required ? "" : ":") + action_for(place)) + " \\\n";
  if (!command.verbs.empty()) out += "    '1: :->verb' '*:: :->arguments' \\\n";
  out += "    && ret=0\n  case $state in\n    setting) compadd -S '' -- $settings && ret=0 ;;\n";
  if (!command.verbs.empty()) {
    out += "    verb)\n      local -a verbs=(\n";
    for (Command const& verb : command.verbs) out += "        " + quoted(verb.name + ":" + replaced(verb.help, ":", "\\:")) + "\n";
    out += "      )\n      _describe verb verbs && ret=0 ;;\n    arguments)\n      case $words[1] in\n";
    for (Command const& verb : command.verbs)
      out += "        " + verb.name + ") " + function_name(program, stand.path.empty() ? verb.name : stand.path + " " + verb.name) + " && ret=0 ;;\n";
    out += "      esac ;;\n";
  }
  return out + "  esac\n  return ret\n}\n";
}

}  // namespace

std::string zsh_completion(Command const& program, std::span<KeySpec const> keys) {
  std::string const first = "_" + program.name;
  std::string out = "#compdef " + program.name + "\n# Made when " + program.name + " is built (daemon/pages): not to be edited.\n";
  for (Stand const& stand : stands(program)) {
    std::string function = function_of(program, stand);
    if (stand.path.empty())
      function = replaced(std::move(function), "  typeset -A opt_args\n",
                          "  typeset -A opt_args\n  local -a settings=(" + joined(settings_of(keys), " ") + ")\n");
    out += function;
  }
  return out + "if [ \"$funcstack[1]\" = " + first + " ]; then " + first + " \"$@\"; else compdef " + first + " " + program.name + "; fi\n";
}

}  // namespace b2b::pages
