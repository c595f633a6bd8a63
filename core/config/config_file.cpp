#include "core/config/config_file.h"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>

#include "core/util/file.h"

namespace b2b {

Result<ConfigFile> read_config_file(std::string const& path, std::uint64_t max_bytes,
                                    std::string_view doing) {
  B2B_ASSIGN(UniqueFd const fd, open_file(path, O_RDONLY | O_NONBLOCK, doing));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return errno_error(errno, doing, path);
  if (!S_ISREG(status.st_mode))
    return make_error(Condition::bad_config,
                      path + " is not a regular file" + (S_ISDIR(status.st_mode) ? " but a directory" : ""),
                      S_ISDIR(status.st_mode) ? "Name the file in it" : "", path);
  if (static_cast<std::uint64_t>(status.st_size) > max_bytes)
    return make_error(Condition::bad_config,
                      path + " is " + std::to_string(status.st_size) + " bytes long; at most " +
                          std::to_string(max_bytes) + " are read",
                      {}, path);
  ConfigFile file;
  file.mode = status.st_mode & 07777u;
  file.text.resize(static_cast<std::size_t>(status.st_size));
  std::span<std::uint8_t> const buffer(reinterpret_cast<std::uint8_t*>(file.text.data()), file.text.size());
  B2B_ASSIGN(std::size_t const length, read_some(fd.get(), buffer, path));
  file.text.resize(length);
  return file;
}

std::optional<std::string> open_secrets_warning(std::string const& path, unsigned mode,
                                                std::string_view what) {
  if ((mode & 0044u) == 0) return std::nullopt;
  char octal[8];
  std::snprintf(octal, sizeof octal, "%04o", mode & 07777u);
  return path + " holds " + std::string(what) + " and can be read by others (mode " + octal +
         "); run: chmod 600 " + path;
}

std::string_view without_final_newline(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

std::string expand_path(std::string_view path, std::string const& base, std::string const& home) {
  std::string result;
  if (path == "~" || path.starts_with("~/")) {
    result = home + std::string(path.substr(1));
  } else if (path.starts_with('/') || path.empty()) {
    result = path;
  } else {
    if (path.starts_with("./")) path.remove_prefix(2);
    result = join_path(base, path);
  }
  while (result.size() > 1 && result.back() == '/')
    result.pop_back();
  return result;
}

}  // namespace b2b
