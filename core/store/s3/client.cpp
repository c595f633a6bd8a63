#include "core/store/s3/client.h"

#include <array>

#include "core/store/s3/sigv4.h"
#include "core/util/encoding.h"
#include "core/util/log.h"
#include "core/util/wait.h"

namespace b2b::s3 {
namespace {

constexpr std::string_view empty_sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
// Stores reject requests that are a quarter of an hour off; a refusal without words within this is something
// else.
constexpr std::chrono::minutes noticeable_skew{10};
// More than one: a refusal that is read after the machine has slept tells a time that is over.
constexpr int max_clock_corrections = 3;

double random_fraction() {
  std::array<std::uint8_t, 4> bytes{};
  random_bytes(bytes);
  std::uint32_t value = 0;
  for (auto const byte : bytes)
    value = value << 8 | byte;
  return static_cast<double>(value) / 4294967296.0;
}

std::chrono::nanoseconds milliseconds(std::uint64_t count) {
  return std::chrono::milliseconds(count);
}

Error refusal(Answer const& answer, About const& about) {
  RemoteError remote = parse_error(answer.body).value_or(RemoteError{});
  if (remote.request_id.empty())
    remote.request_id = find_header(answer.headers, "x-amz-request-id").value_or("");
  return error_of_answer(answer.status, remote, about);
}

}  // namespace

Client::Client(Settings settings, Endpoint endpoint, std::unique_ptr<Transport> transport, Clock& clock)
    : settings_(std::move(settings)),
      endpoint_(std::move(endpoint)),
      transport_(std::move(transport)),
      clock_(clock) {}

Result<std::unique_ptr<Client>> Client::create(Settings const& settings, Clock& clock) {
  B2B_ASSIGN(Endpoint endpoint, parse_endpoint(settings.endpoint));
  TransportSettings transport_settings;
  B2B_ASSIGN(transport_settings.connection.proxy, proxy_for(endpoint, process_environment));
  transport_settings.connection.endpoint = endpoint;
  transport_settings.connection.own_ca_file = !settings.ca_file.empty();
  transport_settings.connection.connect_timeout = milliseconds(settings.connect_timeout_ms);
  transport_settings.connection.silence = std::make_shared<Silence>(clock);
  transport_settings.connection.progress_timeout = milliseconds(settings.progress_timeout_ms);
  transport_settings.ca_file = settings.ca_file;
  transport_settings.transfers = settings.transfers;
  transport_settings.upload_bytes_per_second = settings.upload_bytes_per_second;
  transport_settings.download_bytes_per_second = settings.download_bytes_per_second;
  B2B_ASSIGN(auto transport, Transport::create(transport_settings, clock));
  Settings own = settings;
  if (own.region.empty()) own.region = region_of(endpoint);
  return std::unique_ptr<Client>(
      new Client(std::move(own), std::move(endpoint), std::move(transport), clock));
}

Call Client::call(std::string method, std::string doing, std::string const& key) const {
  Call out;
  out.request.method = std::move(method);
  out.request.path = "/" + settings_.bucket;
  if (!key.empty()) out.request.path += "/" + key;
  out.about = {std::move(doing), key, settings_.bucket};
  return out;
}

TimePoint Client::signing_time() const {
  return clock_.now() + std::chrono::nanoseconds(clock_offset_ns_.load());
}

std::string Client::signed_head(Call const& call, TimePoint time) const {
  Request request = call.request;
  request.headers.emplace_back("Host", endpoint_.authority());
  std::string payload(empty_sha256);
  std::vector<NameValue> unsigned_headers = {{"User-Agent", "b2backupd/" B2B_VERSION}};
  if (call.digest) {
    B2B_ASSERT(call.body != nullptr);
    payload = to_hex(call.digest->sha256);
    if (call.digest->md5) request.headers.emplace_back("Content-MD5", to_base64(*call.digest->md5));
    unsigned_headers.emplace_back("Content-Length", std::to_string(call.body->size()));
  } else if (request.method == "PUT" || request.method == "POST") {
    unsigned_headers.emplace_back("Content-Length", "0");
  }
  SigningScope const scope{format_basic8601(time), settings_.region, "s3"};
  sign(request, payload, settings_.key_id.reveal(), signing_key(settings_.application_key, scope), scope);
  return wire_head(request, unsigned_headers);
}

void Client::note_date(TimePoint date) {
  std::scoped_lock lock(mutex_);
  last_date_ = date;
  last_date_at_ = clock_.monotonic();
}

std::optional<TimePoint> Client::server_time() const {
  std::scoped_lock lock(mutex_);
  if (!last_date_) return std::nullopt;
  return *last_date_ + (clock_.monotonic() - last_date_at_);
}

Client::Attempt Client::attempt(Call const& call, bool fresh, std::stop_token const& stop) {
  Attempt out{signing_time(), Answer{}, {}, {}};
  if (stop.stop_requested()) {
    out.result = cancelled_error("the request");
    return out;
  }
  Exchange exchange;
  exchange.head = signed_head(call, out.signed_at);
  exchange.body = call.body;
  exchange.answer_has_no_body = call.request.method == "HEAD";
  exchange.max_answer_bytes = max_answer_bytes;
  if (call.sink != nullptr)
    exchange.route = [&call](Answer const& answer) { return answer.status / 100 == 2 ? call.sink : nullptr; };
  Traffic traffic;
  ++requests_;
  out.result = transport_->exchange(exchange, fresh, traffic, stop);
  if (call.object_body) bytes_sent_ += traffic.sent;
  bytes_received_ += traffic.received;
  if (!out.result) return out;

  Answer const& answer = *out.result;
  if (auto const date = find_header(answer.headers, "date")) {
    out.server_date = parse_http_date(*date);
    if (out.server_date) note_date(*out.server_date);
  }
  if (auto const wait = find_header(answer.headers, "retry-after"))
    out.retry_after = parse_retry_after(*wait, out.server_date.value_or(clock_.now()));
  if (answer.status / 100 != 2) {
    out.result = refusal(answer, call.about);
  } else if (call.check) {
    if (auto checked = call.check(answer); !checked) out.result = std::move(checked).error();
  }
  return out;
}

// After a refusal of the time that a request was signed at: true when it may be signed anew. Takes the store's clock when ours differs. It need not any
// more: the machine slept with the request signed, or another request of this client has been told before.
bool Client::correct_clock(Attempt const& attempt, bool head_request) {
  Error const error = attempt.result.error();
  if (!attempt.server_date) return false;
  auto const refused_by = std::chrono::abs(*attempt.server_date - attempt.signed_at);
  bool const unsaid = head_request && error.condition == Condition::permission && refused_by > noticeable_skew;
  if (error.condition != Condition::clock_skew && !unsaid) return false;
  if (refused_by < std::chrono::minutes(1)) return false;
  auto const skew = std::chrono::abs(*attempt.server_date - signing_time());
  if (skew < std::chrono::minutes(1)) return true;
  clock_offset_ns_ = (*attempt.server_date - clock_.now()).count();
  log_warning("the store's clock and this machine's differ by " +
              std::to_string(std::chrono::duration_cast<std::chrono::seconds>(skew).count()) +
              " seconds; going by the store's. Set this machine's clock.");
  return true;
}

Result<Answer> Client::send(Call const& call, std::stop_token const& stop) {
  RetryState state({settings_.max_attempts, milliseconds(settings_.backoff_initial_ms),
                    milliseconds(settings_.backoff_max_ms),
                    std::chrono::seconds(settings_.max_retry_seconds)});
  int clock_corrections = 0;
  for (bool fresh = false;; fresh = true) {
    if (fresh && call.sink != nullptr) B2B_TRY(call.sink->restart());
    Attempt current = attempt(call, fresh, stop);
    if (current.result) return std::move(current.result);
    if (clock_corrections < max_clock_corrections && correct_clock(current, call.request.method == "HEAD")) {
      ++clock_corrections;
      ++retries_;
      continue;
    }
    Error error = std::move(current.result).error();
    auto const wait =
        state.failed(error.retryable, clock_.monotonic(), current.retry_after, random_fraction());
    if (!wait) {
      if (error.subject.empty()) error.subject = call.about.subject;
      if (error.condition == Condition::throttled) error.condition = Condition::unreachable;
      if (error.http_status == 0 && error.condition != Condition::cancelled)
        error.message = describe(call.about) + ": " + error.message;
      if (error.retryable && state.attempts() > 1)
        error.message += ", after " + std::to_string(state.attempts()) + " attempts";
      return error;
    }
    log_info(error.message + "; trying again in " +
             std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(*wait).count()) + " ms");
    if (!wait_unless_stopped(*wait, stop)) return cancelled_error("the request");
    ++retries_;
  }
}

StoreCounters Client::counters() const {
  return {requests_.load(), retries_.load(), bytes_sent_.load(), bytes_received_.load(), transport_->silent_since()};
}

}  // namespace b2b::s3
