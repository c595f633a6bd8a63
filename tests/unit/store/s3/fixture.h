// A fake S3 server and a store that speaks to it.
#pragma once

#include <memory>
#include <string>

#include "core/store/s3/s3.h"
#include "core/util/clock.h"
#include "tests/support/fake_s3/certificate.h"
#include "tests/support/fake_s3/server.h"
#include "tests/support/scratch.h"

namespace b2b::test {

inline s3::Settings settings_for(FakeServer const& server) {
  s3::Settings settings;
  settings.endpoint = server.url();
  settings.bucket = server.options().bucket;
  settings.region = server.options().region;
  settings.key_id = Secret(server.options().key_id);
  settings.application_key = Secret(server.options().application_key);
  settings.connect_timeout_ms = 30'000;
  settings.progress_timeout_ms = 30'000;
  settings.backoff_initial_ms = 10;
  settings.backoff_max_ms = 40;
  settings.max_attempts = 4;
  return settings;
}

inline std::unique_ptr<Store> store_at(s3::Settings const& settings) {
  return s3::make_store(settings, system_clock()).value();
}

inline Result<std::string> text_of(Store& store, std::string const& key,
                                   std::optional<ByteRange> range = std::nullopt) {
  StringSink sink(64 << 20);
  B2B_TRY(store.get(key, range, sink, {}));
  return sink.take();
}

}  // namespace b2b::test
