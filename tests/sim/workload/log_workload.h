// Proposals, reads, trims, transfers and changes of members straight at chronik.consensus/1, with a state
// machine that notices every entry that is not what and where it should be.
#pragma once

#include "sim/workload/workload.h"

#include <fmt/format.h>

#include <map>
#include <memory>

namespace chronik::sim {

class LogWorkload;

// The state machine of one group on one node: a hash over all that was applied.
struct Replay {
  LogWorkload* workload = nullptr;
  Node* node = nullptr;
  uint64_t boot = 0;
  uint32_t group = 0;
  uint32_t shard = 0;
  const chr_consensus_v1* consensus = nullptr;
  void* instance = nullptr;
  chr_group* handle = nullptr;
  bool ready = false;
  uint64_t state = 0;  // hash
  uint64_t index = 0;  // of the last applied entry
  uint64_t leads_term = 0;
  std::vector<int32_t> pursued;  // members that it was asked for, as long as that is under way
};

inline Replay& replay_of(void* context) { return *static_cast<Replay*>(context); }

class LogWorkload final : public Workload {
 public:
  LogWorkload(Cluster& cluster, Checker& checker, const WorkloadOptions& options);

  void node_running(Node& node) override;
  void node_down(Node& node) override;
  void node_stopping(Node& node, std::function<void()> go_on) override;
  void change_members(uint32_t group, std::vector<int32_t> members) override;
  void replace(uint32_t gone, uint32_t by) override;
  void wind_down() override;
  bool settled() override;
  std::string state() override;
  void finish() override;
  std::string summary() const override {
    return fmt::format(
        "proposed={} acked={} refused={} unknown={} reads={} trims={} transfers={} changes={} "
        "loads={}",
        proposed_, acked_, refused_, unknown_, reads_, trims_, transfers_, changes_, loads_);
  }

  World& world() { return cluster_.world(); }
  // States at equal indexes are equal, on all nodes and over restarts.
  void check_state(const Replay& replay);
  void loaded() { ++loads_; }

 private:
  struct Request {
    LogWorkload* workload;
    uint32_t node;
    uint64_t boot;
    chr_entries read{};
  };

  // As a catalog has it: whoever is named anywhere opens the group, and nobody else keeps it.
  struct Goal {
    std::vector<int32_t> replicas;  // who the members were when they were last known to be as asked for
    std::vector<int32_t> target;    // who they are to be
    std::vector<int32_t> others;    // may be members still, from a target before
    bool moving = false;
    bool names(uint32_t node) const;
    void retarget(std::vector<int32_t> next);
  };

  // What a disk of a node has, or may have, of a group: whoever runs the groups knows it.
  struct Place {
    bool hosted = false;
    bool first = false;  // it was there from the start, and is told with whom
  };

  void step();
  void open(Node& node, uint32_t group);
  void members_step();
  void host_members(uint32_t group);
  void pursue(uint32_t group);
  void reached(uint32_t group, const std::vector<int32_t>& target);
  template <class Call>
  chr_status pursue_by(Replay& leader, Call&& call);
  void give_up_others(uint32_t group);
  void give_up(Replay& replay);
  bool members_settled(uint32_t group);
  std::vector<int32_t> live_members(uint32_t group);
  void propose(Replay& leader);
  void read(Replay& replay);
  void trim(Replay& leader);
  void retain(Replay& leader);
  void trim_to(Replay& leader, int64_t offset);
  int64_t everywhere(uint32_t group) const;
  void transfer(Replay& leader);
  void barrier(Replay& leader);
  void ask_epoch(Replay& leader);
  bool bounds(const Replay& replay, chr_group_bounds* out) const;
  std::vector<Replay*> open_replicas(uint32_t group, bool leaders);
  uint64_t begin(Replay& replay, chr_done_fn fn, Request** request);

  Cluster& cluster_;
  Checker& checker_;
  const WorkloadOptions options_;
  Rng rng_;
  std::vector<std::string> names_;
  std::vector<int32_t> first_voters_;
  std::vector<Goal> goals_;                                     // by group
  std::vector<std::vector<Place>> places_;                      // by node, by group
  std::vector<std::vector<std::unique_ptr<Replay>>> replays_;   // by node, by group; empty: not hosted there
  std::vector<std::vector<std::unique_ptr<Replay>>> given_up_;  // by node, until it goes down
  bool members_change_ = false;
  std::vector<std::map<uint64_t, uint64_t>> states_;  // by group: hash by index
  bool winding_down_ = false;
  bool last_proposed_ = false;
  uint64_t number_ = 0;
  uint64_t proposed_ = 0, acked_ = 0, refused_ = 0, unknown_ = 0, reads_ = 0, trims_ = 0, transfers_ = 0,
           changes_ = 0, loads_ = 0;  // of snapshots of other nodes
};

}  // namespace chronik::sim
