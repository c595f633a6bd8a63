#include <algorithm>
#include <variant>

#include "core/capture/metadata.h"
#include "core/crypto/hash.h"
#include "core/snapshot/layout.h"
#include "core/snapshot/manifest.h"
#include "core/snapshot/manifest_fields.h"
#include "core/util/encoding.h"

namespace b2b {
namespace {

constexpr std::size_t flush_bytes = 64 * 1024;
// Three names of up to 4096 bytes, escaped: what stands in an entry besides its attributes.
static_assert(xattr_budget_bytes + 3 * 6 * 4096 + 4096 <= manifest::max_written_entry);

// Whichever digest ends the manifest.
class Digest {
 public:
  explicit Digest(Key const* key) : keyed_(key != nullptr), state_(make(key)) {}
  void update(std::string_view text) {
    std::visit([&](auto& state) { state.update(text); }, state_);
  }
  std::string finish() {
    auto const value = std::visit([](auto& state) { return state.finish(); }, state_);
    return std::string(keyed_ ? manifest::keyed_name : manifest::unkeyed_name) + to_hex(value);
  }

 private:
  using State = std::variant<Sha256, HmacSha256>;
  static State make(Key const* key) {
    if (key == nullptr) return State(std::in_place_type<Sha256>);
    return State(std::in_place_type<HmacSha256>, key->bytes());
  }
  bool keyed_;
  State state_;
};

}  // namespace

struct ManifestWriter::Impl {
  enum class Section { files, others, finished };

  Impl(ByteSink& target, SnapshotInfo const& what, Key const* digest_key, std::size_t room)
      : sink(target), info(what), digest(digest_key), key_room(room) {
    buffer = "{\"version\":" + std::to_string(manifest::format_version) + ",\"timestamp\":";
    manifest::append_string(buffer, info.timestamp);
    buffer += ",\"b2backupd\":" + manifest::header_json(info, digest_key) + ",\n\"files\":{";
  }

  ByteSink& sink;
  SnapshotInfo const info;
  Digest digest;
  std::size_t const key_room;
  std::string buffer;  // written, not yet digested and sent
  Section section = Section::files;
  bool first = true;      // of its section
  std::string last_path;  // of its section
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;

  Result<void> flush() {
    digest.update(buffer);
    B2B_TRY(sink.write(as_bytes(buffer)));
    buffer.clear();
    return {};
  }

  Result<void> add(Entry const& entry, std::string const& text) {
    if (std::string const problem = path_problem(entry.path); !problem.empty())
      return make_error(Condition::internal,
                        "cannot record \"" + printable(entry.path) + "\" in a manifest: the path " + problem,
                        {}, entry.path);
    if (text.size() > manifest::max_written_entry)
      return make_error(Condition::limit,
                        "cannot record \"" + printable(entry.path) + "\": its name and attributes take " +
                            std::to_string(text.size()) + " bytes, over the limit of 1 MB",
                        "Exclude it, or remove its extended attributes", entry.path);
    B2B_ASSERT(first || last_path < entry.path);
    buffer += first ? "\n" : ",\n";
    buffer += text;
    first = false;
    last_path = entry.path;
    return buffer.size() < flush_bytes ? Result<void>() : flush();
  }

  void begin_others() {
    if (section != Section::files) return;
    buffer += "\n},\n\"others\":[";
    section = Section::others;
    first = true;
  }

  Result<void> write_skipped() {
    buffer += "\n],\n\"skipped\":[";
    std::size_t const count = std::min(info.skipped.size(), manifest::max_skipped_recorded);
    for (std::size_t i = 0; i < count; ++i) {
      buffer += i == 0 ? "\n" : ",\n";
      buffer += manifest::skipped_json(info.skipped[i].first, info.skipped[i].second);
      if (buffer.size() >= flush_bytes) B2B_TRY(flush());
    }
    buffer += "\n]";
    return {};
  }
};

ManifestWriter::ManifestWriter(ByteSink& sink, SnapshotInfo const& info, Key const* digest_key,
                               std::size_t key_room)
    : impl_(std::make_unique<Impl>(sink, info, digest_key, key_room)) {}
ManifestWriter::~ManifestWriter() = default;

Result<void> ManifestWriter::add_file(Entry const& entry) {
  B2B_ASSERT(impl_->section == Impl::Section::files && entry.type == EntryType::file);
  B2B_TRY(impl_->add(entry, manifest::file_json(entry, layout::stored_name(entry.path, impl_->key_room))));
  ++impl_->files;
  impl_->bytes += entry.size;
  return {};
}

Result<void> ManifestWriter::add_other(Entry const& entry) {
  B2B_ASSERT(impl_->section != Impl::Section::finished && entry.type != EntryType::file);
  impl_->begin_others();
  return impl_->add(entry, manifest::other_json(entry));
}

Result<void> ManifestWriter::finish() {
  B2B_ASSERT(impl_->section != Impl::Section::finished);
  B2B_ASSERT(impl_->files == impl_->info.files && impl_->bytes == impl_->info.bytes);
  impl_->begin_others();
  B2B_TRY(impl_->write_skipped());
  B2B_TRY(impl_->flush());
  impl_->section = Impl::Section::finished;
  std::string const tail =
      std::string(manifest::digest_member) + impl_->digest.finish() + std::string(manifest::digest_end);
  return impl_->sink.write(as_bytes(tail));
}

}  // namespace b2b
