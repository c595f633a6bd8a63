// What is said to somebody whose command line cannot be understood: what is wrong with it, what was probably meant, and which
// help to ask for. Pure.
#pragma once

#include <string>

namespace CLI {
class App;
class ParseError;
}

namespace b2b::daemonctl {

// `app` has just thrown `error` while it parsed.
std::string usage_text(CLI::App const& app, CLI::ParseError const& error);

}  // namespace b2b::daemonctl
