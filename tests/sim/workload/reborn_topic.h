// A topic that is made, committed to, deleted and made again: what was committed of an earlier one is nothing to a later.
#pragma once

#include "sim/workload/group_parts.h"

#include <set>
#include <string>

namespace chronik::sim {

class RebornTopic {
 public:
  explicit RebornTopic(GroupParts& parts);

  void begin() { later(); }
  // It goes, and does not come back.
  void wind_down() { winding_down_ = true; }
  bool settled() const { return winding_down_ && !is_busy_ && place_ == Place::kGone; }
  uint64_t times() const { return times_; }

 private:
  enum class Place : uint8_t { kGone, kMade, kKnown, kGoing };

  void later();
  void step();
  void make();
  void learn();
  void use();
  void remove();

  GroupParts& parts_;
  GroupClient client_;
  Rng rng_;
  Place place_ = Place::kGone;
  chr_uuid id_{};
  std::set<std::string> deleted_;  // ids
  bool is_busy_ = false;           // something was asked
  bool winding_down_ = false;
  uint64_t times_ = 0;
};

}  // namespace chronik::sim
