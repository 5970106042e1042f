// What the metadata of every node says of the partitions' leaders, compared with what Raft knows: looked at
// again and again, through chronik.metadata/1.
#pragma once

#include "sim/check/checker.h"
#include "sim/check/consensus_watch.h"
#include "sim/host/cluster.h"

#include <chronik/draft/metadata.h>

#include <map>
#include <string>
#include <vector>

namespace chronik::sim {

class MetadataWatch {
 public:
  MetadataWatch(Cluster& cluster, Checker& checker, ConsensusWatch& consensus)
      : cluster_(cluster), checker_(checker), consensus_(consensus), nodes_(cluster.size() + 1) {}

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
    std::map<std::string, Named, std::less<>> newest;  // by group, what this node named last
  };

  void look();
  void look_at(Node& node);
  void check(Node& node, const std::string& group, const Named& named);
  // Empty: they agree.
  std::string differs();
  std::string true_leader_differs(const GroupTruth& group, Node& node, const Named& named);
  // fn(group name, named) for every partition in the catalog of the node; returns a digest of its catalog.
  template <class F>
  uint64_t for_each(Node& node, F&& fn);

  Cluster& cluster_;
  Checker& checker_;
  ConsensusWatch& consensus_;
  std::vector<Told> nodes_;
  bool healed_ = false;
  uint64_t agreed_ = 0;  // when they last did, or could not be expected to
};

}  // namespace chronik::sim
