#include "core/engine/capture_stage.h"

#include <algorithm>
#include <thread>

#include "core/engine/push_plan.h"
#include "core/engine/roots.h"
#include "core/util/file.h"

namespace b2b {
namespace {

// Reading is mostly waiting for the disk: a little more than one thread per core pays, more does not.
std::size_t capture_threads() { return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 2, 8); }

}  // namespace

Result<std::shared_ptr<Spool>> open_spool(EngineContext& context) {
  SpoolOptions options;
  options.limit_bytes = context.config.limits.spool_bytes;
  return Spool::open(join_path(context.instance.data_dir, "spool"), options);
}

CaptureOptions capture_options(Config const& config) {
  CaptureOptions options;
  options.scrub_secrets = config.secrets == SecretRows::exclude;
  options.encrypted_store = config.encrypt;
  return options;
}

CaptureStage::CaptureStage(EngineContext& context, std::shared_ptr<Spool> spool, CaptureOptions const& options,
                           Captured captured)
    : context_(context),
      spool_(std::move(spool)),
      captured_(std::move(captured)),
      roots_(roots_of(context.config)),
      options_(options),
      pool_(capture_threads(), capture_threads() * 2) {}

void CaptureStage::add(Entry entry) {
  auto shared = std::make_shared<Entry>(std::move(entry));
  pool_.submit([this, shared] {
    if (failed()) return;
    ScanItem item;
    item.entry = *shared;
    item.absolute = absolute_path(roots_, shared->path, &item.root_bytes);  // no symlink below the root is followed
    auto result = capture_file(item, spool_, options_, *context_.clock, context_.stop);
    if (!result) {
      fail(result.error());
      return;
    }
    captured_(*shared, std::move(*result));
  });
}

bool CaptureStage::failed() const {
  std::scoped_lock lock(mutex_);
  return failure_.has_value();
}

void CaptureStage::fail(Error error) {
  std::scoped_lock lock(mutex_);
  if (!failure_) failure_ = std::move(error);
}

Result<void> CaptureStage::finish() {
  pool_.wait();
  std::scoped_lock lock(mutex_);
  if (failure_) return *failure_;
  if (context_.stop.stop_requested()) return make_error(Condition::cancelled, "stopped on request");
  return {};
}

}  // namespace b2b
