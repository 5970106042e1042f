// The groups of one shard: their turns, timers and writes, taken together.
//
// An input (a proposal, a message, a completed write) only marks its group. Once per turn of the shard all
// marked groups are served: their messages go to each peer in as few frames as fit, their writes to storage
// in one call, completions to the host in one call. What does not change costs nothing: a group whose peers
// are up to date looks at what its node knows of others when a timeout is due, and not otherwise.
#pragma once

#include "raft/core/membership.h"
#include "raft/group/leader_claims.h"
#include "raft/group/outboxes.h"
#include "raft/group/peer_windows.h"
#include "raft/group/read_slots.h"
#include "raft/group/services.h"
#include "raft/group/step_queue.h"
#include "raft/group/write_queue.h"
#include "raft/log/load_turns.h"

#include <functional>
#include <memory>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace chronik::raft {

class Group;

// All functions run on the shard, except for the constructor.
class Shard {
 public:
  Shard(Services* services, uint32_t index)
      : services_(services),
        index_(index),
        states_{{services->host, index}, {services->host, index}},
        writes_(services, [this] { finish_stop(); }) {}
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard();

  Services& services() { return *services_; }
  uint32_t index() const { return index_; }
  Nanos now() const { return services_->host.now_ns(); }

  Group* find(uint64_t group) const;
  Group* find(std::string_view name) const { return find(hash_of(name)); }
  Group* add_group(std::shared_ptr<Group> group);
  void remove(Group* group);
  template <class F>
  void for_each(F&& fn) const {
    for (const auto& [name, group] : groups_) fn(group.get());
  }

  // Begins to tell others that this shard is alive.
  void start();
  // The group has something to do in the next turn.
  void mark(Group* group);
  // Part of the next call to storage. done(Status) runs on this shard.
  void write(Write write, WriteQueue::Done done);
  // When storage last finished something for this shard.
  Nanos storage_alive() const { return writes_.storage_alive(); }
  // Completed with the end of the turn. The text is static.
  void complete(uint64_t token, chr_status code, std::string_view message = {});

  // Leaves with the end of the turn.
  void send(uint64_t group, Message message);
  void receive(std::vector<Envelope> messages);

  void link(NodeId peer, bool up);
  void receive_claims(const ReceivedClaims& news);
  LeaderClaims& claims() { return claims_; }
  PeerWindows& windows() { return windows_; }
  ReadSlots& reads() { return reads_; }
  // How states that are saved and loaded in pieces take turns.
  struct StateTurns {
    StepQueue steps;
    LoadTurns loads;
  };
  StateTurns& states() { return states_; }
  // The peers whose link is up.
  const std::vector<NodeId>& links() const { return links_; }
  // What one group may keep in memory of its tail.
  uint64_t tail_bytes() const;
  // The group is to be ticked then, or when a deadline before that is due.
  void arm(Group* group, Nanos due);
  // Ends all groups; done runs when the last one is gone.
  void stop(std::function<void()> done);

 private:
  static void CHR_CALL turn(void* shard);
  static void CHR_CALL on_timer(void* shard);
  static void CHR_CALL on_heartbeat_timer(void* shard);
  void schedule_turn();
  void mark_by_hash(uint64_t group);
  void send_messages();
  void send_heartbeats();
  void send_heartbeat(NodeId peer);
  static void CHR_CALL on_balance(void* shard);
  void balance();
  void start_timer();
  void tick();
  void finish_stop();

  Services* const services_;
  const uint32_t index_;
  std::unordered_map<uint64_t, std::shared_ptr<Group>> groups_;
  LeaderClaims claims_;
  PeerWindows windows_;
  ReadSlots reads_;
  StateTurns states_;
  std::vector<std::shared_ptr<Group>> marked_;
  std::vector<std::shared_ptr<Group>> turning_;
  WriteQueue writes_;
  std::vector<chr_done> done_;
  Outboxes outboxes_;
  std::vector<NodeId> links_;
  bool turn_scheduled_ = false;
  // Deadlines, with the groups that they are of. One that moved later stays until it is due.
  using Deadline = std::pair<Nanos, uint64_t>;
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines_;
  uint64_t timer_ = 0;
  Nanos timer_due_ = UINT64_MAX;
  uint64_t heartbeat_timer_ = 0;
  Nanos heartbeat_due_ = 0;
  uint64_t balance_timer_ = 0;
  std::function<void()> stopped_;
};

}  // namespace chronik::raft
