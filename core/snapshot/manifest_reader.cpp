#include <algorithm>
#include <array>
#include <deque>

#include <fcntl.h>

#include "core/crypto/hash.h"
#include "core/snapshot/manifest.h"
#include "core/snapshot/manifest_digest.h"
#include "core/snapshot/manifest_fields.h"
#include "core/snapshot/manifest_parser.h"
#include "core/util/file.h"

namespace b2b {
namespace {

namespace json = boost::json;
using manifest::corrupt;

Result<void> check_version(SnapshotId const& id, std::int64_t number) {
  if (number == manifest::format_version) return {};
  if (number < manifest::format_version) return corrupt(id, "its version is " + std::to_string(number));
  return make_error(Condition::unsupported,
                    "the manifest of snapshot " + printable(id.text) + " has version " +
                        std::to_string(number) + ", this program reads version " +
                        std::to_string(manifest::format_version),
                    "Use the newer b2backupd that wrote it", id.text);
}

Result<manifest::Header> parse_header(SnapshotId const& id, json::object const& object) {
  manifest::Header out;
  std::string problem;
  if (!manifest::read_header(object, out, problem)) return corrupt(id, "in its header, " + problem);
  return out;
}

// Looks for the header only and ends the parsing behind it, or where "files" begins.
class HeaderScan final : public manifest::Events {
 public:
  explicit HeaderScan(SnapshotId const& id) : id_(id) {}
  std::optional<manifest::Header> found;
  bool done = false;

  Result<void> version(std::int64_t number) override { return check_version(id_, number); }
  Result<void> timestamp(std::string_view text) override {
    timestamp_ = text;
    return {};
  }
  Result<void> header(json::object&& header) override {
    B2B_ASSIGN(found, parse_header(id_, header));
    found->info.id = id_;
    found->info.timestamp = timestamp_;
    return enough();
  }
  Result<void> files_begin() override { return enough(); }
  Result<void> file(std::string_view, json::object const&) override { return {}; }
  Result<void> other(json::object const&) override { return {}; }
  Result<void> skipped(json::object const&) override { return {}; }
  Result<void> digest() override { return {}; }

 private:
  Result<void> enough() {
    done = true;
    return make_error(Condition::cancelled,
                      "the header was read");  // ends the parser; `done` says that all is well
  }
  SnapshotId const& id_;
  std::string timestamp_;
};

// The whole manifest. Without `visit` it only checks.
class EntryReader final : public manifest::Events {
 public:
  using Visit = std::function<Result<void>(ManifestEntry&&)>;
  EntryReader(SnapshotId const& id, bool signed_by_us, Visit const* visit)
      : id_(id), signed_(signed_by_us), visit_(visit) {
    info_.id = id;
  }

  Result<void> version(std::int64_t number) override { return check_version(id_, number); }
  Result<void> timestamp(std::string_view text) override {
    info_.timestamp = text;
    return {};
  }
  Result<void> header(json::object&& header) override {
    if (in_entries_) return corrupt(id_, "its header stands behind its files");
    B2B_ASSIGN(manifest::Header parsed, parse_header(id_, header));
    if (parsed.id_text != id_.text)
      return corrupt(id_, "it was written for snapshot " + printable(parsed.id_text) + " and copied here");
    std::string const timestamp = info_.timestamp;
    info_ = std::move(parsed.info);
    info_.id = id_;
    info_.timestamp = timestamp;
    return {};
  }
  Result<void> files_begin() override {
    in_entries_ = true;
    if (info_.ours != signed_)
      return corrupt(id_, info_.ours ? "its digest is missing" : "its header is missing");
    return {};
  }
  Result<void> file(std::string_view name, json::object const& object) override {
    ManifestEntry out;
    std::string problem;
    if (!manifest::read_file(object, name, info_.ours, out, problem))
      return corrupt(id_, in_words(name, problem));
    B2B_TRY(note(out.entry, last_file_));
    ++files_;
    bytes_ += out.entry.size;
    return pass_on(std::move(out));
  }
  Result<void> other(json::object const& object) override {
    if (!info_.ours) return {};  // no member that the plugin knows
    ManifestEntry out;
    std::string problem;
    if (!manifest::read_other(object, out.entry, problem))
      return corrupt(id_, in_words(out.entry.path, problem));
    B2B_TRY(note(out.entry, last_other_));
    return pass_on(std::move(out));
  }
  Result<void> skipped(json::object const& object) override {
    if (!info_.ours || info_.skipped.size() >= manifest::max_skipped_recorded) return {};
    std::string problem;
    if (!manifest::read_skipped(object, info_.skipped.emplace_back(), problem))
      return corrupt(id_, "in \"skipped\", " + problem);
    return {};
  }
  Result<void> digest() override {
    // A true digest is the end of the file, and was found there before.
    return signed_ ? Result<void>() : corrupt(id_, "its digest is not at its end");
  }

  Result<SnapshotInfo> finish() {
    if (has_duplicates()) return corrupt(id_, "a path is there twice");
    if (info_.ours && (info_.files != files_ || info_.bytes != bytes_))
      return corrupt(id_, "it lists " + std::to_string(files_) + " files and its header says " +
                              std::to_string(info_.files));
    info_.files = files_;
    info_.bytes = bytes_;
    return std::move(info_);
  }

 private:
  static std::string in_words(std::string_view path, std::string const& problem) {
    return "at \"" + printable(path.substr(0, 200)) + "\", " + problem;
  }
  // Ours come in ascending order; for others' manifests the paths' hashes are compared at the end of the
  // checking pass.
  Result<void> note(Entry const& entry, std::optional<std::string>& last) {
    if (info_.ours) {
      if (last && *last >= entry.path)
        return corrupt(id_, in_words(entry.path, "the order of its entries is broken"));
      last = entry.path;
    } else if (visit_ == nullptr) {
      PathHash hash;
      auto const digest = sha256(entry.path);
      std::copy_n(digest.begin(), hash.size(), hash.begin());
      hashes_.push_back(hash);
    }
    return {};
  }
  Result<void> pass_on(ManifestEntry&& entry) {
    return visit_ == nullptr ? Result<void>() : (*visit_)(std::move(entry));
  }
  bool has_duplicates() {
    std::sort(hashes_.begin(), hashes_.end());
    return std::adjacent_find(hashes_.begin(), hashes_.end()) != hashes_.end();
  }

  using PathHash = std::array<std::uint8_t, 16>;
  SnapshotId const& id_;
  bool const signed_;
  Visit const* const visit_;
  SnapshotInfo info_;
  bool in_entries_ = false;
  std::uint64_t files_ = 0;
  std::uint64_t bytes_ = 0;
  std::optional<std::string> last_file_;
  std::optional<std::string> last_other_;
  std::deque<PathHash> hashes_;
};

constexpr std::size_t chunk_bytes = 64 * 1024;

// The header of the manifest in `path`, not verified; nullopt: there is none.
Result<std::optional<manifest::Header>> scan_header(std::string const& path, SnapshotId const& id) {
  B2B_ASSIGN(UniqueFd const fd, open_file(path, O_RDONLY, "open the manifest"));
  HeaderScan scan(id);
  manifest::Parser parser(id, scan);
  std::string chunk(chunk_bytes, '\0');
  while (true) {
    std::span<std::uint8_t> const buffer(reinterpret_cast<std::uint8_t*>(chunk.data()), chunk.size());
    B2B_ASSIGN(std::size_t const count, read_some(fd.get(), buffer, path));
    auto const result = count == 0 ? parser.finish() : parser.feed(std::string_view(chunk).substr(0, count));
    if (scan.done) return std::move(scan.found);
    if (!result) return result.error();
    if (count == 0) return std::move(scan.found);
  }
}

Result<SnapshotInfo> read_entries(std::string const& path, SnapshotId const& id, bool signed_by_us,
                                  EntryReader::Visit const* visit) {
  B2B_ASSIGN(UniqueFd const fd, open_file(path, O_RDONLY, "open the manifest"));
  EntryReader reader(id, signed_by_us, visit);
  manifest::Parser parser(id, reader);
  std::string chunk(chunk_bytes, '\0');
  while (true) {
    std::span<std::uint8_t> const buffer(reinterpret_cast<std::uint8_t*>(chunk.data()), chunk.size());
    B2B_ASSIGN(std::size_t const count, read_some(fd.get(), buffer, path));
    if (count == 0) break;
    B2B_TRY(parser.feed(std::string_view(chunk).substr(0, count)));
  }
  B2B_TRY(parser.finish());
  return reader.finish();
}

}  // namespace

Result<ManifestRead> read_manifest(std::string const& path, SnapshotId const& expected, Keyring& keyring,
                                   std::function<Result<void>(ManifestEntry&&)> const& visit) {
  B2B_ASSIGN(auto const header, scan_header(path, expected));
  B2B_ASSIGN(Signature const signature, manifest::verify_digest(path, expected, header, keyring));
  bool const signed_by_us = signature != Signature::none;
  if (signature != Signature::valid) B2B_TRY(read_entries(path, expected, signed_by_us, nullptr));
  B2B_ASSIGN(SnapshotInfo info, read_entries(path, expected, signed_by_us, &visit));
  return ManifestRead{std::move(info), signature};
}

std::optional<SnapshotInfo> peek_manifest_header(std::string_view first_bytes, SnapshotId const& expected) {
  HeaderScan scan(expected);
  manifest::Parser parser(expected, scan);
  if (parser.feed(first_bytes) || !scan.done || !scan.found || scan.found->id_text != expected.text)
    return std::nullopt;
  return std::move(scan.found->info);
}

}  // namespace b2b
