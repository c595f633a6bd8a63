// b2backupd-config(5): every key, from the table that the configuration is checked with.
#include "core/config/duration_text.h"
#include "daemon/pages/man_page.h"

namespace b2b::pages {
namespace {

std::string bold(std::string_view text) { return "\\fB" + troff(text) + "\\fR"; }

std::string kind_of(KeySpec const& key) {
  switch (key.type) {
    case KeyType::text: return "text";
    case KeyType::path: return "path";
    case KeyType::flag: return "true or false";
    case KeyType::integer: return "whole number";
    case KeyType::size: return "bytes";
    case KeyType::rate: return "bytes per second";
    case KeyType::duration: return "length of time";
    case KeyType::choice: return replaced(std::string(key.choices), " ", " or ");
    case KeyType::text_list: return "list of texts";
    case KeyType::arguments: return "list of arguments";
  }
  return {};
}

std::string bounds_of(KeySpec const& key) {
  switch (key.type) {
    case KeyType::integer:
      return "From " + std::to_string(key.minimum) + " to " + std::to_string(key.maximum) + ".";
    case KeyType::duration:
      return "From " + format_duration(std::chrono::seconds(key.minimum)) + " to " + format_duration(std::chrono::seconds(key.maximum)) + ".";
    default:
      return {};
  }
}

std::string entry(KeySpec const& key) {
  std::string out = ".TP\n" + bold(key.name) + " (" + troff(kind_of(key)) + ")\n" + troff(key.description) + "\n";
  if (std::string const bounds = bounds_of(key); !bounds.empty()) out += troff(bounds) + "\n";
  if (!key.default_text.empty()) out += "Default: " + bold(key.default_text) + ".\n";
  if (!key.environment.empty()) out += "Environment: " + bold(key.environment) + ".\n";
  if (key.secret) out += "Secret: it is never shown.\n";
  if (key.in_openclaw_json) out += "Also from the plugin\\(aqs entry in openclaw.json.\n";
  return out;
}

}  // namespace

std::string configuration_page(std::span<KeySpec const> keys, Edition const& edition) {
  std::string out = ".\\\" Made from the table of keys when the program is built (daemon/pages): not to be edited.\n.TH B2BACKUPD-CONFIG 5 " +
                    edition.date + " \"b2backupd " + edition.version + "\" \"b2backupd\"\n" +
                    ".SH NAME\nb2backupd\\-config \\- configuration of b2backupd and daemonctl\n"
                    ".SH SYNOPSIS\n.I ~/.config/b2backupd/config.json5\n.br\n.I /etc/b2backupd/config.json5\n"
                    ".SH DESCRIPTION\nThe file is JSON5: JSON with comments, trailing commas and names without quotes. It holds secrets, so nobody "
                    "else may read it\n(\\fBchmod 600\\fR).\n.B daemonctl setup\nwrites one,\n.B daemonctl config check\nsays what is wrong with it, and\n"
                    ".B daemonctl config show\nwhere each value comes from: the command line, the environment, the file, and for some keys the plugin\\(aqs entry in "
                    "openclaw.json; the first that has it wins.\n.PP\nA dot stands for an object inside:\n.B limits.upload\nis written\n"
                    ".BR \"limits: { upload: \\(dq2MB/s\\(dq }\" .\nLengths of time are seconds or text like\n.BR 5m ,\nsizes are bytes or text like\n"
                    ".BR 256MiB .\nAn unknown key is an error that names the nearest known one.\n.SH KEYS\n";
  for (KeySpec const& key : keys) out += entry(key);
  out += ".SH EXAMPLE\n.nf\n{\n  bucket: \\(dqmy\\-bucket\\(dq,\n  keyId: \\(dq004...\\(dq,\n  applicationKey: \\(dqK004...\\(dq,\n}\n.fi\n";
  return broken_lines(out + ".SH SEE ALSO\n.BR b2backupd (8),\n.BR daemonctl (1)\n");
}

}  // namespace b2b::pages
