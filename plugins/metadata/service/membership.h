// Membership: makes the links, the voters of __meta and the replicas follow the nodes of the catalog.
// Level-triggered: looks at what is there after each change of it, of leadership and of links, and every
// second while something is under way. Home shard only.
//
// Every node tells its links who the others are. The leader of __meta makes its voters those that belong to
// the cluster, seven of them where there are more, and learners the others; it moves the replicas of nodes
// that leave to the others, and removes a node once nothing is on it. Below the level of records all vote:
// the leader may be a build of before, which would make them voters again.
#pragma once

#include <map>

#include "metadata/service/peers.h"
#include "metadata/service/replica.h"

namespace chronik::metadata {

class Membership {
 public:
  Membership(Host host, Replica* replica, Peers* peers) : host_(host), replica_(replica), peers_(peers) {}
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  // Something changed: the catalog, who leads, a link.
  void review_nodes();
  void stop();

  static constexpr size_t kMaxVoters = 7;

 private:
  struct Known {  // what the links were told of a node
    std::string address;
    Uuid incarnation;
    bool operator==(const Known&) const = default;
  };

  struct EvacuationInputs {  // what decides which partitions leave a node
    uint64_t topics = 0;
    std::set<int32_t> up;
    std::vector<int32_t> leave, stay;
    bool operator==(const EvacuationInputs&) const = default;
  };

  void tell_links();
  std::string address_of(const Node& node) const;
  void review_as_leader();
  void follow_with_voters();
  bool may_learn() const;
  bool is_departing(int32_t node) const;
  std::vector<int32_t> wanted_voters(const std::vector<int32_t>& present) const;
  void drop_surplus(std::vector<int32_t>* voters) const;
  void change_voters(const std::vector<int32_t>& wanted);
  void name_learners(const std::vector<int32_t>& voters);
  void move_away(int32_t node, bool due);
  void remove(int32_t node);
  void propose(Body body);
  void review_later();
  static void CHR_CALL timer_fired(void* self);

  static constexpr uint64_t kReviewAgainNs = 1'000'000'000;
  static constexpr size_t kMaxReassignments = 64;  // of one node at a time

  const Host host_;
  Replica* const replica_;
  Peers* const peers_;
  std::map<int32_t, Known> known_;
  std::vector<int32_t> asked_;  // the voters to come; none: no change is under way
  uint64_t changes_ = 0;        // of voters, that were asked for
  bool proposing_ = false;
  EvacuationInputs looked_at_;
  bool due_ = false;  // a proposal may have failed
  bool stopped_ = false;
  uint64_t timer_ = 0;
};

}  // namespace chronik::metadata
