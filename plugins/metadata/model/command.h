// What changes the catalog: the commands that stand in the log of __meta, and what each of their items came
// to. Plain values; wire/ turns them into bytes.
#pragma once

#include "metadata/model/uuid.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace chronik::metadata {

// Bounds on what a command may hold. They keep one entry well below what a log takes, and are checked before
// a proposal as well as when an entry is read back.
inline constexpr size_t kMaxNameBytes = 249;
inline constexpr size_t kMaxItems = 10'000;
inline constexpr int32_t kMaxPartitions = 10'000;
inline constexpr int32_t kMaxReplicationFactor = 32;
inline constexpr size_t kMaxConfigs = 256;
inline constexpr size_t kMaxConfigKeyBytes = 256;
inline constexpr size_t kMaxConfigValueBytes = 32 * 1024;
inline constexpr size_t kMaxHostBytes = 255;
inline constexpr size_t kMaxRaftBytes = kMaxHostBytes + 8;  // with its port
inline constexpr size_t kMaxNodes = 10'000;
inline constexpr size_t kMaxAssignments = 2'000;
inline constexpr size_t kMaxCommandBytes = 4 * 1024 * 1024;
inline constexpr int64_t kProducerIdBlock = 1'000;
inline constexpr size_t kMaxFeatures = 256;
inline constexpr size_t kMaxSpaceBytes = 64;
inline constexpr size_t kMaxRecordKeyBytes = 1'024;
inline constexpr size_t kMaxRecordValueBytes = 64 * 1024;

// Which caller a command belongs to, so that its waiter is found when the command is applied. session changes
// with each start of a node; node -1: nobody waits.
struct RequestId {
  int32_t node = -1;
  uint64_t session = 0;
  uint64_t number = 0;
  bool operator==(const RequestId&) const = default;
};

// How an item stood when it was proposed. Refused items travel with the rest, so that whoever waits for the
// command gets the result of every item from one place, the log.
struct Verdict {
  chr_status code = CHR_OK;
  std::string message;
  bool operator==(const Verdict&) const = default;
};

using Configs = std::vector<std::pair<std::string, std::string>>;

struct NewTopic {
  Verdict verdict;
  Uuid id;  // chosen by the node that was asked, so that a second attempt is known as the same topic
  std::string name;
  int32_t partitions = 0;
  int32_t replication_factor = 0;
  std::vector<int32_t> replicas;  // partition by partition; empty in a request: the leader places them
  Configs configs;
  bool operator==(const NewTopic&) const = default;
};

struct DeletedTopic {
  Verdict verdict;
  Uuid id;
  bool operator==(const DeletedTopic&) const = default;
};

struct MorePartitions {
  Verdict verdict;
  Uuid id;  // found by the leader
  std::string name;
  int32_t present = 0;  // how many there were when it was proposed
  int32_t total = 0;
  std::vector<int32_t> replicas;  // of the new ones; empty in a request: the leader places them
  bool operator==(const MorePartitions&) const = default;
};

// A reassignment: sets the replicas that a partition shall have, which its leader then makes members, or
// takes that back.
struct Reassignment {
  Verdict verdict;
  Uuid id;  // of the topic
  int32_t partition = 0;
  bool cancel = false;
  bool same_factor = false;       // a target of another size is refused
  std::vector<int32_t> replicas;  // the whole target, the preferred leader first; empty where it is cancelled
  bool operator==(const Reassignment&) const = default;
};

// The leader of a partition says that these are its members now.
struct FinishedReassignment {
  Verdict verdict;
  Uuid id;  // of the topic
  int32_t partition = 0;
  std::vector<int32_t> replicas;
  bool operator==(const FinishedReassignment&) const = default;
};

// What is set on a topic, or not any more. Of two changes of one key the last counts.
struct ConfigChange {
  std::string key;
  std::string value;
  bool remove = false;
  bool operator==(const ConfigChange&) const = default;
};
struct AlteredConfigs {
  Verdict verdict;
  Uuid id;  // of the topic
  std::vector<ConfigChange> changes;
  bool operator==(const AlteredConfigs&) const = default;
};

// What an operator does with the nodes. A node leaves in two steps: first nothing new is placed on it, and
// once nothing is on it, it goes.
enum class NodeAction : int32_t { kAdd = 1, kLeave = 2, kRemove = 3 };
struct NodeChange {
  Verdict verdict;
  int32_t node = -1;
  NodeAction action = NodeAction::kAdd;
  std::string raft;  // "host:port" of a node that is added
  bool operator==(const NodeChange&) const = default;
};

// A partition's leader in a term, as that leader itself reports it.
struct Assignment {
  Uuid topic;
  int32_t partition = 0;
  uint64_t term = 0;
  int32_t leader = -1;
  bool operator==(const Assignment&) const = default;
};

struct Node {
  int32_t id = -1;
  std::string host;  // what clients are told; empty before the node announced itself
  uint16_t port = 0;
  std::string rack;
  Uuid incarnation;    // zero before the node itself was heard of
  std::string raft{};  // "host:port" of its links; empty: not known
  bool leaving = false;
  bool operator==(const Node&) const = default;
  // Whether the catalog's record shows what this node says of itself.
  bool is_shown_by(const Node& record) const {
    return id == record.id && host == record.host && port == record.port && rack == record.rack &&
           incarnation == record.incarnation && (raft.empty() || raft == record.raft);
  }
};

// Up to which level of a feature the cluster writes.
struct FeatureLevel {
  std::string name;
  int16_t level = 0;
  bool operator==(const FeatureLevel&) const = default;
};
struct FeatureUpdate {
  static constexpr int32_t kUpgrade = 1, kUnsafeDowngrade = 3;  // 2 is a safe downgrade, as Kafka counts
  Verdict verdict;
  std::string name;
  int16_t level = 0;
  int32_t type = kUpgrade;
  bool operator==(const FeatureUpdate&) const = default;
};

// Puts or removes one record.
struct RecordChange {
  Verdict verdict;
  std::string space;  // empty: changes nothing; whoever waits for it has seen all that came before
  std::string key;
  std::string value;
  bool remove = false;
  std::optional<uint64_t> expected;  // the version that it must have; 0: it must not be there
  bool is_barrier() const { return space.empty() && key.empty(); }
  bool operator==(const RecordChange&) const = default;
};

struct InitCluster {
  std::string cluster_id;
  std::vector<FeatureLevel> levels;  // that it starts with; none: those of before levels
  bool operator==(const InitCluster&) const = default;
};
struct CreateTopics {
  std::vector<NewTopic> items;
  bool operator==(const CreateTopics&) const = default;
};
struct DeleteTopics {
  std::vector<DeletedTopic> items;
  bool operator==(const DeleteTopics&) const = default;
};
struct CreatePartitions {
  std::vector<MorePartitions> items;
  bool operator==(const CreatePartitions&) const = default;
};
struct AlterReassignments {
  std::vector<Reassignment> items;
  bool operator==(const AlterReassignments&) const = default;
};
struct FinishReassignments {
  std::vector<FinishedReassignment> items;
  bool operator==(const FinishReassignments&) const = default;
};
struct ChangeNodes {
  std::vector<NodeChange> items;
  bool operator==(const ChangeNodes&) const = default;
};
struct AlterConfigs {
  std::vector<AlteredConfigs> items;
  bool operator==(const AlterConfigs&) const = default;
};
// All of them, or none.
struct UpdateFeatures {
  std::vector<FeatureUpdate> items;
  bool operator==(const UpdateFeatures&) const = default;
};
struct ChangeRecords {
  std::vector<RecordChange> items;
  bool operator==(const ChangeRecords&) const = default;
};
struct AllocateProducerIds {
  bool operator==(const AllocateProducerIds&) const = default;
};
// The levels of a feature that a build knows.
struct FeatureRange {
  std::string_view name;
  int16_t min = 0;
  int16_t max = 0;
};
// The same, as another node told it.
struct ToldRange {
  std::string name;
  int16_t min = 0;
  int16_t max = 0;
  bool operator==(const ToldRange&) const = default;
};

// What nodes know better than the catalog: who they are, and what they lead.
struct SyncBatch {
  std::vector<Assignment> assignments;
  std::vector<Node> nodes;
  bool operator==(const SyncBatch&) const = default;
};

using Body = std::variant<InitCluster, CreateTopics, DeleteTopics, CreatePartitions, AllocateProducerIds,
                          SyncBatch, AlterReassignments, FinishReassignments, ChangeNodes, AlterConfigs,
                          UpdateFeatures, ChangeRecords>;

// Whether nodes that know no feature levels would stop at this.
inline bool is_new(const Body& body) {
  return std::holds_alternative<UpdateFeatures>(body) || std::holds_alternative<ChangeRecords>(body);
}

struct Command {
  RequestId request;
  Body body;
  bool operator==(const Command&) const = default;
};

// Whether a request comes to the log for the first time. Forgotten: so many of its node came
// before it that nobody knows.
enum class Seen { kNew, kApplied, kForgotten };

// What one item of a command came to, on every node alike.
struct ItemResult {
  chr_status code = CHR_OK;
  std::string message;
  Uuid topic;
  uint32_t partitions = 0;
  bool operator==(const ItemResult&) const = default;
};

// An assignment that contradicts the one before it: another leader in the same term.
struct Dispute {
  Assignment second;
  int32_t first = -1;  // the node that was shown as the leader
};

struct Outcome {
  std::vector<ItemResult> items;
  int64_t first_producer_id = 0;
  int64_t producer_ids = 0;
  uint32_t fenced = 0;  // assignments and nodes that lost against newer ones
  std::vector<Dispute> disputes;
  std::vector<Uuid> deleted;
  std::vector<int32_t> removed_nodes;
  Seen seen = Seen::kNew;  // otherwise it did nothing, and there is nothing else here
  bool changed = false;
};

}  // namespace chronik::metadata
