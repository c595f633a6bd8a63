// Whom setup talks with: a person at a terminal, or a script in a test. Every question ends in an answer or
// in Condition::cancelled (Ctrl-C, the end of input).
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/util/error.h"
#include "core/util/secret.h"

namespace b2b::setup {

class Asker {
 public:
  virtual ~Asker() = default;
  // Is there anybody? When not, nothing below is called, and what would be asked takes its default or fails.
  virtual bool is_there() const = 0;
  // A line, without its line break. At most `line_bytes_max`; the rest of a longer one is dropped.
  virtual Result<std::string> line(std::string_view question) = 0;
  // The same, and nothing of it shows on the screen.
  virtual Result<Secret> hidden(std::string_view question) = 0;
};

inline constexpr std::size_t line_bytes_max = 4096;

// The terminal of this process: questions go to stderr, answers come from stdin. `wanted` false: nobody is
// there.
std::unique_ptr<Asker> terminal_asker(bool wanted, std::stop_token stop);

// "QUESTION [Y/n] ", again until the answer is yes or no; just Enter is `otherwise`. With nobody there:
// `otherwise`.
Result<bool> confirm(Asker& asker, std::string_view question, bool otherwise);

// "QUESTION [1] " for one of `count` numbered things, again until it is one of them; just Enter is 1. Returns
// from 0. With nobody there: 0.
Result<std::size_t> choose(Asker& asker, std::string_view question, std::size_t count);

}  // namespace b2b::setup
