#include "core/engine/manifest_file.h"

#include <fcntl.h>

#include <array>

#include "core/crypto/b2en.h"
#include "core/engine/objects.h"
#include "core/snapshot/layout.h"
#include "core/util/file.h"

namespace b2b {
namespace {

Error no_manifest(EngineContext const& context, SnapshotId const& id, std::string const& key) {
  return make_error(Condition::not_found,
                    "snapshot " + id.text + " has no manifest in " + context.store->traits().name,
                    "Its upload was never finished, or it was removed meanwhile; list what is there with: daemonctl snapshots",
                    key);
}

Error about_manifest(SnapshotId const& id, Error error) {
  error.message = "the manifest of snapshot " + id.text + ": " + error.message;
  return error;
}

Result<bool> begins_encrypted(std::string const& path) {
  B2B_ASSIGN(UniqueFd const fd, open_file(path, O_RDONLY, "open"));
  std::array<std::uint8_t, b2en_header_size> first{};
  B2B_ASSIGN(std::size_t const got, read_some(fd.get(), first, path));
  return parse_b2en_header(as_text(std::span(first).first(got))).has_value();
}

Result<void> read_once(EngineContext& context, SnapshotId const& id, std::string const& stored, std::string const& opened,
                       std::function<Result<void>(std::string const&)> const& read) {
  std::string const key = layout::manifest_key(context.config.prefix, id);
  {
    B2B_ASSIGN(auto const sink, FileSink::create(stored));
    auto const got = context.store->get(key, std::nullopt, *sink, context.stop);
    if (!got) {
      B2B_ASSIGN(bool const missing, means_missing(context, got.error(), key));
      return missing ? no_manifest(context, id, key) : about_manifest(id, got.error());
    }
  }
  B2B_ASSIGN(bool const encrypted, begins_encrypted(stored));
  if (!encrypted) return read(stored);
  auto const body = open_body(stored, opened, *context.keyring, nullptr, std::nullopt);
  if (!body) return about_manifest(id, body.error());
  return read(opened);
}

}  // namespace

Result<void> with_manifest_file(EngineContext& context, SnapshotId const& id, std::string const& scratch_dir,
                                std::function<Result<void>(std::string const&)> const& read) {
  std::string const stored = scratch_file(scratch_dir, "manifest");
  std::string const opened = stored + "-opened";
  auto const run = [&] {
    auto result = read_once(context, id, stored, opened, read);
    remove_scratch_file(stored);
    remove_scratch_file(opened);
    return result;
  };
  auto const first = run();
  if (first) return first;
  Condition const condition = first.error().condition;
  if (condition != Condition::corrupt && condition != Condition::wrong_key && condition != Condition::transit) return first;
  return run();
}

}  // namespace b2b
