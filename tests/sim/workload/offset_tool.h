// A tool that is in no group: it commits to a group without members, looks at the offsets of all, and makes a topic
// again and again.
#pragma once

#include "sim/workload/group_parts.h"

#include <set>
#include <string>
#include <vector>

namespace chronik::sim {

class OffsetTool {
 public:
  // groups: those that it looks at. pause_ns: between two things that it does, on average.
  OffsetTool(GroupParts& parts, std::string name, std::vector<std::string> groups, uint64_t pause_ns);

  void begin() { later(); }
  // No more commits; what it reads from now on is the end.
  void wind_down() { winding_down_ = true; }
  // It has seen what every group has committed, as the leader says it.
  bool has_seen_all() const { return seen_.size() == groups_.size(); }
  // What it has seen is over.
  void look_again() { seen_.clear(); }
  const std::string& name() const { return name_; }

 private:
  void later();
  void step();
  void look(const std::string& group);

  GroupParts& parts_;
  const std::string name_;
  const std::vector<std::string> groups_;
  const uint64_t pause_ns_;
  GroupClient client_;
  Rng rng_;
  bool winding_down_ = false;
  std::set<std::string> seen_;
  std::vector<int32_t> all_;
};

}  // namespace chronik::sim
