// Moves partitions of one topic to other nodes, as an operator does: through AlterPartitionReassignments.
#pragma once

#include "sim/host/cluster.h"
#include "sim/workload/kafka_client.h"

#include <map>
#include <string>
#include <vector>

namespace chronik::sim {

class KafkaMembers {
 public:
  // admin and topic outlive it.
  KafkaMembers(Cluster& cluster, KafkaClient& admin, std::string_view topic, uint32_t partitions)
      : cluster_(cluster), admin_(admin), topic_(topic), partitions_(partitions) {}

  // Asked for until some node has taken it, or something else is wanted.
  void change(uint32_t partition, std::vector<int32_t> replicas);
  void replace(uint32_t gone, uint32_t by);
  // Nobody that is gone for good stays a replica.
  void wind_down();
  // All catalogs show the replicas that were asked for, and nothing under way.
  bool settled();
  // Asks again where a request that nobody answered undid what was asked for since.
  void look_again();
  // Which are not, and who shows what.
  std::string state();
  uint64_t taken() const { return taken_; }

 private:
  struct Goal {
    std::vector<int32_t> replicas;
    bool busy = false;
    bool taken = false;
    bool late = false;  // a request was not answered: it may be carried out after those behind it
  };
  struct Placement {
    std::vector<int32_t> replicas, target;
  };
  void ask(uint32_t partition);
  bool reached(uint32_t partition, const Goal& goal) const;
  // As the catalog of that node shows it; empty: not at all.
  Placement placement(Node& node, uint32_t partition) const;
  // Where the partition is, or is to be, as far as any node knows.
  std::vector<int32_t> wanted(uint32_t partition) const;

  Cluster& cluster_;
  KafkaClient& admin_;
  const std::string_view topic_;
  const uint32_t partitions_;
  std::map<uint32_t, Goal> goals_;
  uint64_t taken_ = 0;
};

}  // namespace chronik::sim
