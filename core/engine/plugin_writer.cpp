#include "core/engine/plugin_writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>

#include "core/crypto/b2en.h"
#include "core/engine/body_pool.h"
#include "core/snapshot/layout.h"

namespace b2b {
namespace {

// Bodies recorded in one transaction of the journal. A crash forgets at most this many finished uploads; they are sent again.
constexpr std::size_t journal_batch = 64;

// Bodies up to this size are encrypted whole, in one pass; with 32 transfers that is at most 16 MB. Larger ones stream in two.
constexpr std::uint64_t in_memory_bytes = 512 << 10;

}  // namespace

struct PluginWriter::Impl {
  PluginWriterOptions options;
  std::string const folder;
  std::size_t const key_room;
  std::atomic<std::uint64_t> bytes_uploaded{0};
  std::mutex mutex;                         // unjournaled
  std::vector<PendingBody> unjournaled;
  BodyPool pool;                            // the last: its workers use all of the above

  Impl(PluginWriterOptions options_in, BodyStored stored, std::stop_token outer)
      : options(std::move(options_in)),
        folder(layout::snapshot_prefix(options.prefix, options.id)),
        key_room(folder.size()),
        pool(options.store->traits().transfers, options.progress, std::move(stored), std::move(outer)) {}

  Result<void> journal(PendingBody body) {
    if (options.journal == nullptr) return {};
    std::vector<PendingBody> batch;
    {
      std::scoped_lock lock(mutex);
      unjournaled.push_back(std::move(body));
      if (unjournaled.size() < journal_batch) return {};
      batch.swap(unjournaled);
    }
    return options.journal->record_bodies(batch);
  }

  Result<void> flush_journal() {
    if (options.journal == nullptr) return {};
    std::vector<PendingBody> batch;
    {
      std::scoped_lock lock(mutex);
      batch.swap(unjournaled);
    }
    if (batch.empty()) return {};
    return options.journal->record_bodies(batch);
  }

  // What the journal of an interrupted push says of this body: stored already, its IV to be used again, or nothing.
  struct Earlier {
    bool stored = false;
    std::uint64_t stored_size = 0;
    std::optional<GcmIv> iv;
  };
  Result<Earlier> look_up_earlier(CapturedFile const& file, std::string const& name) {
    Earlier earlier;
    if (options.journal == nullptr) return earlier;
    B2B_ASSIGN(auto const pending, options.journal->pending_body(name));
    if (!pending) return earlier;
    bool const same = pending->hash == file.entry.hash && pending->size == file.entry.size;
    if (same && pending->uploaded) {
      earlier.stored = true;
      earlier.stored_size = pending->stored_size;
      return earlier;
    }
    auto const iv = from_hex(pending->iv_hex);
    if (same && iv && iv->size() == std::tuple_size_v<GcmIv>) {
      earlier.iv.emplace();
      std::copy(iv->begin(), iv->end(), earlier.iv->begin());
      return earlier;
    }
    // Something else was (perhaps) stored under this name: it must not stay behind as a hidden version.
    B2B_TRY(remove_all(*options.store, folder + name, pool.token()));
    return earlier;
  }

  Result<StoredBody> store_body(CapturedFile& file) {
    StoredBody out;
    out.stored_name = layout::stored_name(file.entry.path, key_room);
    B2B_ASSIGN(Earlier const earlier, look_up_earlier(file, out.stored_name));
    PendingBody record{out.stored_name, file.entry.hash, file.entry.size, file.body->size(), {}, true};
    if (earlier.stored) {
      out.stored_size = record.stored_size = earlier.stored_size;
    } else {
      std::unique_ptr<B2enSource> encrypted;
      ByteSource const* body = file.body.get();
      if (options.key.encrypt) {
        B2B_ASSERT(options.key.key.has_value());
        B2B_ASSIGN(encrypted, B2enSource::create(file.body, *options.key.key, options.key.salt, earlier.iv, in_memory_bytes));
        if (encrypted->plaintext_sha256() != file.entry.hash)
          return make_error(Condition::changed, "the captured copy of " + printable(file.entry.path) + " changed on disk");
        body = encrypted.get();
        record.iv_hex = to_hex(encrypted->header().iv);
      }
      out.stored_size = record.stored_size = body->size();
      if (options.journal != nullptr && record.stored_size >= options.multipart_bytes) {
        PendingBody begun = record;
        begun.uploaded = false;
        B2B_TRY(options.journal->record_bodies({begun}));
      }
      B2B_TRY(options.store->put(folder + out.stored_name, *body, pool.token()));
      bytes_uploaded.fetch_add(record.stored_size);
    }
    B2B_TRY(journal(std::move(record)));
    out.entry = std::move(file.entry);
    return out;
  }

  Result<StoredBody> copy_body(Entry& entry, std::string const& from_key, std::uint64_t stored_size) {
    StoredBody out;
    out.stored_name = layout::stored_name(entry.path, key_room);
    out.stored_size = stored_size;
    bool there = false;
    if (options.journal != nullptr) {
      B2B_ASSIGN(auto const pending, options.journal->pending_body(out.stored_name));
      there = pending && pending->uploaded && pending->hash == entry.hash && pending->stored_size == stored_size;
      if (pending && !there) B2B_TRY(remove_all(*options.store, folder + out.stored_name, pool.token()));
    }
    if (!there) {
      auto copied = options.store->copy(from_key, folder + out.stored_name, stored_size, pool.token());
      if (!copied) {
        Condition const condition = copied.error().condition;
        if (condition != Condition::not_found && condition != Condition::changed && condition != Condition::permission)
          return copied.error();
        out.copy_failed = true;
      }
    }
    if (!out.copy_failed)
      B2B_TRY(journal(PendingBody{out.stored_name, entry.hash, entry.size, stored_size, {}, true}));
    out.entry = std::move(entry);
    return out;
  }
};

PluginWriter::PluginWriter(PluginWriterOptions options, BodyStored stored, std::stop_token stop)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(stored), std::move(stop))) {}

PluginWriter::~PluginWriter() = default;

void PluginWriter::upload(CapturedFile file) {
  auto shared = std::make_shared<CapturedFile>(std::move(file));
  impl_->pool.submit(shared->entry.path, [this, shared] { return impl_->store_body(*shared); });
}

void PluginWriter::copy(Entry entry, SnapshotId const& from, CatalogEntry const& held) {
  auto shared = std::make_shared<Entry>(std::move(entry));
  std::string from_key = layout::snapshot_prefix(impl_->options.prefix, from) + held.stored_name;
  impl_->pool.submit(shared->path, [this, shared, from_key = std::move(from_key), stored_size = held.stored_size] {
    return impl_->copy_body(*shared, from_key, stored_size);
  });
}

bool PluginWriter::copy_pays(CatalogEntry const& held) const {
  return held.stored_size > 0 && held.entry.size >= copy_worthwhile_bytes(*impl_->options.store);
}

bool PluginWriter::failed() const { return impl_->pool.failed(); }
std::uint64_t PluginWriter::bytes_uploaded() const { return impl_->bytes_uploaded; }

Result<void> PluginWriter::finish_bodies() {
  impl_->pool.wait();
  B2B_TRY(impl_->flush_journal());  // also after a failure: what is stored need not be sent again
  return impl_->pool.outcome();
}

Result<SnapshotInfo> PluginWriter::commit(SnapshotInfo info, Catalog& catalog, std::string const& scratch_path) {
  Impl& impl = *impl_;
  info.id = impl.options.id;
  info.ours = true;
  info.encrypted = impl.options.key.encrypt;
  info.key_salt_hex = impl.options.key.key ? to_hex(impl.options.key.salt) : std::string();
  info.files = 0;
  info.bytes = 0;
  auto const stored_file = [](CatalogEntry const& e) { return e.entry.type == EntryType::file && !e.stored_name.empty(); };
  B2B_TRY(catalog.for_each([&](CatalogEntry&& e) -> Result<void> {
    if (stored_file(e)) {
      ++info.files;
      info.bytes += e.entry.size;
      info.complete = info.complete && !e.entry.damaged;
    }
    return {};
  }));

  std::optional<Key> digest_key;
  if (impl.options.key.key) digest_key = manifest_digest_key(*impl.options.key.key);
  ::unlink(scratch_path.c_str());  // a leftover of a crash
  {
    B2B_ASSIGN(auto sink, FileSink::create(scratch_path));
    ManifestWriter writer(*sink, info, digest_key ? &*digest_key : nullptr, impl.key_room);
    B2B_TRY(catalog.for_each([&](CatalogEntry&& e) { return stored_file(e) ? writer.add_file(e.entry) : Result<void>(); }));
    B2B_TRY(catalog.for_each([&](CatalogEntry&& e) {
      return e.entry.type != EntryType::file ? writer.add_other(e.entry) : Result<void>();
    }));
    B2B_TRY(writer.finish());
  }
  struct RemoveScratch {
    std::string const& path;
    ~RemoveScratch() { ::unlink(path.c_str()); }
  } remove_scratch{scratch_path};

  B2B_TRY(impl.options.store->flush(impl.pool.token()));
  struct stat status {};
  if (::stat(scratch_path.c_str(), &status) != 0) return errno_error(errno, "look at", scratch_path);
  FileSource const source(scratch_path, 0, static_cast<std::uint64_t>(status.st_size));
  B2B_TRY(impl.options.store->put(impl.folder + "manifest.json", source, impl.pool.token()));
  B2B_TRY(impl.options.store->flush(impl.pool.token()));
  return info;
}

}  // namespace b2b
