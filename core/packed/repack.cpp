#include "core/packed/repack.h"

#include <algorithm>
#include <utility>

#include "core/packed/chunk_reader.h"
#include "core/packed/chunk_writer.h"
#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b::packed {
namespace {

// Takes candidates while the round's bytes last.
class Choice {
 public:
  explicit Choice(std::uint64_t round_bytes) : round_bytes_(round_bytes) {}
  bool take(RepackCandidate const& one) {
    if (!chosen_.empty() && read_ + one.bytes > round_bytes_) return false;
    read_ += one.bytes;
    chosen_.push_back(one.id);
    return true;
  }
  bool has(RepackCandidate const& one) const { return std::find(chosen_.begin(), chosen_.end(), one.id) != chosen_.end(); }
  std::vector<PackId> done() { return std::move(chosen_); }

 private:
  std::uint64_t const round_bytes_;
  std::uint64_t read_ = 0;
  std::vector<PackId> chosen_;
};

bool sparser(RepackCandidate const& a, RepackCandidate const& b) {
  std::uint64_t const left = a.needed * b.box_bytes, right = b.needed * a.box_bytes;  // packs are below 2^27 bytes
  return left != right ? left < right : a.id < b.id;
}

// The largest go while they are larger than all smaller ones together.
void leave_large_ones(std::vector<RepackCandidate>& small) {
  std::sort(small.begin(), small.end(), [](RepackCandidate const& a, RepackCandidate const& b) {
    return a.needed != b.needed ? a.needed < b.needed : a.id < b.id;
  });
  std::uint64_t sum = 0;
  for (RepackCandidate const& one : small) sum += one.needed;
  while (!small.empty() && small.back().needed > sum - small.back().needed) {
    sum -= small.back().needed;
    small.pop_back();
  }
}

// All that is needed of one pack; false when a chunk cannot be read.
Result<bool> copy_chunks(Repository& repository, PackId const& pack, ChunkReader& reader, ChunkWriter& writer, std::stop_token const& stop) {
  B2B_ASSIGN(auto const needed, repository.index->given_to(pack));
  for (ChunkIndex::ChunkName const& chunk : needed) B2B_TRY(reader.expect(chunk.type, std::span(&chunk.id, 1)));
  std::string content;
  for (ChunkIndex::ChunkName const& chunk : needed) {
    if (stop.stop_requested()) return make_error(Condition::cancelled, "stopped on request");
    if (auto const read = reader.read(chunk.type, chunk.id, content); !read) {
      Condition const condition = read.error().condition;
      if (condition != Condition::corrupt && condition != Condition::not_found) return read.error();
      // Gone under our hands: this machine slept, and somebody else's collection took it. If it was not that, the next round says so.
      if (condition == Condition::corrupt) log_warning("pack " + to_hex(pack).substr(0, 16) + "… is not put together with others: " + read.error().text());
      return false;
    }
    B2B_TRY(writer.add_again(chunk.type, as_bytes(content)));
  }
  return true;
}

}  // namespace

std::vector<PackId> choose_packs(std::vector<RepackCandidate> candidates, RepackLimits const& limits) {
  std::sort(candidates.begin(), candidates.end(), sparser);
  std::uint64_t needed = 0, waste = 0;
  for (RepackCandidate const& one : candidates) {
    needed += one.needed;
    waste += one.box_bytes - one.needed;
  }
  Choice choice(limits.round_bytes);
  for (RepackCandidate const& one : candidates) {
    if (!one.forgotten) continue;
    if (!choice.take(one)) break;
    waste -= one.box_bytes - one.needed;
  }
  for (RepackCandidate const& one : candidates) {
    if (one.forgotten) continue;
    bool const sparse = one.needed * 100 < one.box_bytes * limits.sparse_percent;
    bool const too_much = one.needed < one.box_bytes && waste * 100 > needed * limits.waste_percent;
    if ((!sparse && !too_much) || !choice.take(one)) break;
    waste -= one.box_bytes - one.needed;
  }
  std::erase_if(candidates, [&](RepackCandidate const& one) { return one.bytes >= limits.small_bytes; });
  leave_large_ones(candidates);
  std::uint64_t sum = 0;
  for (RepackCandidate const& one : candidates) sum += one.needed;
  if (candidates.size() >= limits.small_packs || sum >= limits.small_fill_bytes)
    for (RepackCandidate const& one : candidates)
      if (!choice.has(one) && !choice.take(one)) break;
  return choice.done();
}

Result<Repacked> repack(std::shared_ptr<Repository> repository, std::span<PackId const> packs, std::string const& scratch_dir,
                        std::stop_token const& stop) {
  Repacked done;
  std::string const spool_dir = join_path(scratch_dir, "repacked");
  {
    B2B_ASSIGN(auto const writer, ChunkWriter::create(repository, spool_dir, stop));
    ChunkReader reader(repository, scratch_dir, stop);
    for (PackId const& pack : packs) {
      B2B_ASSIGN(bool const whole, copy_chunks(*repository, pack, reader, *writer, stop));
      if (whole) ++done.packs;
    }
    B2B_TRY(writer->flush());
    done.bytes = writer->bytes_uploaded();
  }
  B2B_TRY(remove_tree(spool_dir));
  B2B_TRY(repository->store->flush(stop));
  B2B_TRY(write_index(*repository, stop));
  B2B_TRY(repository->store->flush(stop));
  return done;
}

}  // namespace b2b::packed
