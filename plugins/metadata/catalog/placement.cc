#include "metadata/catalog/placement.h"

#include <string>

namespace chronik::metadata {
namespace {

// One node of each rack in turn.
std::vector<int32_t> rotation(const std::map<int32_t, Node>& nodes) {
  std::map<std::string, std::vector<int32_t>> racks;
  for (const auto& [id, node] : nodes) racks[node.rack].push_back(id);
  std::vector<int32_t> out;
  for (size_t round = 0; out.size() < nodes.size(); ++round) {
    for (const auto& [rack, ids] : racks) {
      if (round < ids.size()) out.push_back(ids[round]);
    }
  }
  return out;
}

}  // namespace

std::vector<int32_t> place(const std::map<int32_t, Node>& nodes, uint64_t start, int32_t first, int32_t count,
                           int32_t factor) {
  const std::vector<int32_t> ids = rotation(nodes);
  const uint64_t n = ids.size();
  std::vector<int32_t> out;
  out.reserve(static_cast<size_t>(count) * static_cast<size_t>(factor));
  for (int32_t i = 0; i < count; ++i) {
    const uint64_t partition = static_cast<uint64_t>(first) + static_cast<uint64_t>(i);
    const uint64_t leader = (start + partition) % n;
    out.push_back(ids[leader]);
    const uint64_t shift = partition / n;
    for (int32_t k = 1; k < factor; ++k) {
      const uint64_t distance = 1 + (shift + static_cast<uint64_t>(k) - 1) % (n - 1);
      out.push_back(ids[(leader + distance) % n]);
    }
  }
  return out;
}

}  // namespace chronik::metadata
