#include "kafka-proto/group/core/consumer_requests.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace chronik::kafka::group {
namespace {

Refusal invalid(std::string message) { return {ErrorCode::kInvalidRequest, std::move(message)}; }

std::optional<Refusal> check_join(const ConsumerHeartbeatRequest& request) {
  if (request.rebalance_timeout_ms == -1)
    return invalid("RebalanceTimeoutMs must be provided in first request.");
  if (!request.owned || !request.owned->empty())
    return invalid("TopicPartitions must be empty when (re-)joining.");
  // An empty list or expression is a member that subscribes to nothing yet.
  if (!request.topic_names && !request.topic_regex)
    return invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
  return std::nullopt;
}

}  // namespace

ConsumerHeartbeatResult refused(Refusal refusal) {
  ConsumerHeartbeatResult result;
  result.error = refusal.error;
  result.error_message = std::move(refusal.message);
  return result;
}

std::optional<Refusal> check_request(const ConsumerHeartbeatRequest& request,
                                     const std::vector<std::string>& assignors) {
  const bool needs_id = request.names_itself || request.epoch > 0 || request.epoch == kLeaveEpoch;
  if (needs_id && request.member_id.empty()) return invalid("MemberId can't be empty.");
  if (request.instance_id && request.instance_id->empty()) return invalid("InstanceId can't be empty.");
  if (request.rack_id && request.rack_id->empty()) return invalid("RackId can't be empty.");
  if (request.epoch == kJoinEpoch) {
    if (auto refusal = check_join(request)) return refusal;
  } else if (request.epoch == kStaticLeaveEpoch) {
    if (!request.instance_id) return invalid("InstanceId can't be null.");
  } else if (request.epoch < kStaticLeaveEpoch) {
    return invalid("MemberEpoch is invalid.");
  }
  if (request.assignor && std::ranges::find(assignors, *request.assignor) == assignors.end())
    return Refusal{ErrorCode::kUnsupportedAssignor,
                   fmt::format("ServerAssignor {} is not supported. Supported assignors: {}.",
                               *request.assignor, fmt::join(assignors, ", "))};
  return std::nullopt;
}

}  // namespace chronik::kafka::group
