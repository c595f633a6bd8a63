#include "core/packed/format.h"

#include "tests/support/catch.h"

using namespace b2b::packed;

TEST_CASE("the names of objects are those of docs/format.md", "[packed_format]") {
  PackId pack{};
  pack[0] = 0xab;
  SlotId slot{};
  slot[15] = 1;
  CHECK(config_key("openclaw-backup") == "openclaw-backup.repo/config");
  CHECK(slot_key("p", slot) == "p.repo/keys/00000000000000000000000000000001");
  CHECK(pack_key("p", pack) == "p.repo/packs/ab/ab" + std::string(62, '0'));
  CHECK(index_key("p", pack) == "p.repo/index/ab" + std::string(62, '0'));
  CHECK(snapshot_key("p", "safety-x/y") == "p.repo/snapshots/safety-x/y");
}

TEST_CASE("lengths are padded by the Padme scheme", "[packed_format]") {
  CHECK(padme(0) == 0);
  CHECK(padme(1) == 1);
  CHECK(padme(9) == 10);      // E = 3, S = 2: multiples of 2
  CHECK(padme(1000) == 1024);  // E = 9, S = 4: multiples of 32
  CHECK(padme(16'777'217) == 17'301'504);  // E = 24, S = 5: multiples of 512 KiB
  for (std::uint64_t bytes = 1; bytes < 5'000'000; bytes += bytes / 7 + 1) {
    CHECK(padme(bytes) >= bytes);
    CHECK(padme(bytes) <= bytes + bytes / 8 + 1);
    CHECK(padme(padme(bytes)) == padme(bytes));
  }
}
