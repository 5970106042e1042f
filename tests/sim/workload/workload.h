// What a run does to the cluster beside breaking it.
#pragma once

#include "sim/check/checker.h"
#include "sim/check/consensus_watch.h"
#include "sim/host/cluster.h"

#include <memory>
#include <string>
#include <vector>

namespace chronik::sim {

struct WorkloadOptions {
  // "log": straight at consensus, "kafka": clients through kafka-proto, "groups": members of groups, likewise.
  std::string name = "kafka";
  uint32_t groups = 2;           // of the log, or partitions
  uint64_t requests_per_s = 10;  // all together; of produce or propose
  uint32_t records_per_request = 30;
  uint32_t record_bytes = 32;
  uint64_t retained_records = 0;  // of a log, once the faults are over; 0: all
  uint32_t replicas = 3;          // of a group, at first; fewer where there are fewer nodes
};

class Workload {
 public:
  virtual ~Workload() = default;
  // The node has started, again or for the first time.
  virtual void node_running(Node& node) = 0;
  virtual void node_down(Node& node) = 0;
  // A clean stop begins; go_on is called when nothing of the workload uses the node's services any more.
  virtual void node_stopping(Node& node, std::function<void()> go_on) = 0;
  // These nodes are to be the members of one of its groups (which counts round), the preferred leader first.
  // It pursues that whatever happens, until something else is wanted.
  virtual void change_members(uint32_t group, std::vector<int32_t> members) = 0;
  // A node is gone for good: the other one takes its place in all groups.
  virtual void replace(uint32_t gone, uint32_t by) = 0;
  // Faults are over: no new requests; what is in flight ends.
  virtual void wind_down() = 0;
  // Everything that was asked for has been answered, and everything acknowledged was read back.
  virtual bool settled() = 0;
  // Where it stands, for the message when it does not settle.
  virtual std::string state() = 0;
  // Checks what can only be checked at the end. Fails the world.
  virtual void finish() = 0;
  // For the summary line: "acked=120 unknown=3".
  virtual std::string summary() const = 0;
};

std::unique_ptr<Workload> make_log_workload(Cluster& cluster, Checker& checker,
                                            const WorkloadOptions& options);
std::unique_ptr<Workload> make_kafka_workload(Cluster& cluster, const WorkloadOptions& options);
std::unique_ptr<Workload> make_group_workload(Cluster& cluster, Checker& checker,
                                              const WorkloadOptions& options);
// What the keys of plugins are for the latter, by full key.
std::vector<std::pair<std::string, std::string>> group_workload_config();

}  // namespace chronik::sim
