// What all members and tools of the workload "groups" share: what was seen so far, and what they are about.
#pragma once

#include "sim/check/checker.h"
#include "sim/check/offset_model.h"
#include "sim/check/owner_model.h"
#include "sim/host/cluster.h"
#include "sim/workload/kafka_client.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/wire/errors.h"

namespace chronik::sim {

constexpr std::string_view kSimpleGroup = "positions";  // without members: tools commit to it

struct GroupTimes {
  uint64_t session_ns = 10 * kSecond;
  uint64_t rebalance_ns = 12 * kSecond;
  uint64_t heartbeat_ns = kSecond;
};

struct GroupCounts {
  uint64_t joins = 0, syncs = 0, heartbeats = 0, fenced = 0, assignments = 0;
};

class GroupParts {
 public:
  GroupParts(Cluster& c, Checker& checker, std::string topic_name, uint32_t n, uint32_t internal)
      : cluster(c),
        offsets(c.world()),
        generations(c.world()),
        owners(c.world()),
        topic(std::move(topic_name)),
        partitions(n),
        checker_(checker),
        internal_(internal) {}

  World& world() { return cluster.world(); }
  // Whether Raft's newest leader of the group's partition of __consumer_offsets is that node.
  bool leads(std::string_view group, uint32_t node) const;
  // A topic of one partition is about to be deleted.
  void goes(const chr_uuid& id) { checker_.group(group_name(id, 0)).goes = true; }
  OffsetKey key(const std::string& group, int32_t partition) const { return {group, topic, partition}; }

  Cluster& cluster;
  OffsetModel offsets;
  GenerationModel generations;
  OwnerModel owners;
  const std::string topic;  // that all members subscribe to
  const uint32_t partitions;
  chr_uuid topic_id{};
  std::optional<chr_uuid> internal_topic;  // once it is known
  GroupTimes times;
  GroupCounts counts;

 private:
  static std::string group_name(const chr_uuid& topic, uint32_t partition);

  Checker& checker_;
  const uint32_t internal_;  // partitions of __consumer_offsets
};

// A client of groups: it knows who coordinates each, until it is told otherwise.
class GroupClient {
 public:
  GroupClient(GroupParts& parts, std::string name)
      : parts_(parts), client_(parts.world(), parts.cluster.net(), parts.cluster.size(), std::move(name)) {}

  // 0: it does not.
  uint32_t coordinator(const std::string& group) const;
  // Asks some node; done() whatever came of it.
  void find(const std::string& group, std::function<void()> done);
  void forget(const std::string& group) { coordinators_.erase(group); }
  // Whether the error says that the group is to be looked for elsewhere, or later.
  static bool is_elsewhere(kafka::ErrorCode error);

  KafkaClient& wire() { return client_; }
  Rng& rng() { return client_.rng(); }
  int16_t one_of(int64_t low, int64_t high) {
    return static_cast<int16_t>(
        client_.rng().between(static_cast<uint64_t>(low), static_cast<uint64_t>(high)));
  }

 private:
  GroupParts& parts_;
  KafkaClient client_;
  std::map<std::string, uint32_t> coordinators_;
};

// What a commit of one partition says of itself.
struct CommitClaim {
  std::string member = {};
  std::optional<std::string> instance = {};
  int32_t generation = -1;
  int16_t min_version = 2;
  bool may_be_taken = true;
  std::function<void(uint32_t node, uint64_t begun)> taken = {};  // by that node, once it is acknowledged
};
// One offset, of a topic that is known under both. Nothing is heard of an end but by the model.
void commit_offset(GroupParts& parts, GroupClient& client, const OffsetKey& key, std::string_view topic,
                   const chr_uuid& topic_id, const CommitClaim& claim);
// All partitions of the topic, or some; what is read goes to the model. done(node): 0 where there was no answer, or an
// error.
struct OffsetQuestion {
  std::string group;
  std::string topic;  // as in keys of the model
  std::string_view name;
  chr_uuid id{};
  std::vector<int32_t> partitions;
  int16_t min_version = 1;
};
void fetch_offsets(GroupParts& parts, GroupClient& client, const OffsetQuestion& question,
                   std::function<void(uint32_t node)> done);

}  // namespace chronik::sim
