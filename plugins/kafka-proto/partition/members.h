// PartitionMembers: the nodes of a partition's group, as the catalog has it.
#pragma once

#include <chronik/metadata.h>

#include <cstdint>
#include <span>
#include <vector>

namespace chronik::kafka {

struct PartitionMembers {
  std::vector<int32_t> replicas;  // the preferred leader first
  std::vector<int32_t> target;    // where they shall be; empty: nothing is under way
  std::vector<int32_t> others;    // may be members still, from a target before

  bool operator==(const PartitionMembers&) const = default;
  static PartitionMembers of(const chr_partition& partition);
  // Each once, as clients are told: the target first, then whoever is still to go.
  template <class F>
  static void each(const chr_partition& partition, F&& f) {
    const std::span<const int32_t> in_order[] = {{partition.target, partition.n_target},
                                                 {partition.replicas, partition.n_replicas},
                                                 {partition.others, partition.n_others}};
    const auto told = [&](const int32_t* upto) {
      for (const std::span<const int32_t>& nodes : in_order)
        for (const int32_t& node : nodes) {
          if (&node == upto) return false;
          if (node == *upto) return true;
        }
      return false;
    };
    for (const std::span<const int32_t>& nodes : in_order)
      for (const int32_t& node : nodes)
        if (!told(&node)) f(node);
  }
  // Whether a node hosts a replica.
  bool names(int32_t node) const;
  int32_t preferred() const;  // -1: there is none
  // As clients are told: the target first, then whoever is still to go.
  std::vector<int32_t> all() const;
};

}  // namespace chronik::kafka
