// Record: what the log of a group says, one struct for each of Kafka's record types. A record without its value
// says that what its key names is gone; of what was never there that is normal.
#pragma once

#include <chronik/abi.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace chronik::kafka::group {

struct OffsetCommitRecord {
  struct Value {
    int64_t offset = -1;
    int32_t leader_epoch = -1;
    std::string metadata;
    int64_t commit_timestamp_ms = -1;
    int64_t expire_timestamp_ms = -1;  // as clients of before version 5 asked for; -1: none
    chr_uuid topic_id{};               // zero: the commit named the topic alone
  };
  std::string group, topic;
  int32_t partition = 0;
  std::optional<Value> value;
};

// ---- the classic protocol ----

struct ClassicGroupRecord {
  struct Member {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::string client_id, client_host;
    int32_t rebalance_timeout_ms = -1;
    int32_t session_timeout_ms = 0;
    std::string subscription, assignment;  // never parsed
  };
  struct Value {
    std::string protocol_type{};
    int32_t generation = 0;
    std::optional<std::string> protocol{}, leader{};
    int64_t state_timestamp_ms = -1;
    std::vector<Member> members{};
  };
  std::string group;
  std::optional<Value> value;
};

// ---- the consumer protocol (KIP-848) ----

// Partitions of a topic, sorted.
struct TopicPartitions {
  chr_uuid topic{};
  std::vector<int32_t> partitions;
  // Of each partition, the member epoch at which it was assigned (KIP-1251); empty: not known.
  std::vector<int32_t> assignment_epochs;
};

struct GroupEpochRecord {
  struct Value {
    int32_t epoch = 0;
    int64_t metadata_hash = 0;
  };
  std::string group;
  std::optional<Value> value;
};

struct MemberRecord {
  struct Protocol {
    std::string name, metadata;
  };
  // Of a member that speaks the classic protocol in a consumer group.
  struct Classic {
    int32_t session_timeout_ms = 0;
    std::vector<Protocol> protocols;
  };
  struct Value {
    std::optional<std::string> instance_id, rack_id;
    std::string client_id, client_host;
    std::vector<std::string> topic_names;
    std::optional<std::string> topic_regex;
    int32_t rebalance_timeout_ms = -1;
    std::optional<std::string> assignor;
    std::optional<Classic> classic;
  };
  std::string group, member_id;
  std::optional<Value> value;
};

struct TargetEpochRecord {
  struct Value {
    int32_t epoch = 0;
    int64_t timestamp_ms = 0;
  };
  std::string group;
  std::optional<Value> value;
};

struct TargetMemberRecord {
  std::string group, member_id;
  std::optional<std::vector<TopicPartitions>> value;
};

// Kafka's numbers, as they are recorded.
enum class MemberState : int8_t {
  kStable = 0,
  kUnrevokedPartitions = 1,  // it has yet to say that it gave partitions away
  kUnreleasedPartitions = 2  // others have yet to give away what it shall have
};

struct CurrentMemberRecord {
  struct Value {
    int32_t epoch = 0, previous_epoch = -1;
    MemberState state = MemberState::kStable;
    std::vector<TopicPartitions> assigned, pending_revocation;
  };
  std::string group, member_id;
  std::optional<Value> value;
};

struct RegexRecord {
  struct Value {
    std::vector<std::string> topics;  // sorted
    int64_t version = 0;              // of the catalog for which it was resolved
    int64_t timestamp_ms = 0;
  };
  std::string group, regex;
  std::optional<Value> value;
};

using Record = std::variant<OffsetCommitRecord, ClassicGroupRecord, GroupEpochRecord, MemberRecord,
                            TargetEpochRecord, TargetMemberRecord, CurrentMemberRecord, RegexRecord>;

}  // namespace chronik::kafka::group
