#include "core/store/s3/transport.h"

#include <algorithm>
#include <iterator>

#include "core/store/s3/errors.h"
#include "core/store/s3/retry.h"

namespace b2b::s3 {
namespace {

constexpr std::chrono::seconds keep_idle_for{15};

}  // namespace

Transport::Transport(TransportSettings const& settings, std::unique_ptr<TlsContext> tls, Clock& clock)
    : settings_(settings),
      tls_(std::move(tls)),
      clock_(clock),
      upload_(settings.upload_bytes_per_second, clock),
      download_(settings.download_bytes_per_second, clock),
      resolver_(
          settings.connection.proxy ? settings.connection.proxy->host : settings.connection.endpoint.host,
          clock) {}

Transport::~Transport() = default;

Result<std::unique_ptr<Transport>> Transport::create(TransportSettings const& settings, Clock& clock) {
  B2B_ASSERT(settings.transfers > 0);
  std::unique_ptr<TlsContext> tls;
  if (settings.connection.endpoint.tls) {
    B2B_ASSIGN(tls, TlsContext::create(settings.ca_file));
  }
  return std::unique_ptr<Transport>(new Transport(settings, std::move(tls), clock));
}

std::unique_ptr<Connection> Transport::take_idle() {
  std::vector<Idle> dropped;  // closed outside the lock
  std::scoped_lock lock(mutex_);
  auto const now = clock_.monotonic();
  while (!idle_.empty()) {
    Idle candidate = std::move(idle_.back());
    idle_.pop_back();
    if (now - candidate.since < keep_idle_for && !candidate.connection->broken_while_idle())
      return std::move(candidate.connection);
    dropped.push_back(std::move(candidate));
  }
  return nullptr;
}

void Transport::keep(std::unique_ptr<Connection> connection) {
  std::vector<Idle> dropped;
  std::scoped_lock lock(mutex_);
  auto const now = clock_.monotonic();
  auto const first_old = std::stable_partition(
      idle_.begin(), idle_.end(), [&](Idle const& idle) { return now - idle.since < keep_idle_for; });
  std::move(first_old, idle_.end(), std::back_inserter(dropped));
  idle_.erase(first_old, idle_.end());
  if (idle_.size() < settings_.transfers) idle_.push_back({std::move(connection), now});
}

Result<std::unique_ptr<Connection>> Transport::connect(std::stop_token const& stop) {
  B2B_ASSIGN(auto const addresses, resolver_.addresses(settings_.connection.connect_timeout, stop));
  auto connection =
      std::make_unique<Connection>(settings_.connection, tls_.get(), upload_, download_, clock_);
  B2B_TRY(connection->open(addresses, stop));
  return connection;
}

Result<Answer> Transport::exchange_now(Exchange const& exchange, bool fresh, Traffic& traffic,
                                       std::stop_token const& stop) {
  std::unique_ptr<Connection> connection;
  if (!fresh) connection = take_idle();
  bool const kept = connection != nullptr;
  if (!kept) {
    B2B_ASSIGN(connection, connect(stop));
  }
  auto answer = connection->exchange(exchange, traffic, stop);
  if (connection->reusable()) {
    keep(std::move(connection));
  } else if (!answer && kept && connection->looks_stale()) {
    B2B_ASSIGN(connection, connect(stop));
    answer = connection->exchange(exchange, traffic, stop);
    if (connection->reusable()) keep(std::move(connection));
  }
  return answer;
}

Result<Answer> Transport::exchange(Exchange const& exchange, bool fresh, Traffic& traffic,
                                   std::stop_token const& stop) {
  {
    std::unique_lock lock(mutex_);
    if (!turn_.wait(lock, stop, [this] { return running_ < settings_.transfers; }) || stop.stop_requested())
      return cancelled_error("the request");
    ++running_;
  }
  Silence* const silence = settings_.connection.silence.get();
  if (silence != nullptr) silence->begins();
  auto answer = exchange_now(exchange, fresh, traffic, stop);
  if (silence != nullptr) {
    auto const condition = answer ? std::nullopt : std::optional(answer.error().condition);
    silence->ends(condition == Condition::cancelled     ? Silence::End::cancelled
                  : condition == Condition::unreachable ? Silence::End::unanswered
                                                        : Silence::End::answered);
  }
  {
    std::scoped_lock lock(mutex_);
    --running_;
  }
  turn_.notify_one();
  return answer;
}

}  // namespace b2b::s3
