#include <boost/json/value.hpp>

#include "daemon/control/members.h"
#include "daemon/control/verbs.h"

namespace b2b::daemonctl {
namespace {

// A person reads a few names; all of them are in --json.
constexpr std::size_t names_shown = 20;

}  // namespace

void warn_all(Console& console, boost::json::array const& texts) {
  for (boost::json::value const& text : texts) console.warn(as_text(text));
}

void warn_of_each(Console& console, boost::json::array const& items, std::string_view what, std::string_view reason) {
  if (items.empty()) return;
  console.warn(std::to_string(items.size()) + (items.size() == 1 ? " file " : " files ") + std::string(what) + ":");
  for (std::size_t i = 0; i < items.size() && i < names_shown; ++i) {
    boost::json::object const& item = as_object(items[i]);
    console.warn("  " + text_of(item, "path") + ": " + text_of(item, reason));
  }
  if (items.size() > names_shown)
    console.warn("  and " + std::to_string(items.size() - names_shown) + " more (--json names all)");
}

}  // namespace b2b::daemonctl
