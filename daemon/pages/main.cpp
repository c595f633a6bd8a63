// b2b_pages FOLDER DATE: writes manual pages and completions into FOLDER. Part of the build, not installed.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "daemon/control/arguments.h"
#include "daemon/pages/completion.h"
#include "daemon/pages/man_page.h"
#include "daemon/service/arguments.h"

namespace b2b::pages {
namespace {

bool write(std::filesystem::path const& path, std::string const& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) std::fprintf(stderr, "%s cannot be written\n", path.c_str());
  return bool(file);
}

bool write_completions(std::filesystem::path const& folder, Command const& program) {
  auto const keys = key_table();
  return write(folder / "bash" / program.name, bash_completion(program, keys)) &&
         write(folder / "zsh" / ("_" + program.name), zsh_completion(program, keys)) &&
         write(folder / "fish" / (program.name + ".fish"), fish_completion(program, keys)) &&
         write(folder / "powershell" / (program.name + ".ps1"), powershell_completion(program, keys));
}

int run(std::filesystem::path const& folder, Edition const& edition) {
  Command control, service;
  daemonctl::with_command_line([&](CLI::App const& app) { control = describe(app); });
  b2b::service::with_command_line([&](CLI::App const& app) { service = describe(app); });
  auto const keys = key_table();
  bool const written = write(folder / "man" / "daemonctl.1", daemonctl_page(control, keys, edition)) &&
                       write(folder / "man" / "b2backupd.8", b2backupd_page(service, keys, edition)) &&
                       write(folder / "man" / "b2backupd-config.5", configuration_page(keys, edition)) &&
                       write_completions(folder, control) && write_completions(folder, service);
  return written ? 0 : 1;
}

}  // namespace
}  // namespace b2b::pages

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("b2b_pages FOLDER DATE\n", stderr);
    return 64;
  }
  return b2b::pages::run(argv[1], {B2B_VERSION, argv[2]});
}
