#include "core/notify/healthcheck.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/store/s3/errors.h"
#include "core/store/s3/retry.h"
#include "core/store/s3/transport.h"
#include "core/util/encoding.h"
#include "core/util/log.h"
#include "core/util/wait.h"

namespace b2b {
namespace {

constexpr std::size_t report_bytes_max = 10'000;
constexpr std::size_t answer_bytes_max = 16 * 1024;

// Requests a stop when the time is over, or when another one is requested.
class Deadline {
 public:
  Deadline(std::chrono::nanoseconds time, std::stop_token const& outer)
      : forward_(outer, [this] { source_.request_stop(); }),
        timer_([this, time](std::stop_token const& done) {
          std::unique_lock lock(mutex_);
          bool const over =
              !nothing_.wait_for(lock, done, time, [] { return false; }) && !done.stop_requested();
          if (over) source_.request_stop();
        }) {}
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::mutex mutex_;
  std::condition_variable_any nothing_;
  std::stop_callback<std::function<void()>> forward_;
  std::jthread timer_;
};

// At most so many bytes, and no half of a character at the end.
std::string_view cut(std::string_view text) {
  if (text.size() <= report_bytes_max) return text;
  std::size_t end = report_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0u) == 0x80)
    --end;
  return text.substr(0, end);
}

std::string request_head(PingAddress const& address, s3::Endpoint const& endpoint, Ping ping,
                         std::size_t body_bytes) {
  std::string head = body_bytes == 0 ? "GET " : "POST ";
  head += address.target(ping).reveal();
  head += " HTTP/1.1\r\nHost: " + endpoint.authority() + "\r\nUser-Agent: b2backupd/" B2B_VERSION "\r\n";
  if (body_bytes != 0)
    head +=
        "Content-Type: text/plain; charset=utf-8\r\nContent-Length: " + std::to_string(body_bytes) + "\r\n";
  return head + "\r\n";
}

Result<void> judge(unsigned status) {
  if (status / 100 == 2) return {};
  Error error = s3::unreachable("it answered HTTP " + std::to_string(status));
  error.http_status = static_cast<int>(status);
  error.retryable = status == 408 || status == 429 || status >= 500;
  if (status == 401 || status == 403) error.condition = Condition::permission;
  if (status == 404 || status == 410) error.condition = Condition::not_found;
  if (!error.retryable) error.advice = "Copy healthcheckUrl from the page of the check again";
  return error;
}

Result<void> try_until_told(s3::Transport& transport, s3::Exchange const& exchange,
                            HealthcheckSettings const& settings, Clock& clock, std::stop_token const& stop) {
  s3::RetryState state({3, settings.first_wait, settings.first_wait * 4, settings.timeout});
  for (bool fresh = false;; fresh = true) {
    s3::Traffic traffic;
    auto const answer = transport.exchange(exchange, fresh, traffic, stop);
    auto const told = answer ? judge(answer->status) : Result<void>(answer.error());
    if (told) return {};
    auto const wait = state.failed(told.error().retryable, clock.monotonic(), std::nullopt, 1.0);
    if (!wait || !wait_unless_stopped(*wait, stop)) return told.error();
  }
}

}  // namespace

Result<void> send_ping(HealthcheckSettings const& settings, Ping ping, std::string_view report, Clock& clock,
                       std::stop_token const& stop) {
  B2B_ASSIGN(PingAddress const address, parse_ping_address(settings.url));
  s3::TransportSettings transport_settings;
  s3::Endpoint& endpoint = transport_settings.connection.endpoint;
  endpoint = {address.tls, address.host, address.port};
  if (address.tls) {
    B2B_ASSIGN(transport_settings.connection.proxy, s3::proxy_for(endpoint, s3::process_environment));
  }
  transport_settings.connection.own_ca_file = !settings.ca_file.empty();
  transport_settings.connection.connect_timeout = settings.timeout;
  transport_settings.connection.progress_timeout = settings.timeout;
  transport_settings.ca_file = settings.ca_file;
  transport_settings.transfers = 1;
  B2B_ASSIGN(auto const transport, s3::Transport::create(transport_settings, clock));

  MemorySource const body{std::string(cut(report))};
  s3::Exchange exchange;
  exchange.head = request_head(address, endpoint, ping, static_cast<std::size_t>(body.size()));
  if (body.size() != 0) exchange.body = &body;
  exchange.max_answer_bytes = answer_bytes_max;

  Deadline const deadline(settings.timeout, stop);
  auto const told = try_until_told(*transport, exchange, settings, clock, deadline.token());
  wipe(exchange.head.data(), exchange.head.size());
  if (told) return {};
  Error error = told.error();
  if (stop.stop_requested()) return s3::cancelled_error("the call of healthcheckUrl");
  if (deadline.token().stop_requested()) error = s3::unreachable("no answer in time");
  error.message = "the health check at " + printable(address.host) + " could not be told: " + error.message;
  error.subject = "healthcheckUrl";
  return error;
}

void ping_or_warn(HealthcheckSettings const& settings, Ping ping, std::string_view report, Clock& clock,
                  std::stop_token const& stop) {
  if (settings.url.empty()) return;
  auto const told = send_ping(settings, ping, report, clock, stop);
  if (!told && told.error().condition != Condition::cancelled) log_warning(told.error().text());
}

}  // namespace b2b
