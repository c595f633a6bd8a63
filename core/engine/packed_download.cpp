#include "core/engine/packed_download.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <vector>

#include "core/engine/objects.h"
#include "core/packed/pack_stream.h"
#include "core/util/file.h"
#include "core/util/worker_pool.h"

namespace b2b {
namespace {

constexpr std::size_t parts_at_once = 1 << 16;
// A request takes about as long as this many bytes of an answer: what is nearer is fetched along.
constexpr std::uint64_t gap_bytes = 256 << 10;
constexpr std::uint64_t least_stretch_bytes = 2 << 20;
constexpr std::size_t files_kept_open = 32;  // by each thread
constexpr std::size_t read_bytes = 128 << 10;

// A chunk, and one place where it belongs.
struct Part {
  packed::WantedBox box;
  std::uint32_t pack = 0;   // in the order in which they were first wanted
  std::uint32_t file = 0;
  std::uint64_t offset = 0;  // in the file
};

struct FileState {
  std::atomic<std::uint64_t> left{1};  // parts that are not written, and one until all of them are known
  bool single = false;                 // one part is all of it
  bool done = false;                   // written by the one thread that saw nothing left
};

struct Pack {
  packed::PackId id{};
  Salt salt{};
};

Result<bool> is_as_recorded(std::string const& path, Entry const& entry, std::stop_token const& stop) {
  B2B_ASSIGN(UniqueFd const fd, open_file(path, O_RDONLY | O_NOFOLLOW, "read what was fetched"));
  std::vector<std::uint8_t> buffer(static_cast<std::size_t>(std::min<std::uint64_t>(read_bytes, entry.size + 1)));
  Sha256 digest;
  for (std::uint64_t bytes = 0;;) {
    if (stop.stop_requested()) return false;
    B2B_ASSIGN(std::size_t const n, read_some(fd.get(), buffer, path));
    if (n == 0) return bytes == entry.size && digest.finish() == entry.hash;
    bytes += n;
    if (bytes > entry.size) return false;
    digest.update(std::span(buffer).first(n));
  }
}

Result<void> write_at(int fd, std::span<std::uint8_t const> bytes, std::uint64_t offset, std::string const& path) {
  while (!bytes.empty()) {
    ssize_t const n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "write", path);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

class Download {
 public:
  Download(PackedList const& list, std::size_t threads, std::span<WantedBody const> wanted, BodyDone const& done, std::stop_token const& outer)
      : list_(list),
        repository_(*list.repository()),
        threads_(threads),
        wanted_(wanted),
        done_(done),
        files_(wanted.size()),
        forward_stop_(outer, [this] { ending_.request_stop(); }) {}

  Result<void> run() {
    auto outcome = plan_and_fetch();
    for (std::size_t i = 0; i < files_.size(); ++i)
      if (!files_[i].done) remove_scratch_file(wanted_[i].destination);
    return outcome;
  }

 private:
  struct Stretch {
    std::size_t begin = 0, end = 0;  // of the parts
  };

  Result<void> plan_and_fetch() {
    for (std::uint32_t file = 0; file < wanted_.size(); ++file) {
      B2B_TRY(plan(file));
      if (fatal_) return *fatal_;
    }
    B2B_TRY(fetch_planned());
    return {};
  }

  Result<void> plan(std::uint32_t file) {
    std::uint64_t offset = 0;
    std::size_t count = 0;
    bool all_known = true;
    FileState& state = files_[file];
    B2B_TRY(list_.visit_chunks(*wanted_[file].entry, [&](std::span<packed::ChunkId const> ids) -> Result<void> {
      state.single = count == 0 && ids.size() == 1;
      for (packed::ChunkId const& id : ids) {
        B2B_ASSIGN(auto const found, repository_.index->find(packed::ChunkType::data, id));
        all_known = all_known && found.has_value();
        if (!all_known) return {};
        state.left.fetch_add(1);
        parts_.push_back({{found->number, found->place}, pack_number(*found), file, offset});
        offset += found->place.content_bytes;
        ++count;
        if (parts_.size() == parts_at_once) B2B_TRY(fetch_planned());
      }
      return {};
    }));
    // What is empty or cannot be whole is not for here.
    if (count > 0 && all_known && offset == wanted_[file].entry->entry.size) part_is_there(file);
    return {};
  }

  std::uint32_t pack_number(packed::FoundChunk const& chunk) {
    auto const [at, fresh] = pack_numbers_.try_emplace(chunk.pack, static_cast<std::uint32_t>(packs_.size()));
    if (fresh) packs_.push_back({chunk.pack, chunk.salt});
    return at->second;
  }

  Result<void> fetch_planned() {
    std::sort(parts_.begin(), parts_.end(), [](Part const& a, Part const& b) {
      return std::tie(a.pack, a.box.place.offset, a.file, a.offset) < std::tie(b.pack, b.box.place.offset, b.file, b.offset);
    });
    {
      WorkerPool pool(threads_, threads_);
      for (Stretch const stretch : stretches()) {
        if (ending_.stop_requested()) break;
        pool.submit([this, stretch] { fetch(stretch); });
      }
      pool.wait();
    }
    parts_.clear();
    packs_.clear();
    pack_numbers_.clear();
    if (!fatal_ && ending_.stop_requested()) fatal_ = make_error(Condition::cancelled, "stopped on request");
    if (fatal_) return *fatal_;
    return {};
  }

  // Enough of them to keep all threads at work until near the end.
  std::vector<Stretch> stretches() const {
    std::uint64_t all = 0;
    for (Part const& part : parts_) all += part.box.place.box_bytes;
    std::uint64_t const most = std::max(least_stretch_bytes, all / (2 * threads_));
    std::vector<Stretch> out;
    std::uint64_t begin = 0, end = 0;  // in the pack
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      packed::ChunkPlace const& place = parts_[i].box.place;
      bool const other_pack = i == 0 || parts_[i].pack != parts_[i - 1].pack;
      bool const again = !other_pack && place.offset == parts_[i - 1].box.place.offset;
      if (other_pack || (!again && (place.offset > end + gap_bytes || end - begin >= most))) {
        out.push_back({i, i});
        begin = place.offset;
      }
      out.back().end = i + 1;
      end = std::uint64_t{place.offset} + place.box_bytes;
    }
    return out;
  }

  void fetch(Stretch const& stretch) {
    std::vector<packed::WantedBox> boxes;
    std::vector<std::size_t> first;  // part of each box
    for (std::size_t i = stretch.begin; i < stretch.end; ++i) {
      if (!boxes.empty() && boxes.back().number == parts_[i].box.number) continue;
      boxes.push_back(parts_[i].box);
      first.push_back(i);
    }
    first.push_back(stretch.end);
    OpenFiles open;
    Pack const& pack = packs_[parts_[stretch.begin].pack];
    auto const fetched = packed::stream_boxes(
        repository_, pack.id, pack.salt, boxes,
        [&](std::size_t box, std::span<std::uint8_t const> content) -> Result<void> {
          for (std::size_t i = first[box]; i < first[box + 1]; ++i) {
            if (ending_.stop_requested()) return make_error(Condition::cancelled, "stopped on request");
            B2B_TRY(write(parts_[i], content, open));
          }
          return {};
        },
        ending_.get_token());
    if (!fetched && ends_everything(fetched.error().condition)) fail(fetched.error());
  }

  // Descriptors of the files that one thread writes to.
  struct OpenFiles {
    std::vector<std::pair<std::uint32_t, UniqueFd>> kept;
    std::size_t next = 0;
  };

  Result<UniqueFd> open_to_write(std::uint32_t file) const {
    return open_file(wanted_[file].destination, O_WRONLY | O_CREAT | O_NOFOLLOW, "write the file", 0600);
  }

  Result<void> write(Part const& part, std::span<std::uint8_t const> content, OpenFiles& open) {
    WantedBody const& body = wanted_[part.file];
    if (files_[part.file].single) {
      if (sha256(as_text(content)) != body.entry->entry.hash) return {};  // never done
      B2B_ASSIGN(UniqueFd const fd, open_to_write(part.file));
      B2B_TRY(write_at(fd.get(), content, part.offset, body.destination));
    } else {
      auto kept = std::find_if(open.kept.begin(), open.kept.end(), [&](auto const& one) { return one.first == part.file; });
      if (kept == open.kept.end()) {
        B2B_ASSIGN(UniqueFd fd, open_to_write(part.file));
        if (open.kept.size() < files_kept_open) open.kept.emplace_back();
        kept = open.kept.begin() + static_cast<std::ptrdiff_t>(open.next++ % open.kept.size());
        *kept = {part.file, std::move(fd)};
      }
      B2B_TRY(write_at(kept->second.get(), content, part.offset, body.destination));
    }
    part_is_there(part.file);
    return {};
  }

  void part_is_there(std::uint32_t file) {
    FileState& state = files_[file];
    if (state.left.fetch_sub(1) != 1) return;
    if (!state.single) {
      auto const good = is_as_recorded(wanted_[file].destination, wanted_[file].entry->entry, ending_.get_token());
      if (!good || !*good) return;
    }
    state.done = true;
    if (!done_(file)) ending_.request_stop();
  }

  void fail(Error const& error) {
    std::scoped_lock lock(mutex_);
    if (!fatal_) fatal_ = error;
    ending_.request_stop();
  }

  PackedList const& list_;
  packed::Repository const& repository_;
  std::size_t const threads_;
  std::span<WantedBody const> const wanted_;
  BodyDone const& done_;
  std::vector<FileState> files_;
  std::vector<Part> parts_;   // that were planned and are not fetched; not changed while threads run
  std::vector<Pack> packs_;   // of those
  std::map<packed::PackId, std::uint32_t> pack_numbers_;
  std::stop_source ending_;   // ours: on the caller's stop, or a failure
  std::stop_callback<std::function<void()>> forward_stop_;
  std::mutex mutex_;
  std::optional<Error> fatal_;
};

}  // namespace

Result<void> download_together(PackedList const& list, std::size_t threads, std::span<WantedBody const> wanted, BodyDone const& done,
                               std::stop_token const& stop) {
  return Download(list, threads, wanted, done, stop).run();
}

}  // namespace b2b
