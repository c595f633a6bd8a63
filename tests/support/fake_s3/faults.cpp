#include "tests/support/fake_s3/faults.h"

#include <map>

#include <boost/json.hpp>

namespace b2b::test {

void Faults::add(Fault fault) {
  std::scoped_lock lock(mutex_);
  faults_.push_back(std::move(fault));
}

void Faults::clear() {
  std::scoped_lock lock(mutex_);
  faults_.clear();
}

std::size_t Faults::left() const {
  std::scoped_lock lock(mutex_);
  std::size_t out = 0;
  for (auto const& fault : faults_)
    out += fault.count;
  return out;
}

std::optional<Fault> Faults::next(std::string const& method, std::string const& target) {
  std::scoped_lock lock(mutex_);
  for (std::size_t i = 0; i < faults_.size(); ++i) {
    Fault& fault = faults_[i];
    if (!fault.method.empty() && fault.method != method) continue;
    if (target.find(fault.target_contains) == std::string::npos) continue;
    if (fault.skip > 0) {
      --fault.skip;
      continue;
    }
    Fault const out = fault;
    if (--fault.count == 0) faults_.erase(faults_.begin() + static_cast<std::ptrdiff_t>(i));
    return out;
  }
  return std::nullopt;
}

std::optional<std::vector<Fault>> parse_faults(std::string const& json_array, std::string& problem) {
  namespace json = boost::json;
  static std::map<std::string, FaultAction, std::less<>> const actions = {
      {"status", FaultAction::status},     {"early-status", FaultAction::early_status},
      {"drop", FaultAction::drop},         {"lose-answer", FaultAction::lose_answer},
      {"stall", FaultAction::stall},       {"stall-answer", FaultAction::stall_answer},
      {"truncate", FaultAction::truncate}, {"corrupt", FaultAction::corrupt},
      {"delay", FaultAction::delay},
  };
  json::error_code malformed;
  auto const document = json::parse(json_array, malformed);
  if (malformed || !document.is_array()) {
    problem = "not a JSON array";
    return std::nullopt;
  }
  std::vector<Fault> out;
  for (auto const& item : document.get_array()) {
    if (!item.is_object()) {
      problem = "a fault is not an object";
      return std::nullopt;
    }
    Fault fault;
    for (auto const& [name, value] : item.get_object()) {
      auto const text = value.is_string() ? std::string(value.get_string()) : std::string();
      auto const number =
          value.is_int64() && value.get_int64() >= 0 ? static_cast<std::uint64_t>(value.get_int64()) : 0;
      if (name == "action" && actions.contains(text)) {
        fault.action = actions.find(text)->second;
      } else if (name == "method") {
        fault.method = text;
      } else if (name == "target") {
        fault.target_contains = text;
      } else if (name == "count" && number > 0) {
        fault.count = static_cast<unsigned>(number);
      } else if (name == "skip") {
        fault.skip = static_cast<unsigned>(number);
      } else if (name == "status") {
        fault.status = static_cast<unsigned>(number);
      } else if (name == "code") {
        fault.code = text;
      } else if (name == "message") {
        fault.message = text;
      } else if (name == "retryAfter") {
        fault.retry_after = text;
      } else if (name == "afterBytes") {
        fault.after_bytes = number;
      } else if (name == "delayMs") {
        fault.delay_ms = static_cast<unsigned>(number);
      } else {
        problem = "unknown or malformed: " + std::string(name);
        return std::nullopt;
      }
    }
    out.push_back(std::move(fault));
  }
  return out;
}

}  // namespace b2b::test
