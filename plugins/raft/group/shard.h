// The groups of one shard: their turns, timers and writes, taken together.
//
// An input (a proposal, a message, a completed write) only marks its group. Once per turn of the shard all
// marked groups are served: their messages go to each peer in as few frames as fit, their writes to storage
// in one call, completions to the host in one call. What does not change costs nothing: a group whose peers
// are up to date looks at what its node knows of others when a timeout is due, and not otherwise.
#pragma once

#include "raft/core/membership.h"
#include "raft/group/in_flight.h"
#include "raft/group/leader_claims.h"
#include "raft/group/peer_windows.h"
#include "raft/group/services.h"
#include "raft/log/write.h"

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
  Shard(Services* services, uint32_t index) : services_(services), index_(index) {}
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard();

  Services& services() { return *services_; }
  uint32_t index() const { return index_; }
  Nanos now() const { return services_->host.now_ns(); }

  Group* find(uint64_t group) const;
  Group* find(std::string_view name) const { return find(hash_of(name)); }
  Group* add(std::shared_ptr<Group> group);
  void remove(Group* group);
  size_t size() const { return groups_.size(); }
  template <class F>
  void for_each(F&& fn) const {
    for (const auto& [name, group] : groups_) fn(group.get());
  }

  // Begins to tell others that this shard is alive.
  void start();
  // The group has something to do in the next turn.
  void mark(Group* group);
  // Part of the next call to storage. Votes and the like go before what other groups wait to write, also
  // where storage has no room for that. done(Status) runs on this shard.
  using WriteDone = std::function<void(const Status&)>;
  void write(Write write, WriteDone done);
  // When storage last finished something for this shard.
  Nanos storage_alive() const { return storage_alive_; }
  // Completed with the end of the turn. The text is static.
  void complete(uint64_t token, chr_status code, std::string_view message = {});

  // Leaves with the end of the turn.
  void send(uint64_t group, Message message);
  void receive(std::vector<Envelope> messages);

  void link(NodeId peer, bool up);
  void receive_claims(const ReceivedClaims& news);
  LeaderClaims& claims() { return claims_; }
  PeerWindows& windows() { return windows_; }
  // The peers whose link is up.
  const std::vector<NodeId>& links() const { return links_; }
  // What one group may keep in memory of its tail.
  uint64_t tail_bytes() const;
  // The group is to be ticked then, or when a deadline before that is due.
  void arm(Group* group, Nanos due);
  // Ends all groups; done runs when the last one is gone.
  void stop(std::function<void()> done);

 private:
  struct Pending : InFlight<Pending>::Link {
    Pending(Shard* on, Write what, WriteDone then, Nanos at)
        : shard(on), write(std::move(what)), done(std::move(then)), since(at) {}
    Shard* shard;
    Write write;
    WriteDone done;
    Nanos since;
  };

  static void CHR_CALL turn(void* shard);
  static void CHR_CALL written(void* pending, const chr_done* done);
  static void CHR_CALL on_timer(void* shard);
  static void CHR_CALL on_retry(void* shard);
  static void CHR_CALL on_heartbeat_timer(void* shard);
  void schedule_turn();
  void mark_by_hash(uint64_t group);
  void send_messages();
  void send_frame(NodeId to, uint32_t lane, std::span<const Envelope> messages);
  void send_heartbeats();
  void send_heartbeat(NodeId peer);
  static void CHR_CALL on_balance(void* shard);
  void balance();
  void start_timer();
  void send_writes();
  bool send_writes(size_t n);
  void warn_of_silent_writes(Nanos at);
  void tick();
  void finish_stop();
  void settled();

  Services* const services_;
  const uint32_t index_;
  std::unordered_map<uint64_t, std::shared_ptr<Group>> groups_;
  LeaderClaims claims_;
  PeerWindows windows_;
  std::vector<std::shared_ptr<Group>> marked_;
  std::vector<std::shared_ptr<Group>> turning_;
  std::vector<std::unique_ptr<Pending>> writes_;
  size_t keys_first_ = 0;  // so many at the front of writes_ are votes and the like
  size_t unsettled_ = 0;   // of the writes, those of which nobody heard yet; a stop waits for them
  std::vector<chr_storage_write> calls_;
  std::vector<chr_done> done_;
  struct Outbox {
    NodeId to;
    uint32_t lane;
    std::vector<Envelope> messages;
  };
  std::vector<Outbox> outboxes_;
  std::vector<chr_slice> slices_;
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
  uint64_t retry_timer_ = 0;
  Nanos storage_alive_ = 0;
  InFlight<Pending> in_flight_;  // of storage
  Nanos say_silent_at_ = 0;
  std::function<void()> stopped_;
};

}  // namespace chronik::raft
