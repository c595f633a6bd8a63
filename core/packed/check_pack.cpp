#include "core/packed/check_pack.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "core/util/file.h"
#include "core/util/read_at.h"

namespace b2b::packed {
namespace {

// A file that may be shorter than it is asked for.
Result<std::string> read_part(int fd, std::uint64_t offset, std::uint64_t bytes, std::string const& path) {
  std::string out(bytes, '\0');
  std::span<std::uint8_t> const buffer(reinterpret_cast<std::uint8_t*>(out.data()), out.size());
  B2B_ASSIGN(std::size_t const got, read_at(fd, buffer, offset, "read the fetched pack", path));
  out.resize(got);
  return out;
}

Result<Sha256Digest> digest_of(int fd, std::uint64_t bytes, std::string const& path) {
  Sha256 digest;
  for (std::uint64_t at = 0; at < bytes;) {
    B2B_ASSIGN(std::string const part, read_part(fd, at, std::min<std::uint64_t>(bytes - at, 256 << 10), path));
    if (part.empty()) break;
    digest.update(part);
    at += part.size();
  }
  return digest.finish();
}

PackFinding all_bad(PackRecord const& record, std::string problem) {
  PackFinding finding;
  finding.problem = std::move(problem);
  finding.bad_boxes.resize(record.chunks.size());
  std::iota(finding.bad_boxes.begin(), finding.bad_boxes.end(), 0U);
  return finding;
}

// In the order of what a person learns from it.
std::string in_words(PackRecord const& record, std::uint64_t bytes, bool right_digest, std::string const& directory, std::size_t bad) {
  if (bytes != record.bytes) return "it has " + std::to_string(bytes) + " bytes instead of " + std::to_string(record.bytes);
  if (bad > 0) return std::to_string(bad) + " of its " + std::to_string(record.chunks.size()) + " chunks are damaged";
  if (!directory.empty()) return directory + "; its chunks are whole";
  if (!right_digest) return "it is not what its name says (its SHA-256 is another); its chunks are whole";
  return {};
}

Result<PackFinding> check_once(Repository const& repository, PackRecord const& record, std::string const& path, std::stop_token const& stop,
                               GoodChunk const& good) {
  B2B_ASSIGN(auto sink, FileSink::create(path));
  B2B_ASSIGN(UniqueFd const file, open_file(path, O_RDONLY, "read the fetched pack"));
  ::unlink(path.c_str());  // it goes with its descriptor
  auto const got = repository.store->get(pack_key(repository.prefix, record.id), std::nullopt, *sink, stop);
  if (!got) {
    Error const& error = got.error();
    if (error.condition == Condition::not_found) {
      PackFinding finding = all_bad(record, "it is gone");
      finding.gone = true;
      return finding;
    }
    if (error.condition != Condition::corrupt && error.condition != Condition::transit) return error;
    return all_bad(record, error.text());
  }
  std::uint64_t const bytes = got->size;
  PackFinding finding;
  finding.bytes_read = bytes;
  B2B_ASSIGN(Sha256Digest const digest, digest_of(file.get(), bytes, path));
  std::string directory_problem;
  auto const directory = read_pack_directory(repository.master, repository.config.id, bytes, [&](std::uint64_t offset, std::uint64_t length) {
    return read_part(file.get(), offset, length, path);
  });
  if (!directory) {
    if (directory.error().condition != Condition::corrupt) return directory.error();
    directory_problem = directory.error().message;
  } else if (directory->salt != record.salt || directory->chunks != record.chunks) {
    directory_problem = "its directory is not what the index says";
  }
  PackOpener opener(repository.master, repository.config.id, record.salt);
  std::string content;
  for (std::uint32_t number = 0; number < record.chunks.size(); ++number) {
    if (stop.stop_requested()) return make_error(Condition::cancelled, "stopped on request");
    ChunkPlace const& place = record.chunks[number];
    B2B_ASSIGN(std::string const box, read_part(file.get(), place.offset, place.box_bytes, path));
    bool const whole = box.size() == place.box_bytes && opener.open(number, place, box, content) &&
                       chunk_id(repository.keys, place.type, as_bytes(content)) == place.id;
    if (!whole) {
      finding.bad_boxes.push_back(number);
    } else if (good) {
      B2B_TRY(good(place, content));
    }
  }
  finding.problem = in_words(record, bytes, digest == record.id, directory_problem, finding.bad_boxes.size());
  return finding;
}

}  // namespace

Result<PackFinding> check_stored_pack(Repository const& repository, PackRecord const& record, std::string const& path,
                                      std::stop_token const& stop, GoodChunk const& good) {
  B2B_ASSIGN(PackFinding finding, check_once(repository, record, path, stop, good));
  if (finding.problem.empty() || finding.gone) return finding;
  std::uint64_t const read_before = finding.bytes_read;
  B2B_ASSIGN(finding, check_once(repository, record, path, stop, good));  // it may have been the way here
  finding.bytes_read += read_before;
  return finding;
}

Result<PackRecord> fetch_pack_directory(Repository const& repository, PackId const& id, std::uint64_t bytes, std::stop_token const& stop) {
  auto const once = [&] {
    return read_pack_directory(repository.master, repository.config.id, bytes, [&](std::uint64_t offset, std::uint64_t length) -> Result<std::string> {
      StringSink sink(length);
      B2B_TRY(repository.store->get(pack_key(repository.prefix, id), ByteRange{offset, length}, sink, stop));
      return sink.take();
    });
  };
  auto record = once();
  if (!record && record.error().condition == Condition::corrupt) record = once();
  if (record) record->id = id;
  return record;
}

}  // namespace b2b::packed
