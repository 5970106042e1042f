#include "kafka-proto/group/records.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "kafka-proto/messages/records/consumer_group_current_member_assignment.h"
#include "kafka-proto/messages/records/consumer_group_member_metadata.h"
#include "kafka-proto/messages/records/consumer_group_metadata.h"
#include "kafka-proto/messages/records/consumer_group_partition_metadata.h"
#include "kafka-proto/messages/records/consumer_group_regular_expression.h"
#include "kafka-proto/messages/records/consumer_group_target_assignment_member.h"
#include "kafka-proto/messages/records/consumer_group_target_assignment_metadata.h"
#include "kafka-proto/messages/records/group_metadata.h"
#include "kafka-proto/messages/records/legacy_offset_commit.h"
#include "kafka-proto/messages/records/offset_commit.h"
#include "kafka-proto/wire/reader.h"
#include "kafka-proto/wire/writer.h"

namespace chronik::kafka {
namespace {

using group::ClassicGroupRecord;
using group::CurrentMemberRecord;
using group::GroupEpochRecord;
using group::MemberRecord;
using group::OffsetCommitRecord;
using group::RegexRecord;
using group::TargetEpochRecord;
using group::TargetMemberRecord;
using group::TopicPartitions;

using Text = std::optional<std::string_view>;
using OwnText = std::optional<std::string>;

Text view(const OwnText& text) { return text.has_value() ? Text(*text) : std::nullopt; }
Bytes view_bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
OwnText own(const Text& text) { return text.has_value() ? OwnText(*text) : std::nullopt; }
std::string own(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// ---- writing ----

template <class Message>
std::vector<uint8_t> encode(int16_t begin, const Message& message, int16_t version) {
  Writer out;
  out.int16(begin);
  message.encode(out, version);
  return std::move(out).finish().copy();
}

template <class Key>
std::vector<uint8_t> encode_key(const Key& key) {
  return encode(Key::kRecordType, key, Key::kMaxVersion);
}
template <class Value>
std::vector<uint8_t> encode_value(const Value& value, int16_t version = Value::kMaxVersion) {
  return encode(version, value, version);
}

// value(): what to write where the record has one.
template <class Key, class Record, class Make>
void add(RecordList& out, const Key& key, const Record& record, Make&& value) {
  const std::vector<uint8_t> encoded_key = encode_key(key);
  if (!record.value.has_value()) return out.add(encoded_key, std::nullopt);
  const std::vector<uint8_t> encoded_value = value(*record.value);
  out.add(encoded_key, Bytes(encoded_value));
}

void write(const OffsetCommitRecord& record, RecordList& out) {
  add(out, OffsetCommitKey{record.group, record.topic, record.partition}, record,
      [](const OffsetCommitRecord::Value& from) {
        // As Kafka: readers of before know the oldest version that has what is there.
        constexpr int16_t kExpires = 1, kLeaderEpoch = 3, kTopicId = 4;
        OffsetCommitValue value;
        value.offset = from.offset;
        value.leader_epoch = from.leader_epoch;
        value.metadata = from.metadata;
        value.commit_timestamp = from.commit_timestamp_ms;
        value.expire_timestamp = from.expire_timestamp_ms;
        value.topic_id = from.topic_id;
        if (from.expire_timestamp_ms >= 0) return encode_value(value, kExpires);
        return encode_value(value, is_zero(from.topic_id) ? kLeaderEpoch : kTopicId);
      });
}

void write(const ClassicGroupRecord& record, RecordList& out) {
  add(out, GroupMetadataKey{record.group}, record, [](const ClassicGroupRecord::Value& from) {
    constexpr int16_t kVersion = 3;  // as Kafka
    GroupMetadataValue value;
    value.protocol_type = from.protocol_type;
    value.generation = from.generation;
    value.protocol = view(from.protocol);
    value.leader = view(from.leader);
    value.current_state_timestamp = from.state_timestamp_ms;
    for (const ClassicGroupRecord::Member& member : from.members)
      value.members.push_back({member.member_id, view(member.instance_id), member.client_id,
                               member.client_host, member.rebalance_timeout_ms, member.session_timeout_ms,
                               view_bytes(member.subscription), view_bytes(member.assignment)});
    return encode_value(value, kVersion);
  });
}

void write(const GroupEpochRecord& record, RecordList& out) {
  add(out, ConsumerGroupMetadataKey{record.group}, record, [](const GroupEpochRecord::Value& from) {
    return encode_value(ConsumerGroupMetadataValue{from.epoch, from.metadata_hash});
  });
}

std::optional<ConsumerGroupMemberMetadataValue::Classic> classic_of(const MemberRecord::Value& from) {
  if (!from.classic.has_value()) return std::nullopt;
  ConsumerGroupMemberMetadataValue::Classic out;
  out.session_timeout_ms = from.classic->session_timeout_ms;
  for (const MemberRecord::Protocol& protocol : from.classic->protocols)
    out.supported_protocols.push_back({protocol.name, view_bytes(protocol.metadata)});
  return out;
}

void write(const MemberRecord& record, RecordList& out) {
  add(out, ConsumerGroupMemberMetadataKey{record.group, record.member_id}, record,
      [](const MemberRecord::Value& from) {
        ConsumerGroupMemberMetadataValue value;
        value.instance_id = view(from.instance_id);
        value.rack_id = view(from.rack_id);
        value.client_id = from.client_id;
        value.client_host = from.client_host;
        value.subscribed_topic_names.assign(from.topic_names.begin(), from.topic_names.end());
        value.subscribed_topic_regex = view(from.topic_regex);
        value.rebalance_timeout_ms = from.rebalance_timeout_ms;
        value.server_assignor = view(from.assignor);
        value.classic_member_metadata = classic_of(from);
        return encode_value(value);
      });
}

void write(const TargetEpochRecord& record, RecordList& out) {
  add(out, ConsumerGroupTargetAssignmentMetadataKey{record.group}, record,
      [](const TargetEpochRecord::Value& from) {
        return encode_value(ConsumerGroupTargetAssignmentMetadataValue{from.epoch, from.timestamp_ms});
      });
}

void write(const TargetMemberRecord& record, RecordList& out) {
  add(out, ConsumerGroupTargetAssignmentMemberKey{record.group, record.member_id}, record,
      [](const std::vector<TopicPartitions>& from) {
        ConsumerGroupTargetAssignmentMemberValue value;
        for (const TopicPartitions& topic : from)
          value.topic_partitions.push_back({topic.topic, topic.partitions});
        return encode_value(value);
      });
}

std::vector<ConsumerGroupCurrentMemberAssignmentValue::Topic> with_epochs(
    const std::vector<TopicPartitions>& from) {
  std::vector<ConsumerGroupCurrentMemberAssignmentValue::Topic> out;
  for (const TopicPartitions& topic : from) {
    auto& to = out.emplace_back();
    to.topic_id = topic.topic;
    to.partitions = topic.partitions;
    to.assignment_epochs = topic.assignment_epochs;
  }
  return out;
}

void write(const CurrentMemberRecord& record, RecordList& out) {
  add(out, ConsumerGroupCurrentMemberAssignmentKey{record.group, record.member_id}, record,
      [](const CurrentMemberRecord::Value& from) {
        ConsumerGroupCurrentMemberAssignmentValue value;
        value.member_epoch = from.epoch;
        value.previous_member_epoch = from.previous_epoch;
        value.state = static_cast<int8_t>(from.state);
        value.assigned_partitions = with_epochs(from.assigned);
        value.partitions_pending_revocation = with_epochs(from.pending_revocation);
        return encode_value(value);
      });
}

void write(const RegexRecord& record, RecordList& out) {
  add(out, ConsumerGroupRegularExpressionKey{record.group, record.regex}, record,
      [](const RegexRecord::Value& from) {
        ConsumerGroupRegularExpressionValue value;
        value.topics.assign(from.topics.begin(), from.topics.end());
        value.version = from.version;
        value.timestamp = from.timestamp_ms;
        return encode_value(value);
      });
}

// ---- reading ----

struct Encoded {
  Reader key;  // behind its type
  const std::optional<Bytes>& value;
};

// The value behind its version; nothing: the record has none.
template <class Value>
Result<std::optional<Value>> read_value(const std::optional<Bytes>& bytes) {
  if (!bytes.has_value()) return std::optional<Value>();
  Reader in(*bytes);
  const int16_t version = in.int16("version");
  if (!in.ok()) return std::unexpected(in.error(Value::kName));
  if (version < Value::kMinVersion || version > Value::kMaxVersion)
    return fail(Code::kUnsupported,
                fmt::format("a record has a {} of version {}, this node reads up to {}; upgrade it",
                            Value::kName, version, Value::kMaxVersion));
  Result<Value> value = Value::decode(in, version);
  if (!value) return fail(Code::kCorrupt, std::move(value).error().message);
  return std::optional<Value>(std::move(*value));
}

// make(key) is the record without its value, and set(value, its value) fills in that.
template <class Key, class Value, class Make, class Set>
Result<std::optional<group::Record>> read(Encoded& in, Make&& make, Set&& set) {
  Result<Key> key = Key::decode(in.key, Key::kMaxVersion);
  if (!key) return fail(Code::kCorrupt, std::move(key).error().message);
  CHRONIK_TRY(const std::optional<Value> value, read_value<Value>(in.value));
  auto record = make(*key);
  if (value.has_value()) {
    record.value = std::remove_reference_t<decltype(*record.value)>{};
    set(*value, *record.value);
  }
  return std::optional<group::Record>(std::move(record));
}

template <class Key>
OffsetCommitRecord offset_of(const Key& key) {
  return {std::string(key.group), std::string(key.topic), key.partition, std::nullopt};
}

Result<std::optional<group::Record>> read_offset(Encoded& in) {
  return read<OffsetCommitKey, OffsetCommitValue>(
      in, offset_of<OffsetCommitKey>, [](const OffsetCommitValue& from, OffsetCommitRecord::Value& to) {
        to = {from.offset,           from.leader_epoch,     std::string(from.metadata),
              from.commit_timestamp, from.expire_timestamp, from.topic_id};
      });
}

Result<std::optional<group::Record>> read_legacy_offset(Encoded& in) {
  return read<LegacyOffsetCommitKey, LegacyOffsetCommitValue>(
      in, offset_of<LegacyOffsetCommitKey>,
      [](const LegacyOffsetCommitValue& from, OffsetCommitRecord::Value& to) {
        to.offset = from.offset;
        to.metadata = from.metadata;
        to.commit_timestamp_ms = from.commit_timestamp;
      });
}

Result<std::optional<group::Record>> read_classic_group(Encoded& in) {
  return read<GroupMetadataKey, GroupMetadataValue>(
      in,
      [](const GroupMetadataKey& key) { return ClassicGroupRecord{std::string(key.group), std::nullopt}; },
      [](const GroupMetadataValue& from, ClassicGroupRecord::Value& to) {
        to = {std::string(from.protocol_type),
              from.generation,
              own(from.protocol),
              own(from.leader),
              from.current_state_timestamp,
              {}};
        for (const GroupMetadataValue::Member& member : from.members)
          to.members.push_back({std::string(member.member_id), own(member.group_instance_id),
                                std::string(member.client_id), std::string(member.client_host),
                                member.rebalance_timeout, member.session_timeout, own(member.subscription),
                                own(member.assignment)});
      });
}

Result<std::optional<group::Record>> read_group_epoch(Encoded& in) {
  return read<ConsumerGroupMetadataKey, ConsumerGroupMetadataValue>(
      in,
      [](const ConsumerGroupMetadataKey& key) {
        return GroupEpochRecord{std::string(key.group_id), std::nullopt};
      },
      [](const ConsumerGroupMetadataValue& from, GroupEpochRecord::Value& to) {
        to = {from.epoch, from.metadata_hash};
      });
}

Result<std::optional<group::Record>> read_member(Encoded& in) {
  return read<ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue>(
      in,
      [](const ConsumerGroupMemberMetadataKey& key) {
        return MemberRecord{std::string(key.group_id), std::string(key.member_id), std::nullopt};
      },
      [](const ConsumerGroupMemberMetadataValue& from, MemberRecord::Value& to) {
        to.instance_id = own(from.instance_id);
        to.rack_id = own(from.rack_id);
        to.client_id = from.client_id;
        to.client_host = from.client_host;
        to.topic_names.assign(from.subscribed_topic_names.begin(), from.subscribed_topic_names.end());
        to.topic_regex = own(from.subscribed_topic_regex);
        to.rebalance_timeout_ms = from.rebalance_timeout_ms;
        to.assignor = own(from.server_assignor);
        if (!from.classic_member_metadata.has_value()) return;
        to.classic = MemberRecord::Classic{};
        MemberRecord::Classic& classic = *to.classic;
        classic.session_timeout_ms = from.classic_member_metadata->session_timeout_ms;
        for (const auto& protocol : from.classic_member_metadata->supported_protocols)
          classic.protocols.push_back({std::string(protocol.name), own(protocol.metadata)});
      });
}

Result<std::optional<group::Record>> read_target_epoch(Encoded& in) {
  return read<ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue>(
      in,
      [](const ConsumerGroupTargetAssignmentMetadataKey& key) {
        return TargetEpochRecord{std::string(key.group_id), std::nullopt};
      },
      [](const ConsumerGroupTargetAssignmentMetadataValue& from, TargetEpochRecord::Value& to) {
        to = {from.assignment_epoch, from.assignment_timestamp};
      });
}

Result<std::optional<group::Record>> read_target_member(Encoded& in) {
  return read<ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue>(
      in,
      [](const ConsumerGroupTargetAssignmentMemberKey& key) {
        return TargetMemberRecord{std::string(key.group_id), std::string(key.member_id), std::nullopt};
      },
      [](const ConsumerGroupTargetAssignmentMemberValue& from, std::vector<TopicPartitions>& to) {
        for (const auto& topic : from.topic_partitions) to.push_back({topic.topic_id, topic.partitions, {}});
      });
}

std::vector<TopicPartitions> without_borrowing(
    const std::vector<ConsumerGroupCurrentMemberAssignmentValue::Topic>& from) {
  std::vector<TopicPartitions> out;
  for (const auto& topic : from)
    out.push_back(
        {topic.topic_id, topic.partitions, topic.assignment_epochs.value_or(std::vector<int32_t>())});
  return out;
}

Result<std::optional<group::Record>> read_current_member(Encoded& in) {
  return read<ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue>(
      in,
      [](const ConsumerGroupCurrentMemberAssignmentKey& key) {
        return CurrentMemberRecord{std::string(key.group_id), std::string(key.member_id), std::nullopt};
      },
      [](const ConsumerGroupCurrentMemberAssignmentValue& from, CurrentMemberRecord::Value& to) {
        to = {from.member_epoch, from.previous_member_epoch, static_cast<group::MemberState>(from.state),
              without_borrowing(from.assigned_partitions),
              without_borrowing(from.partitions_pending_revocation)};
      });
}

Result<std::optional<group::Record>> read_regex(Encoded& in) {
  return read<ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue>(
      in,
      [](const ConsumerGroupRegularExpressionKey& key) {
        return RegexRecord{std::string(key.group_id), std::string(key.regular_expression), std::nullopt};
      },
      [](const ConsumerGroupRegularExpressionValue& from, RegexRecord::Value& to) {
        to = {{from.topics.begin(), from.topics.end()}, from.version, from.timestamp};
      });
}

// What the hash in ConsumerGroupMetadata stands for since. Nothing is made of it.
Result<std::optional<group::Record>> read_nothing(Encoded&) { return std::nullopt; }

struct Kind {
  int16_t type;
  Result<std::optional<group::Record>> (*read)(Encoded& in);
};
constexpr std::array<Kind, 10> kKinds = {{
    {LegacyOffsetCommitKey::kRecordType, read_legacy_offset},
    {OffsetCommitKey::kRecordType, read_offset},
    {GroupMetadataKey::kRecordType, read_classic_group},
    {ConsumerGroupMetadataKey::kRecordType, read_group_epoch},
    {ConsumerGroupPartitionMetadataKey::kRecordType, read_nothing},
    {ConsumerGroupMemberMetadataKey::kRecordType, read_member},
    {ConsumerGroupTargetAssignmentMetadataKey::kRecordType, read_target_epoch},
    {ConsumerGroupTargetAssignmentMemberKey::kRecordType, read_target_member},
    {ConsumerGroupCurrentMemberAssignmentKey::kRecordType, read_current_member},
    {ConsumerGroupRegularExpressionKey::kRecordType, read_regex},
}};

// Kafka's, of groups that are not kept here yet.
std::string_view name_of(int16_t type) {
  if (type >= 10 && type <= 15) return "a share group";
  if (type >= 17 && type <= 23) return "a streams group";
  return "a group";
}

}  // namespace

void add_record(const group::Record& record, RecordList& out) {
  std::visit([&](const auto& each) { write(each, out); }, record);
}

Result<std::optional<group::Record>> read_record(Bytes key, const std::optional<Bytes>& value) {
  Encoded in{Reader(key), value};
  const int16_t type = in.key.int16("type");
  if (!in.key.ok()) return std::unexpected(in.key.error("the key of a record of a group"));
  for (const Kind& kind : kKinds)
    if (kind.type == type) return kind.read(in);
  return fail(Code::kUnsupported,
              fmt::format("a record of {} has the type {}, which this node does not know; "
                          "upgrade it",
                          name_of(type), type));
}

}  // namespace chronik::kafka
