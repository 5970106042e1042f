// Strays, as Kafka calls them: logs on this node's disk of topics that were deleted while it was away. They
// are looked for once after a start, when the catalog is current, and removed. Shard 0 only.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "kafka-proto/cluster/catalog.h"

namespace chronik::kafka {

class Strays {
 public:
  // closing: groups that somebody removes already.
  Strays(Services& services, const std::set<std::string>* closing) : services_(services), closing_(closing) {}

  // The catalog or the controller changed.
  void look_for_strays();

 private:
  enum class State : uint8_t { kWaiting, kAsking, kDone };

  std::vector<std::string> groups_without_topic(const Catalog& catalog) const;
  void make_sure();
  void remove_all();
  void remove(const std::string& group);

  Services& services_;
  const std::set<std::string>* const closing_;
  State state_ = State::kWaiting;
};

}  // namespace chronik::kafka
