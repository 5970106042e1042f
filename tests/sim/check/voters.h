// Who decides in a group, and what the entries that change it say.
#pragma once

#include <chronik/abi.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace chronik::sim {

// Who votes; outgoing: in the configuration that is being left, too.
struct Voters {
  std::vector<uint32_t> incoming, outgoing;

  bool empty() const { return incoming.empty(); }
  bool joint() const { return !outgoing.empty(); }
  bool only(uint32_t node) const { return !joint() && incoming == std::vector<uint32_t>{node}; }
  bool has(uint32_t node) const {
    return std::ranges::find(incoming, node) != incoming.end() ||
           std::ranges::find(outgoing, node) != outgoing.end();
  }
  // Whether `has(node)` is true for a majority of each.
  template <class Has>
  bool agree(Has&& has) const {
    const auto most = [&](const std::vector<uint32_t>& set) {
      return set.empty() || static_cast<size_t>(std::count_if(set.begin(), set.end(), has)) > set.size() / 2;
    };
    return !empty() && most(incoming) && most(outgoing);
  }
  // Whether a group may go from these to those: through both together, unless only the order changes.
  bool may_become(const Voters& next) const {
    if (joint()) return next.outgoing.empty() && next.incoming == incoming;
    return next.joint() ? next.outgoing == incoming : std::ranges::is_permutation(next.incoming, incoming);
  }
  friend bool operator==(const Voters&, const Voters&) = default;
};

// The payload of an entry of kind CHR_ENTRY_CONFIG: two lists, each a count and so
// many ids. Empty: it is none.
inline Voters decode_voters(const chr_slice& payload) {
  Voters voters;
  uint64_t at = 0;
  const auto next = [&] {
    uint32_t value = 0;
    for (int shift = 0; shift < 32 && at < payload.n; shift += 8)
      value |= static_cast<uint32_t>(payload.p[at++]) << shift;
    return value;
  };
  for (auto* set : {&voters.incoming, &voters.outgoing}) {
    for (uint32_t n = next(); n > 0 && at < payload.n; --n) set->push_back(next());
  }
  return voters;
}

}  // namespace chronik::sim
