// Manifests come from a bucket that others can write to. The input is taken as it is, and once more with a
// digest that fits, so that what stands behind the digest is reached, too.
#include <cstdint>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/crypto/hash.h"
#include "core/snapshot/layout.h"
#include "core/snapshot/manifest.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace {

b2b::SnapshotId const& id() {
  static b2b::SnapshotId const value = b2b::parse_snapshot_id("2026-02-19T12-00-00-000Z-1a2b3c4d").value();
  return value;
}

// A file in memory that can be opened by name.
class MemoryFile {
 public:
  MemoryFile()
      : fd_(::memfd_create("manifest", MFD_CLOEXEC)), path_("/proc/self/fd/" + std::to_string(fd_.get())) {}
  std::string const& fill(std::string_view text) {
    bool const good = ::ftruncate(fd_.get(), 0) == 0 && ::lseek(fd_.get(), 0, SEEK_SET) == 0;
    B2B_ASSERT(good && b2b::write_all(fd_.get(), b2b::as_bytes(text), path_));
    return path_;
  }

 private:
  b2b::UniqueFd fd_;
  std::string path_;
};

void read(std::string_view text) {
  static MemoryFile file;
  static b2b::Keyring keyring({});
  std::uint64_t files = 0, bytes = 0;
  auto const result =
      b2b::read_manifest(file.fill(text), id(), keyring, [&](b2b::ManifestEntry&& item) -> b2b::Result<void> {
        if (item.entry.type != b2b::EntryType::file) return {};
        ++files;
        bytes += item.entry.size;
        if (b2b::layout::is_escaped(item.stored_name) && item.stored_name != item.entry.path)
          B2B_ASSERT(b2b::layout::escaped_name(item.entry.path) == item.stored_name);
        return {};
      });
  if (!result) {
    B2B_ASSERT(!result.error().message.empty());
    return;
  }
  B2B_ASSERT(result->info.files == files && result->info.bytes == bytes);
  B2B_ASSERT(result->info.ours == (result->signature != b2b::Signature::none));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string const text(b2b::as_text({data, size}));
  read(text);
  read(text + ",\"digest\":\"sha256:" + b2b::to_hex(b2b::sha256(text)) + "\"}\n");
  (void)b2b::peek_manifest_header(text, id());
  return 0;
}
