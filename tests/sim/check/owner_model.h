// Who has which partitions of a group, as its members were told.
#pragma once

#include "sim/base/world.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace chronik::sim {

// Classic groups: the leader of a generation says who has what.
class GenerationModel {
 public:
  explicit GenerationModel(World& world) : world_(world) {}

  // A leader is about to say so. Returns a number that it puts into each member's part.
  uint64_t offer() { return ++offers_; }
  // A member's SyncGroup was answered with its part of an offer.
  void told(const std::string& group, int32_t generation, const std::string& member, uint64_t offer,
            const std::vector<int32_t>& partitions);
  // The newest generation whose assignment somebody was told; 0: none.
  int32_t newest(const std::string& group) const;

 private:
  struct Generation {
    uint64_t offer = 0;
    std::map<int32_t, std::string> owners;
  };
  World& world_;
  uint64_t offers_ = 0;
  std::map<std::string, std::map<int32_t, Generation>, std::less<>> groups_;
};

// Groups of the consumer protocol: a member has a partition from when it is told until it says that it gave it away, or
// until its coordinator may count it out.
class OwnerModel {
 public:
  explicit OwnerModel(World& world) : world_(world) {}

  // A member is told what it has. It can be sure of being in the group until then.
  void told(const std::string& group, const std::string& member, const std::set<int32_t>& partitions,
            uint64_t sure_until);
  void sure(const std::string& group, const std::string& member, uint64_t until);
  // It is about to say that it has these left; none: it goes.
  void keeps(const std::string& group, const std::string& member, const std::set<int32_t>& partitions);
  // Who was told last that it has the partition.
  const std::string& last_told(const std::string& group, int32_t partition) const;

 private:
  struct Holder {
    std::set<int32_t> partitions;
    uint64_t sure_until = 0;
  };
  struct Group {
    std::map<std::string, Holder> holders;
    std::map<int32_t, std::string> last_told;
  };
  World& world_;
  std::map<std::string, Group> groups_;
};

}  // namespace chronik::sim
