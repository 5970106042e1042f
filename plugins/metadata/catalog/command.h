// What changes the catalog: the commands that stand in the log of __meta, and what each of their items came
// to. Plain values; wire/ turns them into bytes.
#pragma once

#include "catalog/uuid.h"

#include <optional>
#include <string>
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
inline constexpr size_t kMaxAssignments = 2'000;
inline constexpr size_t kMaxCommandBytes = 4 * 1024 * 1024;
inline constexpr int64_t kProducerIdBlock = 1'000;

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
  Uuid incarnation;
  bool operator==(const Node&) const = default;
};

struct InitCluster {
  std::string cluster_id;
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
struct AllocateProducerIds {
  bool operator==(const AllocateProducerIds&) const = default;
};
// What one node knows better than the catalog: who it is, and what it leads.
struct SyncBatch {
  std::vector<Assignment> assignments;
  std::optional<Node> node;
  bool operator==(const SyncBatch&) const = default;
};

using Body =
    std::variant<InitCluster, CreateTopics, DeleteTopics, CreatePartitions, AllocateProducerIds, SyncBatch>;

struct Command {
  RequestId request;
  Body body;
  bool operator==(const Command&) const = default;
};

// What one item of a command came to, on every node alike.
struct ItemResult {
  chr_status code = CHR_OK;
  std::string message;
  Uuid topic;
  uint32_t partitions = 0;
  bool operator==(const ItemResult&) const = default;
};

struct Outcome {
  std::vector<ItemResult> items;
  int64_t first_producer_id = 0;
  int64_t producer_ids = 0;
  uint32_t fenced = 0;  // assignments and nodes that lost against newer ones
  std::vector<Uuid> deleted;
  bool changed = false;
};

}  // namespace chronik::metadata
