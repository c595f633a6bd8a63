#include "core/util/nearest.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace b2b {
namespace {

constexpr std::size_t longest_compared = 64;   // nobody means a word longer than that
constexpr std::size_t shortest_beginning = 3;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      bool const same = a[i - 1] == b[j - 1];
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

std::string nearest_word(std::string_view written, std::span<std::string const> words) {
  if (written.size() > longest_compared) return {};
  std::string const meant = lower(written);
  std::string best;
  std::size_t best_cost = std::max<std::size_t>(1, (meant.size() + 1) / 3) + 1;
  for (std::string const& word : words) {
    std::string const known = lower(word);
    bool const begins = meant.size() >= shortest_beginning && known.starts_with(meant);
    std::size_t const cost = begins ? 1 : edit_distance(meant, known);
    if (cost >= best_cost) continue;
    best_cost = cost;
    best = word;
  }
  return best;
}

}  // namespace b2b
