#include "core/engine/browse.h"

#include <array>

#include "core/engine/fetch.h"
#include "core/engine/live_diff.h"
#include "core/engine/objects.h"

namespace b2b {
namespace {

constexpr std::size_t batch_size = 256;

// "./agents//" and "agents/" mean "agents"; "." and "/" mean everything.
std::string cleaned(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    auto const slash = path.find('/');
    std::string_view const component = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (component.empty() || component == ".") continue;
    if (!out.empty()) out += '/';
    out += component;
  }
  return out;
}

struct Opened {
  ScratchFolder scratch;
  LoadedSnapshot snapshot;
};

Result<Opened> open_named(EngineContext& context, std::string_view name, std::vector<std::string>& notes) {
  B2B_ASSIGN(SnapshotId const id, resolve_snapshot(context, name, notes));
  B2B_ASSIGN(ScratchFolder scratch, make_scratch(context));
  B2B_ASSIGN(LoadedSnapshot snapshot, load_snapshot(context, id, scratch.path()));
  for (BadPath const& bad : snapshot.bad_paths)
    notes.push_back("an entry of snapshot " + id.text + " is left out: \"" + bad.path + "\" " + bad.problem);
  return Opened{std::move(scratch), std::move(snapshot)};
}

Error no_such_path(SnapshotId const& id, std::string_view path) {
  return make_error(Condition::not_found, "snapshot " + id.text + " holds no " + printable(path),
                    "Paths are relative to the state directory. What there is: daemonctl ls " + id.text, std::string(path));
}

// The file of this name; or, where there is none, the one that is shown as it (printable() makes control characters and broken
// UTF-8 visible, and nobody can type those).
Result<std::optional<CatalogEntry>> find_as_shown(Catalog& catalog, std::string const& path) {
  B2B_ASSIGN(auto found, catalog.find(path));
  if (found || path.find('\\') == std::string::npos) return found;
  bool several = false;
  B2B_TRY(catalog.for_each([&](CatalogEntry&& entry) -> Result<void> {
    if (printable(entry.entry.path) != path) return {};
    several = found.has_value();
    found = std::move(entry);
    return {};
  }));
  if (several)
    return make_error(Condition::usage, "several files of the snapshot are shown as " + path,
                      "Restore them with --path and a pattern, to a directory of their own (--target DIR)", path);
  return found;
}

// Is there anything below this path, whether or not the snapshot knows the directory itself?
Result<bool> is_directory(Catalog& catalog, std::string const& path) {
  B2B_ASSIGN(auto const below, catalog.batch_after(path + "/", 1, false));
  return !below.empty() && below.front().entry.path.starts_with(path + "/");
}

Result<void> stream_file(std::string const& path, std::uint64_t size, ByteSink& sink) {
  B2B_ASSIGN(auto const reader, FileSource(path, 0, size).open());
  std::array<std::uint8_t, 64 << 10> buffer{};
  while (true) {
    B2B_ASSIGN(std::size_t const got, reader->read(buffer));
    if (got == 0) return {};
    B2B_TRY(sink.write(std::span(buffer).first(got)));
  }
}

}  // namespace

Result<SnapshotId> list_entries(EngineContext& context, std::string_view snapshot, std::string_view path,
                                std::function<Result<void>(CatalogEntry const&)> const& visit,
                                std::vector<std::string>& notes) {
  B2B_ASSIGN(Opened opened, open_named(context, snapshot, notes));
  Catalog& catalog = opened.snapshot.catalog;
  SnapshotId const id = opened.snapshot.manifest.info.id;
  std::string const wanted = cleaned(path);
  if (wanted.empty()) {
    B2B_TRY(catalog.for_each([&](CatalogEntry&& entry) { return visit(entry); }));
    return id;
  }
  B2B_ASSIGN(auto const itself, catalog.find(wanted));
  bool any = itself.has_value();
  if (itself) B2B_TRY(visit(*itself));
  std::string const beginning = wanted + "/";
  std::string after = beginning;
  while (true) {
    B2B_ASSIGN(auto const entries, catalog.batch_after(after, batch_size, false));
    for (CatalogEntry const& entry : entries) {
      if (!entry.entry.path.starts_with(beginning)) {
        if (!any) return no_such_path(id, wanted);
        return id;
      }
      any = true;
      B2B_TRY(visit(entry));
    }
    if (entries.empty()) break;
    after = entries.back().entry.path;
  }
  if (!any) return no_such_path(id, wanted);
  return id;
}

Result<void> cat_file(EngineContext& context, std::string_view snapshot, std::string_view path, ByteSink& sink) {
  std::vector<std::string> notes;
  B2B_ASSIGN(Opened opened, open_named(context, snapshot, notes));
  SnapshotInfo const& info = opened.snapshot.manifest.info;
  std::string const wanted = cleaned(path);
  B2B_ASSIGN(auto const entry, find_as_shown(opened.snapshot.catalog, wanted));
  if (!entry || entry->entry.type != EntryType::file) {
    B2B_ASSIGN(bool const directory, is_directory(opened.snapshot.catalog, wanted));
    if (directory || (entry && entry->entry.type == EntryType::directory))
      return make_error(Condition::usage, printable(wanted) + " is a directory",
                        "List it with: daemonctl ls " + info.id.text + " " + printable(wanted), wanted);
    if (entry)
      return make_error(Condition::usage, printable(wanted) + " is a symbolic link to " + printable(entry->entry.target),
                        "Name the file itself", wanted);
    return no_such_path(info.id, wanted);
  }
  B2B_ASSIGN(auto const fetcher, make_fetcher(context, opened.snapshot, opened.scratch.path(), snapshot != "latest"));
  std::string const body = scratch_file(opened.scratch.path(), "body");
  B2B_TRY(fetcher->expect(*entry));
  B2B_TRY(fetcher->fetch(*entry, body));
  return stream_file(body, entry->entry.size, sink);
}

Result<void> diff_snapshots(EngineContext& context, std::string_view first, std::string_view second,
                            std::function<Result<void>(Difference const&)> const& visit, std::vector<std::string>& notes) {
  B2B_ASSIGN(Opened before, open_named(context, first, notes));
  auto const pass_on = [&](Difference&& difference) { return visit(difference); };
  if (second.empty()) {
    B2B_ASSIGN(Catalog live, catalog_live_state(context, before.snapshot, before.scratch.path(), notes));
    return diff_catalogs(before.snapshot.catalog, live, pass_on);
  }
  B2B_ASSIGN(Opened after, open_named(context, second, notes));
  return diff_catalogs(before.snapshot.catalog, after.snapshot.catalog, pass_on);
}

}  // namespace b2b
