#include "assignor-range/range.h"

#include <algorithm>
#include <chronik/assignor_plugin.hpp>

namespace chronik::assignor {
namespace {

std::vector<uint32_t> static_members_first(const chr_assignor_group& group) {
  std::vector<uint32_t> order = in_order(group);
  const auto instance = [&](uint32_t m) { return from_abi(group.members[m].instance_id); };
  const auto dynamic = std::ranges::stable_partition(order, [&](uint32_t m) { return !instance(m).empty(); });
  std::ranges::stable_sort(order.begin(), dynamic.begin(), {}, instance);
  return order;
}

void cut(const chr_assignor_topic& topic, std::span<const uint32_t> subscribers, std::span<uint32_t> owners) {
  if (subscribers.empty()) return;
  const auto n = static_cast<uint32_t>(subscribers.size());
  auto at = owners.begin() + topic.first;
  for (uint32_t i = 0; i < n && i < topic.n_partitions; ++i) {
    const uint32_t run = topic.n_partitions / n + (i < topic.n_partitions % n ? 1 : 0);
    at = std::fill_n(at, run, subscribers[i]);
  }
}

}  // namespace

void assign_range(const chr_assignor_group& group, std::span<uint32_t> owners) {
  const Subscribers subscribers(group, static_members_first(group));
  for (uint32_t t = 0; t < group.n_topics; ++t) cut(group.topics[t], subscribers.of(t), owners);
}

}  // namespace chronik::assignor
