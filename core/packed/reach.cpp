#include "core/packed/reach.h"

#include "core/packed/format.h"
#include "core/util/encoding.h"

namespace b2b::packed {

Error explain_reach(Error error, std::string_view prefix) {
  if (error.condition != Condition::permission) return error;
  if (!error.advice.empty()) error.advice += error.advice.ends_with('.') ? " " : ". ";
  error.advice += "The packed layout and pins lie under " + printable(repository_prefix(prefix)) +
                  ": an application key that may only reach names that begin with \"" + printable(prefix) +
                  "/\" does not reach it. Make one whose name prefix is \"" + printable(prefix) +
                  "\", without the slash, or one without a name prefix";
  return error;
}

}  // namespace b2b::packed
