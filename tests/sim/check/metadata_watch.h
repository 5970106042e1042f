// What the metadata of every node says of the partitions' leaders, compared with what Raft knows: looked at
// again and again, through chronik.metadata/1.
#pragma once

#include "sim/check/checker.h"
#include "sim/check/consensus_watch.h"
#include "sim/host/cluster.h"

#include <chronik/metadata.h>

#include <array>
#include <map>
#include <string>
#include <vector>

namespace chronik::sim {

class MetadataWatch {
 public:
  MetadataWatch(Cluster& cluster, Checker& checker, ConsensusWatch& consensus)
      : cluster_(cluster), checker_(checker), consensus_(consensus) {}

  // Looks now and, until the run ends, every now and then.
  void begin();
  // Nothing is broken any more: from now on the catalogs have to come to agree.
  void healed() { healed_ = true; }
  // Every running node names the leaders that Raft has, and all catalogs say the same.
  bool agree() { return differs().empty(); }

 private:
  struct Named {
    int32_t leader = -1;
    uint64_t term = 0;
  };
  struct Told {
    uint64_t boot = 0;
    Named newest;  // what this node named last, since it started
  };
  struct Partition {
    GroupTruth* group = nullptr;
    std::vector<Told> told;  // by node
  };
  using Key = std::pair<std::array<uint8_t, 16>, uint32_t>;  // topic, partition

  void look();
  void look_at(Node& node);
  void check(Node& node, Partition& partition, const Named& named);
  // Also while links are broken: who is up is the same for all that the leader of __meta is linked with.
  void compare_with_leader(Node& node);
  int32_t controller_of(Node& node);
  // A bit for each node that is up for this one, node 1 the lowest; all without chronik.metadata.liveness/1.
  uint32_t up_for(Node& node);
  Partition& partition(const chr_uuid& topic, uint32_t index);
  // Empty, or which node that runs is down for this one.
  std::string misses(Node& node);
  std::string votes_too_many(Node& node);
  // Empty: they agree.
  std::string differs();
  std::string true_leader_differs(const GroupTruth& group, Node& node, const Named& named);
  // fn(topic, index, partition) for every partition in the catalog of the node.
  template <class F>
  void for_each(Node& node, F&& fn);
  uint64_t digest_of(Node& node);

  Cluster& cluster_;
  Checker& checker_;
  ConsensusWatch& consensus_;
  std::map<Key, Partition> partitions_;
  std::map<uint32_t, uint64_t> apart_;  // nodes that say otherwise than the leader of __meta: since when
  bool healed_ = false;
  uint64_t agreed_ = 0;  // when they last did, or could not be expected to
};

}  // namespace chronik::sim
