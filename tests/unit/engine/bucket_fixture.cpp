#include "tests/unit/engine/bucket_fixture.h"

#include <algorithm>
#include <filesystem>

#include "core/crypto/b2en.h"
#include "core/engine/fetch.h"
#include "core/engine/objects.h"
#include "core/engine/packed_repository.h"
#include "core/snapshot/layout.h"

namespace b2b::test {
namespace {

Config config_of(BucketOptions const& options, Scratch const& scratch) {
  Config config;
  config.state_dir = scratch / "state";
  config.data_dir = scratch / "data";
  config.bucket = "bkt";
  config.layout = LayoutChoice::plugin;
  config.encrypt = options.encrypt;
  config.application_key = Secret(options.passphrase);
  return config;
}

}  // namespace

Bucket::Bucket(BucketOptions const& options) : Bucket(nullptr, options) {}

Bucket::Bucket(std::shared_ptr<Store> store, BucketOptions const& options) : clock(parse_iso8601(options.start).value()) {
  context.config = config_of(options, scratch);
  context.instance.id = std::string(32, 'a');
  context.instance.host = "here";
  context.instance.data_dir = scratch / "data";
  make_directories(context.config.state_dir).value();
  make_directories(context.instance.data_dir).value();
  context.clock = &clock;
  context.keyring = std::make_shared<Keyring>(context.config.passphrases());
  context.packed = std::make_shared<PackedAccess>();
  context.index = Index::open(context.instance.data_dir).value();
  context.packed = std::make_shared<PackedAccess>();
  context.store = store ? std::move(store) : std::shared_ptr<Store>(make_memory_store(clock, options.versioned));
}

EngineContext Bucket::context_over(std::shared_ptr<Store> other) const {
  EngineContext copy = context;
  copy.store = std::move(other);
  return copy;
}

void Bucket::load_objects(std::string const& directory) {
  std::vector<std::filesystem::path> files;
  for (auto const& found : std::filesystem::recursive_directory_iterator(directory))
    if (found.is_regular_file()) files.push_back(found.path());
  REQUIRE_FALSE(files.empty());
  for (auto const& file : files) put(std::filesystem::relative(file, directory).string(), file_text(file));
}

void Bucket::put(std::string const& key, std::string const& body) {
  store().put(key, MemorySource(body), context.stop).value();
}

std::string Bucket::get(std::string const& key) { return get_text(store(), key, 64 << 20, context.stop).value(); }

bool Bucket::exists(std::string const& key) { return store().head(key, context.stop).has_value(); }

std::vector<std::string> Bucket::keys(std::string const& prefix) {
  std::vector<std::string> found;
  ListOptions options;
  options.prefix = prefix;
  store().list(options, [&](ListEntry const& entry) {
    found.push_back(entry.object.key);
    return true;
  }, context.stop).value();
  return found;
}

std::size_t Bucket::versions(std::string const& prefix) {
  std::size_t count = 0;
  store().list_versions(prefix, [&](ObjectVersion const&) { return ++count > 0; }, context.stop).value();
  return count;
}

void Bucket::erase(std::string const& key) { remove_all(store(), key, context.stop).value(); }

void Bucket::flip_byte(std::string const& key, std::size_t offset) {
  std::string body = get(key);
  REQUIRE(offset < body.size());
  body[offset] = static_cast<char>(body[offset] ^ 1);
  put(key, body);
}

Key Bucket::key(Salt const& salt) { return context.keyring->key(0, salt).value(); }

SnapshotId Bucket::add_snapshot(std::string const& id_text, std::map<std::string, std::string> const& files,
                                SnapshotOptions const& options) {
  SnapshotId const id = id_of(id_text);
  std::string const folder = layout::snapshot_prefix(context.config.prefix, id);
  Salt salt{};
  salt[0] = 7;  // one for all snapshots: one derivation for the whole test
  SnapshotInfo info;
  info.id = id;
  info.ours = true;
  info.timestamp = format_iso8601(id.time);
  info.complete = options.complete;
  info.trigger = options.trigger;
  info.trigger_text = trigger_name(options.trigger);
  info.host = options.host;
  info.instance = options.instance.empty() ? context.instance.id : options.instance;
  info.state_dir = "/home/" + options.host + "/.openclaw";
  info.program = "b2backupd test";
  info.scope = Scope::build({"**"}, {}).value().record();
  info.encrypted = options.encrypted;
  if (options.keyed) info.key_salt_hex = to_hex(salt);
  if (!options.complete) {
    info.skipped_total = 1;
    info.skipped.emplace_back("unreadable.txt", "permission denied");
  }
  info.files = files.size();
  for (auto const& [path, body] : files) info.bytes += body.size();

  std::string const manifest_path = scratch / "written-manifest";
  std::filesystem::remove(manifest_path);
  auto sink = FileSink::create(manifest_path).value();
  std::optional<Key> digest_key;
  if (options.keyed) digest_key = manifest_digest_key(key(salt));
  ManifestWriter writer(*sink, info, digest_key ? &*digest_key : nullptr, folder.size());
  for (auto const& [path, body] : files) {
    Entry entry;
    entry.path = path;
    entry.size = body.size();
    entry.hash = sha256(body);
    entry.mode = 0644;
    writer.add_file(entry).value();
    std::string const name = layout::stored_name(path, folder.size());
    if (options.encrypted) {
      auto const source = B2enSource::create(std::make_shared<MemorySource>(body), key(salt), salt).value();
      store().put(folder + name, *source, context.stop).value();
    } else {
      put(folder + name, body);
    }
  }
  writer.finish().value();
  sink.reset();
  if (options.manifest) put(layout::manifest_key(context.config.prefix, id), file_text(manifest_path));
  return id;
}

SnapshotId Bucket::add_plugin_snapshot(std::string const& id_text, std::map<std::string, std::string> const& files,
                                       std::map<std::string, std::string> const* stored) {
  SnapshotId const id = id_of(id_text);
  std::string const folder = layout::snapshot_prefix(context.config.prefix, id);
  std::string manifest = "{\"version\":1,\"timestamp\":\"" + format_iso8601(id.time) + "\",\"files\":{";
  for (auto const& [path, body] : files) {
    if (manifest.back() == '}') manifest += ',';
    manifest += "\"" + path + "\":{\"hash\":\"" + to_hex(sha256(body)) + "\",\"size\":" + std::to_string(body.size()) + "}";
  }
  for (auto const& [path, body] : stored == nullptr ? files : *stored) put(folder + path, body);
  put(layout::manifest_key(context.config.prefix, id), manifest + "}}");
  return id;
}

std::string Bucket::check_restores(std::string const& id_text, std::map<std::string, std::string> const& hashes) {
  auto const directory = TemporaryDirectory::create(scratch.path(), "restored-").value();
  auto loaded = load_snapshot(context, id_of(id_text), directory.path());
  if (!loaded) return "load: " + loaded.error().text();
  auto const fetcher = make_fetcher(context, *loaded, directory.path(), true).value();
  std::size_t files = 0;
  std::string wrong;
  loaded->catalog.for_each([&](CatalogEntry&& entry) -> Result<void> {
    ++files;
    std::string const out = scratch_file(directory.path(), "out");
    auto const fetched = fetcher->fetch(entry, out);
    auto const expected = hashes.find(entry.entry.path);
    if (expected == hashes.end())
      wrong += entry.entry.path + ": not expected\n";
    else if (!fetched)
      wrong += entry.entry.path + ": " + fetched.error().text() + "\n";
    else if (to_hex(sha256(file_text(out))) != expected->second)
      wrong += entry.entry.path + ": other content\n";
    return {};
  }).value();
  if (files != hashes.size()) wrong += std::to_string(files) + " files instead of " + std::to_string(hashes.size()) + "\n";
  return wrong;
}

std::string file_text(std::string const& path) { return read_file(path, 64 << 20).value(); }

SnapshotId id_of(std::string const& text) {
  auto const id = parse_snapshot_id(text);
  REQUIRE(id.has_value());
  return *id;
}

std::vector<std::string> listed_ids(BucketListing const& listing) {
  std::vector<std::string> ids;
  for (ListedSnapshot const& listed : listing.snapshots) ids.push_back(listed.info.id.text);
  return ids;
}

}  // namespace b2b::test
