// A few Raft cores with a make-believe disk and network, driven step by step. Shared by the script runner and
// the property test.
#pragma once

#include "raft/core/raft.h"

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace chronik::raft::test {

inline constexpr Nanos kMillisecond = 1'000'000;

struct Applied {
  Index index;
  Term term;
  int64_t offset;
  std::string text;
  bool operator==(const Applied&) const = default;
};

// The state as of an index, in pieces of a few bytes.
struct Saved {
  Index index = 0;
  Term term = 0;
  ConfigEntry config;
  std::vector<std::string> pieces;
};

// What one node would find after a power loss: batches that were done, nothing of those that were not.
struct Disk {
  HardState hard_state;
  Index commit = 0;
  Index first_index = 1;
  std::vector<TermStart> terms_before;     // boundaries of what was trimmed
  std::vector<ConfigEntry> config_before;  // the last one that was trimmed
  int64_t start_offset = 0;
  LogEnd given_up;  // where a log ended that is no more
  std::map<Index, Entry> entries;
  Saved saved;
  bool forget_configs = false;  // a planted bug

  void write(const StorageBatch& batch);
  void trim(Index first);
  void install(const SnapshotInstall& snapshot);
  StoredLog load(size_t entries_in_memory, const Membership& initial) const;
};

struct SimNode {
  std::unique_ptr<Raft> raft;  // empty while crashed
  Disk disk;
  std::deque<StorageBatch> writing;
  Room room = Room::kAll;
  std::deque<ReadRequest> reads;
  std::deque<SnapshotRequest> snapshot_reads;
  std::optional<SnapshotInstall> install;  // waits until nothing is being written
  std::vector<Applied> applied;
  bool hangs = false;    // nothing is applied meanwhile
  Index apply_from = 0;  // what waits for that, up to
  Index to_apply = 0;    // here; 0: nothing
  Nanos now = 0;
  Term heartbeats_of = 0;  // the term in which it heartbeats
  Nanos next_heartbeat = 0;
};

// What the core is given where a test does not say otherwise.
inline Config usual_config() {
  Config config;
  config.election_timeout = 3'000'000'000;
  config.retry_interval = 150'000'000;
  config.max_append_bytes = 1u << 20;
  config.max_inflight_bytes = 16u << 20;
  config.max_uncommitted_bytes = 64u << 20;
  config.trim_hold = 60'000'000'000;
  return config;
}

// Owns nodes 1..n and the messages between them. Nodes above `voters` join a group that the others made.
class Harness {
 public:
  Harness(uint32_t nodes, const Config& config, uint32_t voters);

  SimNode& node(NodeId id) { return nodes_.at(id - 1); }
  uint32_t size() const { return static_cast<uint32_t>(nodes_.size()); }
  std::deque<Message>& network() { return network_; }
  const Config& config() const { return config_; }

  void boot(NodeId id);
  // Loses what is not on disk, except for the first `keep` batches on their way.
  void crash(NodeId id, size_t keep);
  // Gives its log up, as who is no member any more does, and goes down.
  void leave(NodeId id);
  Result<Placement> propose(NodeId id, Term expected, const std::vector<Proposal>& items);
  Payload payload(const std::string& text);

  // A leader tells its peers that it is alive, every interval, as a node does it for all of its groups.
  void tick(NodeId id, Nanos passed);
  // Takes the node's output: storage joins its queue, messages the network, applies are done at once, or when
  // the node no longer hangs.
  Ready take(NodeId id);
  // A batch, or a snapshot; false: there is nothing to be written.
  bool write_one(NodeId id);
  // Storage has no room for the oldest batch; of those behind it, it takes what are keys alone.
  void refuse(NodeId id);
  void hang(NodeId id, bool hangs);
  void serve_read(NodeId id);
  void serve_snapshot(NodeId id);
  // Saves the state as of what is applied.
  void save(NodeId id);
  size_t piece_bytes = 16;
  bool wrong_base_term = false;  // a planted bug
  // At most up to the saved state; a newer one is made where that is in the way.
  void trim(NodeId id, Index first);

 private:
  void apply(SimNode* node, const Ready& ready);
  void apply_owed(SimNode* node);

  Config config_;
  const uint32_t voters_;
  std::vector<SimNode> nodes_;
  std::deque<Message> network_;
  std::deque<std::string> texts_;
};

std::string text_of(const Entry& entry);
std::string describe(const Message& message);
std::string describe(const StorageBatch& batch);
std::string describe(const Event& event);
std::string describe(const Entry& entry);
std::string describe(const Membership& membership);
const char* name_of(Role role);

}  // namespace chronik::raft::test
