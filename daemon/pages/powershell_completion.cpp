#include "daemon/pages/completion.h"

namespace b2b::pages {
namespace {

std::string quoted(std::string const& text) { return "'" + replaced(text, "'", "''") + "'"; }

std::string list_of(std::vector<std::string> const& words) {
  std::vector<std::string> all;
  for (std::string const& word : words) all.push_back(quoted(word));
  return "@(" + joined(all, ", ") + ")";
}

// One candidate: what is put in, and what is said of it.
std::string candidate(std::string const& word, std::string const& help) { return "      @(" + quoted(word) + ", " + quoted(help.empty() ? word : help) + ")\n"; }

// Values of options, by name; files and folders are PowerShell's own business.
std::string values(std::vector<Stand> const& all) {
  std::string out;
  for (Stand const& stand : all)
    for (Option const& option : stand.command->options) {
      if (option.value == Value::none) continue;
      std::string offered = "$null";
      if (option.value == Value::choice) offered = list_of(option.choices);
      if (option.value == Value::setting) offered = "$settings";
      for (std::string const& name : option.names) out += "    " + quoted(stand.path + ":" + name) + " = " + offered + "\n";
    }
  return out;
}

}  // namespace

std::string powershell_completion(Command const& program, std::span<KeySpec const> keys) {
  std::vector<Stand> const all = stands(program);
  std::string verbs, candidates;
  for (Stand const& stand : all) {
    candidates += "    " + quoted(stand.path) + " = @(\n";
    for (Command const& verb : stand.command->verbs) {
      std::string const path = stand.path.empty() ? verb.name : stand.path + " " + verb.name;
      verbs += "    " + quoted(path) + " = $true\n";
      candidates += candidate(verb.name, verb.help);
    }
    for (Option const& place : stand.command->places) {
      if (place.value == Value::snapshot) candidates += candidate("latest", place.help);
      for (std::string const& choice : place.choices) candidates += candidate(choice, place.help);
    }
    for (Option const* option : stand.options)
      for (std::string const& name : option->names) candidates += candidate(name, option->help);
    candidates += "    )\n";
  }
  return "# PowerShell completion for " + program.name + ". Made when it is built (daemon/pages): not to be edited.\n"
         "# To use it:  . ./" + program.name + ".ps1  in $PROFILE\n"
         "Register-ArgumentCompleter -Native -CommandName " + quoted(program.name) + " -ScriptBlock {\n"
         "  param($wordToComplete, $commandAst, $cursorPosition)\n"
         "  $settings = " + list_of(settings_of(keys)) + "\n"
         "  $values = @{\n" + values(all) + "  }\n"
         "  $verbs = @{\n" + verbs + "  }\n"
         "  $candidates = @{\n" + candidates + "  }\n"
         "  $verb = ''\n"
         "  $option = ''\n"
         "  foreach ($element in @($commandAst.CommandElements | Select-Object -Skip 1)) {\n"
         "    $word = $element.ToString()\n"
         "    if ($element.Extent.EndOffset -ge $cursorPosition -and $word -eq $wordToComplete) { break }\n"
         "    if ($option) { $option = ''; continue }\n"
         "    $path = \"$verb $word\".Trim()\n"
         "    if ($values.ContainsKey(\"${verb}:$word\")) { $option = \"${verb}:$word\" }\n"
         "    elseif ($values.ContainsKey(\":$word\")) { $option = \":$word\" }\n"
         "    elseif ($verbs.ContainsKey($path)) { $verb = $path }\n"
         "  }\n"
         "  if ($option) {\n"
         "    $values[$option] | Where-Object { $_ -like \"$wordToComplete*\" } |\n"
         "      ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }\n"
         "    return\n"
         "  }\n"
         "  $candidates[$verb] | Where-Object { $_[0] -like \"$wordToComplete*\" } |\n"
         "    ForEach-Object { [System.Management.Automation.CompletionResult]::new($_[0], $_[0], 'ParameterValue', $_[1]) }\n"
         "}\n";
}

}  // namespace b2b::pages
