// SecretRef objects of openclaw.json: {source, provider, id} in place of a secret.
//
//   env    the variable `id`
//   file   secrets.providers.<provider>.path: a JSON file and `id` a JSON pointer into it (mode "json", the
//   default), or
//          a file that is the secret and `id` "value" (mode "singleValue")
//   exec, store, others: only OpenClaw itself can resolve them; the error says so. Commands are never run,
//   since agents
//          can write openclaw.json.
#pragma once

#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "core/config/openclaw_config.h"
#include "core/config/substitution.h"
#include "core/util/error.h"

namespace b2b {

// Is this value a SecretRef, whole or malformed, rather than the secret itself?
bool is_secret_ref(boost::json::value const& value);

// "the SecretRef env:default:B2_KEY", for messages.
std::string describe_secret_ref(boost::json::object const& reference);

struct SecretRefContext {
  OpenClawConfig* config = nullptr;  // for secrets.providers
  VariableLookup lookup;
  std::string home;
  std::vector<std::string>* warnings = nullptr;  // a secrets file that others may read
};

// The secret. Errors are bad_config, name the SecretRef and say what to do instead.
Result<std::string> resolve_secret_ref(boost::json::object const& reference, SecretRefContext const& context);

}  // namespace b2b
