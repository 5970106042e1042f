// The replicas of a topic that a throttle is for, as *.replication.throttled.replicas names them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace chronik::kafka {

class ThrottledReplicas {
 public:
  // Elements are "partition:node", or empty; one "*" stands for all of them. Nothing: it says something else.
  static std::optional<ThrottledReplicas> parse(std::string_view text);

  bool empty() const { return !all_ && named_.empty(); }
  bool has(int32_t partition, int32_t node) const;

 private:
  bool all_ = false;
  std::vector<std::pair<int32_t, int32_t>> named_;  // sorted
};

}  // namespace chronik::kafka
