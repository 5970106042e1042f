// Groups and assignments of tests of assignors, as short as they can be written.
#pragma once

#include <chronik/assignor.hpp>

#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace chronik::test {

inline constexpr uint32_t kTopics[] = {0, 1, 2};
inline constexpr std::span<const uint32_t> kAll = kTopics;

// Topics of so many partitions each.
inline AssignorGroup group_of(std::initializer_list<uint32_t> partitions) {
  AssignorGroup group;
  uint8_t id = 0;
  for (const uint32_t n : partitions) group.add_topic({{++id}}, n);
  return group;
}

// "0:0,1 1:0 | ...": topics and partitions of each member, as assign(group, owners) gives them out.
template <class Assign>
std::string text_of_assignment(AssignorGroup group, Assign&& assign) {
  const chr_assignor_group& view = group.view();
  std::vector<uint32_t> owners(view.n_partitions, CHR_ASSIGNOR_NOBODY);
  assign(view, owners);
  const auto made = GroupAssignment::make(view, owners);
  if (!made) return made.error().message;
  std::string out;
  for (uint32_t m = 0; m < view.n_members; ++m) {
    out += m == 0 ? "" : " |";
    for (const AssignedTopic& topic : made->of(m)) {
      out += (out.empty() ? "" : " ") + std::to_string(topic.topic);
      for (const int32_t p : topic.partitions)
        out += (p == topic.partitions[0] ? ":" : ",") + std::to_string(p);
    }
  }
  return out;
}

}  // namespace chronik::test
