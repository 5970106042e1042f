#include "sim/workload/group_parts.h"

#include <fmt/format.h>

#include "kafka-proto/messages/find_coordinator.h"
#include "kafka-proto/messages/offset_commit.h"
#include "kafka-proto/messages/offset_fetch.h"

namespace chronik::sim {
namespace {

using kafka::ErrorCode;

constexpr uint64_t kTimeout = 8 * kSecond;
constexpr int16_t kSeveralKeys = 4, kSeveralGroups = 8, kById = 10;

// Of ASCII text, as Java's String.hashCode.
uint32_t hash_of(std::string_view text) {
  uint32_t hash = 0;
  for (const char c : text) hash = 31 * hash + static_cast<uint8_t>(c);
  return hash & INT32_MAX;
}

}  // namespace

// As consensus calls the group of a partition.
std::string GroupParts::group_name(const chr_uuid& topic, uint32_t partition) {
  std::string name;
  for (const uint8_t byte : topic.b) name += fmt::format("{:02x}", byte);
  return fmt::format("{}.{}", name, partition);
}

bool GroupParts::leads(std::string_view group, uint32_t node) const {
  if (!internal_topic) return false;
  const auto& groups = checker_.groups();
  const auto truth = groups.find(group_name(*internal_topic, hash_of(group) % internal_));
  return truth != groups.end() && !truth->second->leaders.empty() &&
         truth->second->leaders.rbegin()->second == node;
}

// ---- who coordinates ----

uint32_t GroupClient::coordinator(const std::string& group) const {
  const auto found = coordinators_.find(group);
  return found == coordinators_.end() ? 0 : found->second;
}

void GroupClient::find(const std::string& group, std::function<void()> done) {
  const int16_t version = one_of(0, 6);
  kafka::FindCoordinatorRequest request;
  if (version < kSeveralKeys)
    request.key = group;
  else
    request.coordinator_keys.emplace_back(group);
  client_.call<kafka::FindCoordinator>(
      client_.any_node(), version, request, kTimeout,
      [this, group, done = std::move(done)](const Result<kafka::FindCoordinatorResponse>& response) {
        if (response && !response->coordinators.empty()) {
          if (response->coordinators[0].error_code == ErrorCode::kNone)
            coordinators_[group] = static_cast<uint32_t>(response->coordinators[0].node_id);
        } else if (response && response->error_code == ErrorCode::kNone && response->node_id > 0) {
          coordinators_[group] = static_cast<uint32_t>(response->node_id);
        }
        done();
      });
}

bool GroupClient::is_elsewhere(ErrorCode error) {
  return error == ErrorCode::kNotCoordinator || error == ErrorCode::kCoordinatorNotAvailable ||
         error == ErrorCode::kCoordinatorLoadInProgress;
}

// ---- offsets ----

namespace {

// Errors by which nothing was committed, and nothing will be.
bool is_refusal(ErrorCode error) {
  switch (error) {
    case ErrorCode::kIllegalGeneration:
    case ErrorCode::kUnknownMemberId:
    case ErrorCode::kRebalanceInProgress:
    case ErrorCode::kFencedInstanceId:
    case ErrorCode::kStaleMemberEpoch:
    case ErrorCode::kGroupIdNotFound:
    case ErrorCode::kUnknownTopicOrPartition:
    case ErrorCode::kUnknownTopicId:
      return true;
    default:
      return false;
  }
}

bool end_commit(GroupParts& parts, GroupClient& client, const OffsetKey& key, int64_t offset,
                const Result<kafka::OffsetCommitResponse>& response) {
  const bool answered =
      response && response->topics.size() == 1 && response->topics[0].partitions.size() == 1;
  const ErrorCode error =
      answered ? response->topics[0].partitions[0].error_code : ErrorCode::kNotCoordinator;
  if (error == ErrorCode::kNone) {
    parts.offsets.acknowledged(offset);
  } else if (is_refusal(error)) {
    parts.offsets.refused(offset);
  } else {
    parts.offsets.unknown(offset);
    client.forget(key.group);
    if (!GroupClient::is_elsewhere(error))
      parts.world().fail("group-offsets", fmt::format("group {}: a commit is answered with {}", key.group,
                                                      kafka::error_name(error)));
  }
  return error == ErrorCode::kNone;
}

}  // namespace

void commit_offset(GroupParts& parts, GroupClient& client, const OffsetKey& key, std::string_view topic,
                   const chr_uuid& topic_id, const CommitClaim& claim) {
  const int64_t offset = parts.offsets.begin(key, claim.may_be_taken);
  const std::string metadata = OffsetModel::metadata_of(offset);
  kafka::OffsetCommitRequest request;
  request.group_id = key.group;
  request.member_id = claim.member;
  request.group_instance_id = claim.instance;
  request.generation_id_or_member_epoch = claim.generation;
  auto& row = request.topics.emplace_back();
  row.name = topic;
  row.topic_id = topic_id;
  auto& part = row.partitions.emplace_back();
  part.partition_index = key.partition;
  part.committed_offset = offset;
  part.committed_metadata = metadata;
  const uint32_t node = client.coordinator(key.group);
  client.wire().call<kafka::OffsetCommit>(node, client.one_of(claim.min_version, kById), request, kTimeout,
                                          [&parts, &client, key, offset, node, begun = parts.world().now(),
                                           taken = claim.taken](const auto& response) {
                                            if (end_commit(parts, client, key, offset, response) && taken)
                                              taken(node, begun);
                                          });
}

namespace {

// Rows of an answer, of whatever version.
template <class Topics>
ErrorCode read_rows(GroupParts& parts, const OffsetQuestion& question, const Topics& topics, uint64_t begun,
                    bool by_leader) {
  size_t rows = 0;
  for (const auto& topic : topics)
    for (const auto& row : topic.partitions) {
      if (row.error_code != ErrorCode::kNone) return row.error_code;
      parts.offsets.read({question.group, question.topic, row.partition_index}, row.committed_offset,
                         row.metadata.value_or(""), begun, by_leader);
      ++rows;
    }
  if (rows != question.partitions.size())
    parts.world().fail("group-offsets", fmt::format("group {}: {} partitions are asked for, {} answered",
                                                    question.group, question.partitions.size(), rows));
  return ErrorCode::kNone;
}

ErrorCode read_answer(GroupParts& parts, const OffsetQuestion& question,
                      const kafka::OffsetFetchResponse& response, uint64_t begun, bool by_leader) {
  if (response.error_code != ErrorCode::kNone) return response.error_code;
  if (response.groups.empty()) return read_rows(parts, question, response.topics, begun, by_leader);
  const auto& group = response.groups[0];
  if (group.error_code != ErrorCode::kNone) return group.error_code;
  return read_rows(parts, question, group.topics, begun, by_leader);
}

}  // namespace

void fetch_offsets(GroupParts& parts, GroupClient& client, const OffsetQuestion& question,
                   std::function<void(uint32_t node)> done) {
  const int16_t version = client.one_of(question.min_version, kById);
  kafka::OffsetFetchRequest request;
  if (version < kSeveralGroups) {
    request.group_id = question.group;
    auto& topic = request.topics->emplace_back();
    topic.name = question.name;
    topic.partition_indexes = question.partitions;
  } else {
    request.topics.reset();
    auto& group = request.groups.emplace_back();
    group.group_id = question.group;
    auto& topic = group.topics->emplace_back();
    topic.name = question.name;
    topic.topic_id = question.id;
    topic.partition_indexes = question.partitions;
  }
  const uint32_t node = client.coordinator(question.group);
  const uint64_t begun = parts.world().now();
  const bool by_leader = parts.leads(question.group, node);
  client.wire().call<kafka::OffsetFetch>(
      node, version, request, kTimeout,
      [&parts, &client, question, node, begun, by_leader, done = std::move(done)](const auto& response) {
        const ErrorCode error =
            response ? read_answer(parts, question, *response, begun, by_leader) : ErrorCode::kNotCoordinator;
        if (GroupClient::is_elsewhere(error)) client.forget(question.group);
        done(error == ErrorCode::kNone ? node : 0);
      });
}

}  // namespace chronik::sim
