#include "daemon/pages/man_page.h"

#include <algorithm>
#include <sstream>

namespace b2b::pages {
namespace {

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return text;
}

std::string heading(std::string const& name, std::string const& section, std::string const& what, Edition const& edition) {
  return ".\\\" Made from the program's own definitions when it is built (daemon/pages): not to be edited.\n.TH " + upper(name) + " " +
         section + " " + edition.date + " \"b2backupd " + edition.version + "\" \"b2backupd\"\n.SH NAME\n" + troff(name) + " \\- " +
         troff(what) + "\n";
}

std::string bold(std::string const& text) { return "\\fB" + troff(text) + "\\fR"; }
std::string italic(std::string const& text) { return "\\fI" + troff(text) + "\\fR"; }

// "--config FILE, -c FILE"
std::string tag(Option const& option) {
  if (option.names.empty()) return italic(option.value_name);
  std::vector<std::string> shown;
  for (std::string const& name : option.names)
    shown.push_back(bold(name) + (option.value_name.empty() ? "" : " " + italic(option.value_name)));
  return joined(shown, ", ");
}

std::string sentence(std::string text) {
  if (!text.empty() && std::string_view(".:?!").find(text.back()) == std::string_view::npos) text += '.';
  return text;
}

std::string list_of(std::vector<std::string> const& names) {
  std::vector<std::string> shown;
  for (std::string const& name : names) shown.push_back(bold(name));
  return joined(shown, ", ");
}

std::string entry(Option const& option) {
  std::string out = ".TP\n" + tag(option) + "\n" + troff(sentence(option.help)) + "\n";
  if (!option.choices.empty()) out += "One of " + list_of(option.choices) + ".\n";
  if (option.repeats && option.help.find("again") == std::string::npos) out += "May be given again.\n";
  if (option.required && !option.names.empty()) out += "Required.\n";
  if (!option.excludes.empty()) out += "Not together with " + list_of(option.excludes) + ".\n";
  if (!option.needs.empty()) out += "Only with " + list_of(option.needs) + ".\n";
  return out;
}

// "[--dry-run] SNAPSHOT [PATH]"
std::string usage(Command const& command) {
  std::string out;
  for (Option const& option : command.options) {
    if (option.names.front() == "--help" || option.names.front() == "--version") continue;
    std::string const one = bold(option.names.front()) + (option.value_name.empty() ? "" : " " + italic(option.value_name));
    out += " " + (option.required ? one : "[" + one + "]") + (option.repeats ? "..." : "");
  }
  for (Option const& place : command.places) out += " " + (place.required ? italic(place.value_name) : "[" + italic(place.value_name) + "]");
  return out;
}

void add_verbs(Command const& command, std::string const& path, std::string& out) {
  for (Command const& verb : command.verbs) {
    std::string const name = path.empty() ? verb.name : path + " " + verb.name;
    if (!verb.verbs.empty()) {
      add_verbs(verb, name, out);
      continue;
    }
    out += ".SS " + troff(name) + "\n" + bold(name) + usage(verb) + "\n.PP\n" + troff(sentence(verb.help)) + "\n";
    for (Option const& place : verb.places) out += entry(place);
    for (Option const& option : verb.options)
      if (option.names.front() != "--help") out += entry(option);
  }
}

// The sentence "Exit codes: 0 done, 1 failed." of the help, a line each; what else is in the help's last lines goes before.
std::string exit_codes(std::string const& footer, std::string& rest) {
  std::string const text = one_line(footer), begin = "Exit codes: ";
  auto const at = text.find(begin);
  rest = text.substr(0, at == std::string::npos ? text.size() : at);
  if (at == std::string::npos) return {};
  std::string out = ".SH EXIT STATUS\n", one;
  for (char const c : text.substr(at + begin.size()) + ",") {
    if (c != ',') {
      if (!one.empty() || c != ' ') one.push_back(c);
      continue;
    }
    if (one.ends_with('.')) one.pop_back();
    auto const blank = one.find(' ');
    out += ".TP\n" + bold(one.substr(0, blank)) + "\n" + troff(blank == std::string::npos ? "" : one.substr(blank + 1)) + "\n";
    one.clear();
  }
  return out;
}

std::string environment(std::span<KeySpec const> keys) {
  std::string out = ".SH ENVIRONMENT\nThey set keys of the configuration, see\n.BR b2backupd\\-config (5):\n";
  for (KeySpec const& key : keys)
    if (!key.environment.empty()) out += ".TP\n" + bold(std::string(key.environment)) + "\n" + bold(std::string(key.name)) + "\n";
  return out;
}

constexpr char const* files =
    ".SH FILES\n.TP\n.I ~/.config/b2backupd/config.json5\nThe configuration, see\n.BR b2backupd\\-config (5);\nof an OpenClaw profile "
    "P it is\n.IR config\\-P.json5 .\n.TP\n.I /etc/b2backupd/config.json5\nRead where the user has none.\n.TP\n.I ~/.local/state/b2backupd\n"
    "The program's own data: index, spool, journals, keys.\n.TP\n.I ~/.openclaw/b2backupd\nLock and socket of the daemon.\n.TP\n"
    ".I /usr/share/doc/b2backupd\nGuides, in Markdown.\n";

std::string program_options(Command const& program) {
  std::string out = ".SH OPTIONS\n";
  for (Option const& option : program.options) out += entry(option);
  return out;
}

}  // namespace

std::string troff(std::string_view text) {
  std::string out;
  for (char const c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (c == '~') {
      out += "\\(ti";
    } else if (c == '^') {
      out += "\\(ha";
    } else {
      out.push_back(c);
    }
  }
  return out.starts_with('.') ? "\\&" + out : out;
}

std::string broken_lines(std::string_view page) {
  constexpr std::size_t width = 78;
  std::istringstream lines{std::string(page)};
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    while (line.ends_with(' ')) line.pop_back();
    while (!line.starts_with('.') && line.size() > width) {
      auto const at = line.rfind(' ', width);
      // A line that begins with these would be a command.
      if (at == std::string::npos || at == 0 || line[at + 1] == '.' || line[at + 1] == '\'') break;
      out += line.substr(0, at) + "\n";
      line.erase(0, at + 1);
    }
    out += line + "\n";
  }
  return out;
}

std::string daemonctl_page(Command const& program, std::span<KeySpec const> keys, Edition const& edition) {
  std::string rest;
  std::string const codes = exit_codes(program.footer, rest);
  std::string out = heading(program.name, "1", "asks b2backupd, and does its jobs without it", edition);
  out += ".SH SYNOPSIS\n" + bold(program.name) + " [" + italic("options") + "] " + italic("verb") + " ...\n";
  out += ".SH DESCRIPTION\n" + troff(sentence(program.help)) +
         "\n.PP\nWithout\n.B \\-\\-direct\nthe running daemon does the job and daemonctl waits for its end; with it the job is done in this process.\n"
         "The options may stand before the verb or after it.\n.PP\nA\n.I SNAPSHOT\nis an id as\n.B daemonctl snapshots\nlists them, the "
         "beginning of one, or\n.BR latest .\n";
  out += program_options(program) + ".SH VERBS\n";
  add_verbs(program, "", out);
  out += codes + environment(keys) + files;
  return broken_lines(out + ".SH SEE ALSO\n.BR b2backupd (8),\n.BR b2backupd\\-config (5)\n");
}

std::string b2backupd_page(Command const& program, std::span<KeySpec const> keys, Edition const& edition) {
  std::string rest;
  std::string const codes = exit_codes(program.footer, rest);
  std::string out = heading(program.name, "8", "backs up an OpenClaw agent to Backblaze B2 by itself", edition);
  out += ".SH SYNOPSIS\n" + bold(program.name) + usage(program) + "\n";
  out += ".SH DESCRIPTION\n" + troff(program.help) + "\n.PP\n" + troff(rest) + "\n.PP\nFor you, at every login:\n" +
         ".B systemctl \\-\\-user enable \\-\\-now b2backupd\n.PP\nTo set it up first:\n.B daemonctl setup\n";
  out += program_options(program) + codes + environment(keys) + files;
  return broken_lines(out + ".SH SEE ALSO\n.BR daemonctl (1),\n.BR b2backupd\\-config (5)\n");
}

}  // namespace b2b::pages
