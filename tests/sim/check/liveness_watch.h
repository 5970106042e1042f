// What must go on while some things are broken: nodes that are fit and reach one another are to have a leader
// where they are a majority, and a leader that reaches no majority is to give up.
#pragma once

#include "sim/check/checker.h"
#include "sim/check/consensus_watch.h"
#include "sim/host/cluster.h"

#include <map>
#include <string>

namespace chronik::sim {

class LivenessWatch {
 public:
  // election_timeout_ns: T of raft. Clocks of nodes may run a fifth faster or slower.
  LivenessWatch(Cluster& cluster, Checker& checker, ConsensusWatch& consensus, uint64_t election_timeout_ns)
      : cluster_(cluster), checker_(checker), consensus_(consensus), t_(election_timeout_ns) {}

  // Looks now and, until the run ends, every now and then.
  void begin();

 private:
  using Nodes = uint32_t;  // a bit for each, node 1 the lowest

  struct Seen {
    uint64_t led = 0;                    // when a usable leader was seen last
    std::map<uint32_t, uint64_t> open;   // by node: since when it takes part
    std::map<uint32_t, uint64_t> alone;  // by leader: since when it reaches no majority
  };

  void look();
  void look_at(GroupTruth& group);
  uint64_t elect_within() const;
  bool fit(Node& node) const;
  Nodes reached_by(uint32_t node) const;
  uint64_t open_since(const Seen& seen, Nodes nodes) const;
  bool majority(const GroupTruth& group, Nodes nodes) const;

  Cluster& cluster_;
  Checker& checker_;
  ConsensusWatch& consensus_;
  const uint64_t t_;
  std::map<Nodes, uint64_t> together_;  // sets of fit nodes that reach one another: since when
  std::map<std::string, Seen, std::less<>> seen_;
};

}  // namespace chronik::sim
