#include "daemon/pages/completion.h"

namespace b2b::pages {
namespace {

std::string quoted(std::string const& text) { return "'" + replaced(text, "'", "'\\''") + "'"; }

std::string names_of(std::vector<Option const*> const& options) {
  std::vector<std::string> names;
  for (Option const* option : options) names.insert(names.end(), option->names.begin(), option->names.end());
  return joined(names, " ");
}

std::string offer_for(Option const& option) {
  switch (option.value) {
    case Value::file: return "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$current\")";
    case Value::directory: return "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$current\")";
    case Value::choice: return "mapfile -t COMPREPLY < <(compgen -W " + quoted(joined(option.choices, " ")) + " -- \"$current\")";
    case Value::snapshot: return "mapfile -t COMPREPLY < <(compgen -W latest -- \"$current\")";
    case Value::setting: return "compopt -o nospace 2>/dev/null; mapfile -t COMPREPLY < <(compgen -W \"$settings\" -- \"$current\")";
    case Value::none:
    case Value::text: return ":";
  }
  return ":";
}

// What may follow an option, at the program (then at every verb) and at each verb.
std::string values_after_options(std::vector<Stand> const& all) {
  std::string own, common;
  for (Stand const& stand : all)
    for (Option const& option : stand.command->options) {
      if (option.value == Value::none) continue;
      std::vector<std::string> patterns;
      for (std::string const& name : option.names) patterns.push_back(stand.path.empty() ? "*:" + name : quoted(stand.path) + ":" + name);
      (stand.path.empty() ? common : own) += "      " + joined(patterns, " | ") + ") " + offer_for(option) + " ;;\n";
    }
  return own + common;
}

}  // namespace

std::vector<std::string> settings_of(std::span<KeySpec const> keys) {
  std::vector<std::string> out;
  for (KeySpec const& key : keys) out.push_back(std::string(key.name) + "=");
  return out;
}

std::string bash_completion(Command const& program, std::span<KeySpec const> keys) {
  std::vector<Stand> const all = stands(program);
  std::string verbs, places, options;
  for (Stand const& stand : all) {
    options += "    " + quoted(stand.path) + ") options='" + names_of(stand.options) + "' ;;\n";
    std::vector<std::string> below;
    for (Command const& verb : stand.command->verbs) {
      below.push_back(verb.name);
      verbs += "      " + quoted(stand.path + ":" + verb.name) + ") verb=" + quoted(stand.path.empty() ? verb.name : stand.path + " " + verb.name) + " ;;\n";
    }
    if (!below.empty())
      places += "    " + quoted(stand.path + ":0") + ") mapfile -t COMPREPLY < <(compgen -W " + quoted(joined(below, " ")) + " -- \"$current\") ;;\n";
    for (std::size_t i = 0; i < stand.command->places.size(); ++i)
      places += "    " + quoted(stand.path + ":" + std::to_string(i)) + ") " + offer_for(stand.command->places[i]) + " ;;\n";
  }
  std::string const function = "_" + program.name;
  return "# bash completion for " + program.name + ". Made when it is built (daemon/pages): not to be edited.\n" + function +
         "() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} option= verb= options= place=0 word i\n"
         "  local settings='" + joined(settings_of(keys), " ") + "'\n"
         "  COMPREPLY=()\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    word=${COMP_WORDS[i]}\n"
         "    if [[ $word == [=:]* ]]; then  # bash makes these words of their own, in --option=value, key=value and https://\n"
         "      [[ -n $option ]] || ((i += 1))\n"
         "      ((i < COMP_CWORD)) || return 0\n"
         "      continue\n"
         "    fi\n"
         "    if [[ -n $option ]]; then option=; continue; fi\n"
         "    case $verb:$word in\n"
         "      " + [&] {
           std::vector<std::string> patterns;
           for (std::string const& name : options_with_value(program)) patterns.push_back("*:" + name);
           return joined(patterns, " | ");
         }() + ") option=$word ;;\n"
         "      *:-*) ;;\n" + verbs +
         "      *) ((place += 1)) ;;\n"
         "    esac\n"
         "  done\n"
         "  if [[ $current == = ]]; then\n"
         "    [[ -n $option ]] || return 0\n"
         "    current=\n"
         "  fi\n"
         "  if [[ -n $option ]]; then\n"
         "    case $verb:$option in\n" + values_after_options(all) +
         "    esac\n"
         "    return 0\n"
         "  fi\n"
         "  if [[ $current == -* ]]; then\n"
         "    case $verb in\n" + replaced(options, "    '", "      '") +
         "    esac\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$current\")\n"
         "    return 0\n"
         "  fi\n"
         "  case $verb:$place in\n" + places +
         "    *) ;;\n"
         "  esac\n"
         "}\n"
         "complete -F " + function + " " + program.name + "\n";
}

}  // namespace b2b::pages
