#include "core/packed/key_file.h"

#include <algorithm>
#include <cerrno>

#include <sys/stat.h>

#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b::packed {
namespace {

constexpr std::string_view first_line = "b2backupd packed key v1";
constexpr std::size_t max_file_bytes = 8 << 10;

// The next line without its line feed; nullopt when there is none that ends.
std::optional<std::string_view> next_line(std::string_view& rest) {
  std::size_t const end = rest.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view const line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

// "name <hex>" with exactly that many bytes.
bool read_hex_line(std::optional<std::string_view> line, std::string_view name, std::span<std::uint8_t> out) {
  if (!line || !line->starts_with(name) || line->size() != name.size() + 2 * out.size()) return false;
  auto bytes = from_hex(line->substr(name.size()));
  if (!bytes) return false;
  std::copy(bytes->begin(), bytes->end(), out.begin());
  wipe(bytes->data(), bytes->size());
  return true;
}

}  // namespace

Sha256Digest secret_digest(Key const& master, SlotSecret const& secret) {
  HmacSha256 digest(hkdf(master, "b2backupd packed secret digest v1").bytes());
  digest.update(slot_kind_name(secret.kind));
  digest.update(std::string_view("\0", 1));
  digest.update(secret.secret.reveal());
  return digest.finish();
}

Secret format_key_file(KeyFile const& file) {
  std::string text;
  text.reserve(max_file_bytes);  // no copies of the key are left behind by growing
  text.append(first_line).append("\nrepository ").append(to_hex(file.repository)).append("\nkey ");
  std::string key = to_hex(file.master.bytes());
  text.append(key).append("\n");
  wipe(key.data(), key.size());
  if (file.secrets.size() <= KeyFile::max_secrets)
    for (auto const& [digest, opens] : file.secrets)
      text.append(opens ? "opens " : "fails ").append(to_hex(digest)).append("\n");
  Secret out(text);
  wipe(text.data(), text.size());
  return out;
}

std::optional<KeyFile> parse_key_file(std::string_view text) {
  KeyFile file;
  std::array<std::uint8_t, 32> key{};
  bool const begun = next_line(text) == first_line &&
                     read_hex_line(next_line(text), "repository ", file.repository) &&
                     read_hex_line(next_line(text), "key ", key);
  file.master = Key(key);
  wipe(key.data(), key.size());
  if (!begun) return std::nullopt;
  while (!text.empty()) {
    auto const line = next_line(text);
    Sha256Digest digest{};
    bool const opens = read_hex_line(line, "opens ", digest);
    if (!opens && !read_hex_line(line, "fails ", digest)) return std::nullopt;
    if (file.secrets.size() == KeyFile::max_secrets) return std::nullopt;
    file.secrets[digest] = opens;
  }
  return file;
}

std::optional<KeyFile> read_key_file(std::string const& path, RepositoryId const& repository) {
  auto const not_used = [&](std::string const& why) {
    log_warning("the key file " + path + " is not used: " + why +
                ". The key is derived once more from the configured secret");
    return std::nullopt;
  };
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    int const failed = errno;
    if (failed == ENOENT) return std::nullopt;
    return not_used(errno_error(failed, "look at it", path).text());
  }
  if (!S_ISREG(status.st_mode) || (status.st_mode & 077) != 0)
    return not_used("others than its owner may read it");
  auto text = read_file(path, max_file_bytes);
  if (!text) return not_used(text.error().text());
  auto file = parse_key_file(*text);
  wipe(text->data(), text->size());
  if (!file) return not_used("it is damaged");
  if (file->repository != repository) return std::nullopt;
  return file;
}

Result<void> write_key_file(std::string const& path, KeyFile const& file) {
  return atomic_write_file(path, format_key_file(file).reveal(), 0600);
}

}  // namespace b2b::packed
