#include "core/control/router.h"

#include <algorithm>

#include "core/control/target.h"
#include "core/util/encoding.h"

namespace b2b::control {
namespace {

bool is_name(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

std::vector<std::string> pattern_segments(std::string_view pattern) {
  B2B_ASSERT(pattern.starts_with('/'));
  auto segments = split_path(pattern);
  B2B_ASSERT(segments.has_value());
  return std::move(*segments);
}

bool matches(std::vector<std::string> const& pattern, std::vector<std::string> const& path) {
  return std::ranges::equal(pattern, path, [](std::string const& expected, std::string const& segment) {
    return is_name(expected) ? !segment.empty() : expected == segment;
  });
}

// Exact segments come first, so that the first match is the best one.
bool before(std::vector<std::string> const& a, std::vector<std::string> const& b) {
  return std::ranges::lexicographical_compare(a, b, [](std::string const& x, std::string const& y) {
    return is_name(x) != is_name(y) ? is_name(y) : x < y;
  });
}

Response not_found(Request const& request) {
  return Response::failed(
      404,
      make_error(Condition::not_found, "the daemon has nothing at " + printable(request.path.substr(0, 200)),
                 "docs/control-api.md lists what there is"));
}

Response wrong_method(Request const& request, std::vector<std::string> allowed) {
  if (std::ranges::find(allowed, "GET") != allowed.end()) allowed.emplace_back("HEAD");
  std::ranges::sort(allowed);
  std::string list;
  for (auto const& method : allowed)
    list += (list.empty() ? "" : ", ") + method;
  auto response =
      Response::failed(405, make_error(Condition::usage,
                                       printable(request.path.substr(0, 200)) + " does not take " +
                                           printable(request.method.substr(0, 40)),
                                       "It takes " + list));
  response.headers.emplace_back("Allow", list);
  return response;
}

}  // namespace

void Router::add(std::string method, std::string_view pattern, Handler handler) {
  B2B_ASSERT(handler != nullptr);
  add_route({std::move(method), pattern_segments(pattern), std::move(handler), nullptr});
}

void Router::add_events(std::string_view pattern, EventHub& hub) {
  add_route({"GET", pattern_segments(pattern), {}, &hub});
}

void Router::add_route(Route route) {
  auto const same = [&](auto const& other) {
    return other->method == route.method && other->segments == route.segments;
  };
  B2B_ASSERT(std::ranges::none_of(routes_, same));
  auto const place = std::ranges::find_if(
      routes_, [&](auto const& other) { return before(route.segments, other->segments); });
  routes_.insert(place, std::make_unique<Route const>(std::move(route)));
}

Router::Decision Router::route(Request& request) const {
  auto const path = split_path(request.path);
  if (!path) return Response::failed(400, path.error());
  std::string_view const wanted = request.method == "HEAD" ? "GET" : std::string_view(request.method);
  std::vector<std::string> allowed;
  for (auto const& route : routes_) {
    if (!matches(route->segments, *path)) continue;
    if (route->method != wanted) {
      allowed.push_back(route->method);
      continue;
    }
    request.parameters.clear();
    for (std::size_t i = 0; i < path->size(); ++i) {
      auto const& segment = route->segments[i];
      if (is_name(segment))
        request.parameters.emplace_back(segment.substr(1, segment.size() - 2), (*path)[i]);
    }
    if (route->events != nullptr) return route->events;
    return &route->handler;
  }
  if (allowed.empty()) return not_found(request);
  std::ranges::sort(allowed);
  allowed.erase(std::unique(allowed.begin(), allowed.end()), allowed.end());
  return wrong_method(request, std::move(allowed));
}

}  // namespace b2b::control
