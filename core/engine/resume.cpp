#include "core/engine/resume.h"

#include "core/engine/bucket.h"
#include "core/engine/choose_layout.h"
#include "core/engine/find_snapshot.h"
#include "core/engine/objects.h"
#include "core/engine/packed_repository.h"
#include "core/engine/packed_writer.h"
#include "core/engine/plugin_writer.h"
#include "core/engine/snapshot_info.h"
#include "core/engine/writer_key.h"
#include "core/snapshot/layout.h"

namespace b2b {
namespace {

constexpr std::int64_t day_ns = 86'400'000'000'000;
constexpr std::size_t batch_size = 1'000;

// Walks the journal and the folder's listing side by side (both in byte order): an object the journal does not know, or knows
// with another size, is removed; a body the bucket does not hold is forgotten.
Result<void> reconcile(EngineContext& context, SnapshotId const& id) {
  std::string const folder = layout::snapshot_prefix(context.config.prefix, id);
  std::vector<PendingBody> batch;
  std::size_t at = 0;
  bool end = false;
  std::optional<Error> failure;
  std::vector<std::string> to_remove;

  auto next = [&]() -> Result<PendingBody const*> {
    if (at == batch.size() && !end) {
      std::string const after = batch.empty() ? std::string() : batch.back().stored_name;
      B2B_ASSIGN(batch, context.index->pending_bodies_after(after, batch_size));
      at = 0;
      end = batch.empty();
    }
    return at < batch.size() ? &batch[at] : static_cast<PendingBody const*>(nullptr);
  };
  auto forget = [&](PendingBody const& body) -> Result<void> {
    // An upload that began keeps its IV: if it is the same plaintext again, its finished parts are used.
    if (body.uploaded) return context.index->forget_body(body.stored_name);
    return {};
  };
  auto visit = [&](std::string const& name, std::uint64_t size) -> Result<void> {
    while (true) {
      B2B_ASSIGN(PendingBody const* body, next());
      if (body == nullptr || body->stored_name > name) {
        to_remove.push_back(folder + name);
        return {};
      }
      ++at;
      if (body->stored_name < name) {
        B2B_TRY(forget(*body));
        continue;
      }
      if (body->stored_size != size) {
        to_remove.push_back(folder + name);
        return context.index->forget_body(name);
      }
      if (!body->uploaded) {  // the answer was lost, the object is there
        PendingBody now = *body;
        now.uploaded = true;
        return context.index->record_bodies({now});
      }
      return {};
    }
  };
  B2B_TRY(context.store->list({folder, "", false},
                              [&](ListEntry const& entry) {
                                auto result = visit(entry.object.key.substr(folder.size()), entry.object.size);
                                if (!result) failure = result.error();
                                return !failure;
                              },
                              context.stop));
  if (failure) return *failure;
  while (true) {
    B2B_ASSIGN(PendingBody const* body, next());
    if (body == nullptr) break;
    ++at;
    B2B_TRY(forget(*body));
  }
  for (std::string const& key : to_remove) B2B_TRY(remove_all(*context.store, key, context.stop));
  return context.index->mark_bodies_unused();
}

}  // namespace

Result<PushTicket> begin_or_resume_push(EngineContext& context, std::string_view check,
                                        std::optional<SnapshotId> const& wanted) {
  PushTicket ticket;
  B2B_ASSIGN(ticket.layout, push_layout(context));
  std::string const target = target_name(context) + (ticket.layout == SnapshotLayout::packed ? ", packed" : "");
  std::int64_t const now = context.clock->now().time_since_epoch().count();
  B2B_ASSIGN(auto const pending, context.index->pending_push());
  if (pending) {
    auto const id = parse_snapshot_id(pending->id);
    auto const salt = from_hex(pending->salt_hex);
    bool const fits = id && salt && salt->size() == std::tuple_size_v<Salt> && pending->target == target &&
                      pending->key_check == check && pending->encrypted == context.config.encrypt &&
                      now >= pending->started_ns && now - pending->started_ns < day_ns &&
                      (!wanted || wanted->text == id->text);
    if (fits) {
      B2B_ASSIGN(bool const committed, snapshot_exists(context, *id, ticket.layout));
      if (!committed) {
        ticket.id = *id;
        std::copy(salt->begin(), salt->end(), ticket.salt.begin());
        ticket.resumed = true;
        if (ticket.layout == SnapshotLayout::plugin) B2B_TRY(reconcile(context, *id));
        return ticket;
      }
    }
    B2B_TRY(context.index->end_push());
  }
  if (wanted) {
    ticket.id = *wanted;
  } else {
    B2B_ASSIGN(ticket.id, new_snapshot_id(context, SnapshotKind::regular));
  }
  ticket.salt = fresh_salt();
  PendingPush fresh;
  fresh.id = ticket.id.text;
  fresh.target = target;
  fresh.started_ns = now;
  fresh.salt_hex = to_hex(ticket.salt);
  fresh.key_check = check;
  fresh.encrypted = context.config.encrypt;
  B2B_TRY(context.index->begin_push(fresh));
  return ticket;
}

namespace {

Result<std::unique_ptr<SnapshotWriter>> make_writer(EngineContext& context, PushTicket const& ticket, Index* journal, BodyStored stored) {
  using Writer = std::unique_ptr<SnapshotWriter>;
  if (ticket.layout == SnapshotLayout::packed) {
    B2B_ASSIGN(auto repository, context.packed->open_or_create(context));
    B2B_ASSIGN(auto writer, PackedWriter::create(std::move(repository), packed_spool_dir(context), ticket.id, context.progress.get(),
                                                 std::move(stored), context.stop));
    return Writer(std::move(writer));
  }
  PluginWriterOptions options;
  options.store = context.store.get();
  options.prefix = context.config.prefix;
  options.id = ticket.id;
  options.journal = journal;
  options.progress = context.progress.get();
  B2B_ASSIGN(options.key, derive_writer_key(context, ticket.salt));
  return Writer(std::make_unique<PluginWriter>(std::move(options), std::move(stored), context.stop));
}

}  // namespace

Result<std::unique_ptr<SnapshotWriter>> resumable_writer(EngineContext& context, PushTicket const& ticket, BodyStored stored) {
  return make_writer(context, ticket, context.index.get(), std::move(stored));
}

Result<std::unique_ptr<SnapshotWriter>> unjournaled_writer(EngineContext& context, PushTicket const& ticket, BodyStored stored) {
  return make_writer(context, ticket, nullptr, std::move(stored));
}

Result<void> drop_unused_bodies(EngineContext& context, SnapshotId const& id) {
  std::string const folder = layout::snapshot_prefix(context.config.prefix, id);
  B2B_ASSIGN(auto const names, context.index->unused_bodies());
  for (std::string const& name : names) {
    B2B_TRY(remove_all(*context.store, folder + name, context.stop));
    B2B_TRY(context.index->forget_body(name));
  }
  return {};
}

}  // namespace b2b
