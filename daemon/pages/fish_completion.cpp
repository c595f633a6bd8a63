#include "daemon/pages/completion.h"

namespace b2b::pages {
namespace {

std::string quoted(std::string text) { return "'" + replaced(replaced(std::move(text), "\\", "\\\\"), "'", "\\'") + "'"; }

std::string values_for(Option const& option) {
  switch (option.value) {
    case Value::none: return {};
    case Value::file: return " -r -F";
    case Value::directory: return " -x -a '(__fish_complete_directories)'";
    case Value::choice: return " -x -a " + quoted(joined(option.choices, " "));
    case Value::snapshot: return " -x -a latest";
    case Value::setting: return " -x -a \"$settings\"";
    case Value::text: return " -x";
  }
  return {};
}

}  // namespace

std::string fish_completion(Command const& program, std::span<KeySpec const> keys) {
  std::vector<Stand> const all = stands(program);
  std::string const at = "__" + program.name + "_at", begin = "complete -c " + program.name;
  std::string words, lines;
  for (Stand const& stand : all) {
    // The program's own options go everywhere; those of a verb there only.
    std::string const here = " -n " + quoted(at + (stand.path.empty() ? "" : " " + stand.path));
    for (Option const& option : stand.command->options) {
      if (!stand.path.empty() && (option.names.front() == "--help")) continue;
      std::string names;
      for (std::string const& name : option.names) names += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      lines += begin + (stand.path.empty() ? "" : here) + names + values_for(option) + " -d " + quoted(option.help) + "\n";
    }
    for (Option const& place : stand.command->places)
      if (place.value != Value::text) lines += begin + here + values_for(place) + " -d " + quoted(place.help) + "\n";
    for (Command const& verb : stand.command->verbs) {
      lines += begin + here + " -a " + verb.name + " -d " + quoted(verb.help) + "\n";
      words += "      case " + quoted(stand.path.empty() ? " " + verb.name : stand.path + " " + verb.name) + "\n        set verb " +
               quoted(stand.path.empty() ? verb.name : stand.path + " " + verb.name) + "\n";
    }
  }
  return "# fish completion for " + program.name + ". Made when it is built (daemon/pages): not to be edited.\n" +
         "# Whether these verbs, and no others, stand on the command line.\nfunction " + at +
         "\n  set -l verb ''\n  set -l value no\n  for word in (commandline -opc)[2..-1]\n    if test $value = yes\n      set value no\n"
         "      continue\n    end\n    if contains -- \"$word\" " + joined(options_with_value(program), " ") +
         "\n      set value yes\n      continue\n    end\n    switch \"$verb $word\"\n" + words + "    end\n  end\n  test \"$verb\" = \"$argv\"\nend\n" +
         "set -l settings '" + joined(settings_of(keys), " ") + "'\n" + begin + " -f\n" + lines;
}

}  // namespace b2b::pages
