// What a change of a file costs in the packed layout, for several sizes of chunks; and how fast zstd is on
// it.
//
//   chunk_sizes whole FILE         one line of JSON for each way to cut: how many chunks, how large
//   compressed chunk_sizes change OLD NEW     likewise: what NEW has that OLD has not chunk_sizes speed FILE
//   cutting, naming, and zstd levels 1 and 3, in MB of content per second of CPU time
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <zstd.h>

#include "core/packed/chunk_id.h"
#include "core/packed/chunker.h"

using namespace b2b;
using namespace b2b::packed;

namespace {

using Content = std::vector<std::uint8_t>;
using Piece = std::span<std::uint8_t const>;

ChunkKeys const& keys() {
  static ChunkKeys const made{Key{}};
  return made;
}

GearTable const& gear() {
  static GearTable const table(keys().gear_key());
  return table;
}

Content load(char const* path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    std::fprintf(stderr, "cannot read %s\n", path);
    std::exit(1);
  }
  return Content(std::istreambuf_iterator<char>(in), {});
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Cuts by content, or, when `sizes.min` is 0, into blocks of `sizes.average`.
std::vector<Piece> cut(Piece content, ChunkSizes const& sizes) {
  std::vector<Piece> out;
  while (!content.empty()) {
    std::size_t const length = sizes.min == 0 ? std::min<std::size_t>(sizes.average, content.size())
                                              : next_cut(content, sizes, gear());
    out.push_back(content.first(length));
    content = content.subspan(length);
  }
  return out;
}

struct Zstd {
  explicit Zstd(int at_level) : level(at_level) {}
  int level;
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context{ZSTD_createCCtx(), ZSTD_freeCCtx};
  std::vector<char> out;
  // As a box: codec and tag, and not compressed when that saves less than 1/32.
  std::size_t box(Piece chunk) {
    out.resize(ZSTD_compressBound(chunk.size()));
    std::size_t const size =
        ZSTD_compressCCtx(context.get(), out.data(), out.size(), chunk.data(), chunk.size(), level);
    bool const worth = !ZSTD_isError(size) && size <= chunk.size() - chunk.size() / 32;
    return 1 + tag_bytes + (worth ? size : chunk.size());
  }
};

std::string id_lines(std::vector<ChunkId> const& ids) {
  std::string out;
  for (ChunkId const& id : ids)
    out += to_hex(id) + "\n";
  return out;
}

std::vector<ChunkId> ids_of(std::vector<Piece> const& chunks, ChunkType type) {
  std::vector<ChunkId> out;
  out.reserve(chunks.size());
  for (Piece const chunk : chunks)
    out.push_back(chunk_id(keys(), type, chunk));
  return out;
}

struct Cost {
  std::size_t chunks = 0, raw = 0, zstd1 = 0, zstd3 = 0;
};

// What of `content` is not among `known`, which then knows it.
Cost cost(Piece content, ChunkSizes const& sizes, ChunkType type, std::set<ChunkId>& known,
          std::vector<ChunkId>& ids) {
  Zstd fast(1), better(3);
  Cost out;
  auto const chunks = cut(content, sizes);
  ids = ids_of(chunks, type);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    if (!known.insert(ids[i]).second) continue;
    ++out.chunks;
    out.raw += chunks[i].size();
    out.zstd1 += fast.box(chunks[i]);
    out.zstd3 += better.box(chunks[i]);
  }
  return out;
}

struct Way {
  char const* name;
  ChunkSizes sizes;
};
constexpr Way ways[] = {
    {"4/16/64", {4 << 10, 16 << 10, 64 << 10}},     {"8/32/128", {8 << 10, 32 << 10, 128 << 10}},
    {"16/64/256", {16 << 10, 64 << 10, 256 << 10}}, {"32/128/512", {32 << 10, 128 << 10, 512 << 10}},
    {"blocks of 16", {0, 16 << 10, 16 << 10}},      {"blocks of 64", {0, 64 << 10, 64 << 10}}};

void whole(char const* path) {
  Content const content = load(path);
  for (Way const& way : ways) {
    std::set<ChunkId> known;
    std::vector<ChunkId> ids;
    Cost const all = cost(content, way.sizes, ChunkType::data, known, ids);
    std::printf("{\"way\":\"%s\",\"bytes\":%zu,\"chunks\":%zu,\"zstd1\":%zu,\"zstd3\":%zu}\n", way.name,
                content.size(), all.chunks, all.zstd1, all.zstd3);
  }
}

void change(char const* old_path, char const* new_path) {
  Content const before = load(old_path), after = load(new_path);
  for (Way const& way : ways) {
    auto const old_ids = ids_of(cut(before, way.sizes), ChunkType::data);
    std::string const old_list = id_lines(old_ids);
    auto const old_list_ids = ids_of(cut(as_bytes(old_list), list_chunk_sizes), ChunkType::list);
    std::set<ChunkId> known(old_ids.begin(), old_ids.end()),
        known_list(old_list_ids.begin(), old_list_ids.end());
    std::vector<ChunkId> ids, list_ids;
    Cost const fresh = cost(after, way.sizes, ChunkType::data, known, ids);
    std::string const new_list = id_lines(ids);
    Cost const list = cost(as_bytes(new_list), list_chunk_sizes, ChunkType::list, known_list, list_ids);
    std::printf(
        "{\"way\":\"%s\",\"chunks\":%zu,\"raw\":%zu,\"zstd1\":%zu,\"zstd3\":%zu,\"list\":%zu,\"index\":%zu}"
        "\n",
        way.name, fresh.chunks, fresh.raw, fresh.zstd1, fresh.zstd3, list.zstd3,
        45 * (fresh.chunks + list.chunks));
  }
}

void speed(char const* path) {
  Content const content = load(path);
  auto const rate = [&](double began) {
    return static_cast<double>(content.size()) / 1e6 / (cpu_seconds() - began);
  };
  double began = cpu_seconds();
  auto const chunks = cut(content, data_chunk_sizes);
  double const cutting = rate(began);
  began = cpu_seconds();
  auto const ids = ids_of(chunks, ChunkType::data);
  std::printf("{\"cut\":%.0f,\"id\":%.0f", cutting, rate(began));
  for (int const level : {1, 3}) {
    Zstd zstd(level);
    std::size_t total = 0;
    began = cpu_seconds();
    for (Piece const chunk : chunks)
      total += zstd.box(chunk);
    double const compressing = rate(began);
    std::vector<std::vector<char>> frames;
    for (Piece const chunk : chunks) {
      zstd.box(chunk);
      std::size_t const frame = ZSTD_findFrameCompressedSize(zstd.out.data(), zstd.out.size());
      frames.emplace_back(zstd.out.begin(), zstd.out.begin() + static_cast<std::ptrdiff_t>(frame));
    }
    std::vector<char> out(data_chunk_sizes.max);
    began = cpu_seconds();
    for (auto const& frame : frames)
      ZSTD_decompress(out.data(), out.size(), frame.data(), frame.size());
    std::printf(",\"level%d\":{\"compress\":%.0f,\"decompress\":%.0f,\"ratio\":%.3f}", level, compressing,
                rate(began), static_cast<double>(content.size()) / static_cast<double>(total));
  }
  std::printf("}\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], "change") == 0) {
    change(argv[2], argv[3]);
  } else if (argc == 3 && std::strcmp(argv[1], "whole") == 0) {
    whole(argv[2]);
  } else if (argc == 3 && std::strcmp(argv[1], "speed") == 0) {
    speed(argv[2]);
  } else {
    std::fprintf(stderr,
                 "usage: chunk_sizes whole FILE | chunk_sizes change OLD NEW | chunk_sizes speed FILE\n");
    return 64;
  }
  return 0;
}
