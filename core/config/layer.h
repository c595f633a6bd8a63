// One source of configuration: checked values by key, each with the name of where it came from. Layers are
// merged per key, the first that has the key wins.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "core/config/config.h"
#include "core/util/error.h"

namespace b2b {

struct SourcedValue {
  boost::json::value value;  // as check_value() returns it; paths absolute
  std::string source;        // for people: "environment (B2_REGION)"
};

// Wipes the values when it goes, since some are secrets.
class Layer {
 public:
  Layer() = default;
  Layer(Layer&&) = default;
  Layer& operator=(Layer&&) = default;
  Layer(Layer const&) = delete;
  Layer& operator=(Layer const&) = delete;
  ~Layer();

  void set(std::string_view key, boost::json::value value, std::string source);
  void remove(std::string_view key);
  SourcedValue const* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  std::map<std::string, SourcedValue, std::less<>> const& values() const { return values_; }

 private:
  std::map<std::string, SourcedValue, std::less<>> values_;
};

void wipe_json(boost::json::value& value);  // overwrites every text in it

// The first layer's value that has the key; null when none has.
SourcedValue const* winner(std::span<Layer const* const> layers, std::string_view key);

// The layers, highest first, as one configuration: config and shown are filled. Pure.
LoadedConfig merge_layers(std::span<Layer const* const> layers);

}  // namespace b2b
