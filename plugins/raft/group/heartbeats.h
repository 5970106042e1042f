// Heartbeats: tell that nodes are alive, for all groups of all shards at once, by one frame each way between
// two nodes every interval.
//
// A leader claims its group towards each member. Claims travel as changes since what the other side has;
// while nothing changes, a heartbeat says only that the claims of these shards still stand, and by a digest
// which ones these are. A follower's answer comes with its own heartbeat and rejects the claims to groups in
// which it does not follow: those that it does not have, or has in a higher term.
#pragma once

#include "raft/wire/frame.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace chronik::raft {

// What came in for the groups of the receiving shards.
struct ReceivedClaims {
  NodeId peer = kNobody;
  bool forget = false;  // all that this peer claimed before
  struct Stream {
    uint32_t id;
    bool whole;  // what is not among the claims is not claimed any more
    std::vector<LeaderClaim> claims;
  };
  std::vector<Stream> streams;
  bool returned = false;  // it answers again after a silence
  bool has_rejections = false;
  std::vector<LeaderClaim> rejections;  // all that there are, where has_rejections
  bool empty() const { return !forget && streams.empty() && !returned && !has_rejections; }
};

// Any thread: calls are short and locked. Times are of this node's monotonic clock.
class Heartbeats {
 public:
  struct Options {
    uint64_t session = 0;  // of this process, not 0
    uint32_t shards = 1;
    Nanos stale_after = 0;  // a shard that did not say for this long that it is alive is left out
  };
  void start(const Options& options);

  // ---- the side that leads ----
  // term 0: no more.
  void set_claim(uint32_t shard, NodeId peer, uint64_t group, Term term);
  void shard_alive(uint32_t shard, Nanos now);
  // When the newest heartbeat was sent of which the peer is known to have got it; 0: none.
  Nanos answered(NodeId peer) const;

  // ---- the side that follows ----
  // When that shard of the peer was last said to be alive; 0: never.
  Nanos heard(NodeId peer, uint32_t stream) const;
  // In which groups of this shard the peer is not followed.
  void set_rejections(uint32_t shard, NodeId peer, std::vector<LeaderClaim> rejections);

  // ---- the links, on shard 0 ----
  void link(NodeId peer, bool up);
  Heartbeat next(NodeId peer, Nanos now);
  // What is new in it; nothing for a heartbeat that is older than another one.
  ReceivedClaims received(NodeId peer, const Heartbeat& heartbeat, Nanos now);

 private:
  // Claims, as a set that can be compared.
  class ClaimSet {
   public:
    // term 0: no more. False: it is so already.
    bool set(uint64_t group, Term term);
    void clear();
    const std::unordered_map<uint64_t, Term>& terms() const { return terms_; }
    uint64_t digest() const { return digest_; }

   private:
    std::unordered_map<uint64_t, Term> terms_;
    uint64_t digest_ = 0;
  };
  // Claims of one shard towards one peer, by the version that brought them.
  class Stream {
   public:
    void set(uint64_t group, Term term);
    HeartbeatStream since_acknowledged(uint32_t id) const;
    void acknowledge(uint64_t version);

   private:
    ClaimSet claims_;
    std::unordered_map<uint64_t, uint64_t>
        versions_;                         // by group; withdrawn ones too until that is acknowledged
    std::map<uint64_t, uint64_t> groups_;  // by version
    uint64_t version_ = 0;
    uint64_t acknowledged_ = 0;
  };
  struct Heard {
    uint64_t version = 0;  // 0: all claims are to come again
    Nanos at = 0;
    ClaimSet claims;
  };
  struct Peer {
    std::vector<Stream> streams;  // by shard
    std::vector<std::vector<LeaderClaim>> rejections;
    uint64_t seq = 0;
    Nanos sent = 0;
    Nanos answered = 0;
    bool rejects = false;  // it named rejections in its last heartbeat
    // Its heartbeats.
    uint64_t session = 0;
    uint64_t last_seq = 0;
    Nanos last_sent = 0;
    std::map<uint32_t, Heard> heard;
  };

  Peer& peer(NodeId id);
  static void read_claims(Peer* from, const Heartbeat& heartbeat, Nanos now, ReceivedClaims* received);
  void read_answer(Peer* from, const Heartbeat& heartbeat, ReceivedClaims* received);

  mutable std::mutex mutex_;
  Options options_;
  std::vector<Nanos> alive_;  // by shard
  std::map<NodeId, Peer> peers_;
};

}  // namespace chronik::raft
