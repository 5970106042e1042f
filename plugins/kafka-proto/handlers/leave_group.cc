// LeaveGroup (13): members leave their classic group: the one that asks, or several from version 3 on, where an
// admin may name them by their instances.
#include <utility>

#include "kafka-proto/group/coordinator.h"
#include "kafka-proto/handlers/group_calls.h"
#include "kafka-proto/messages/leave_group.h"

namespace chronik::kafka {
namespace {

using Request = LeaveGroupRequest;
using Response = LeaveGroupResponse;

constexpr int16_t kSeveralMembers = 3;

group::LeaveRequest read_request(const Request& request, int16_t version) {
  group::LeaveRequest out;
  if (version < kSeveralMembers) {
    out.members.push_back({std::string(request.member_id), std::nullopt, std::nullopt});
    return out;
  }
  out.members.reserve(request.members.size());
  for (const Request::Member& each : request.members)
    out.members.push_back(
        {std::string(each.member_id), own_text(each.group_instance_id), own_text(each.reason)});
  return out;
}

void write_response(const group::LeaveResult& result, Response& out, int16_t version) {
  out.error_code = result.error;
  if (version < kSeveralMembers) {
    if (result.error == ErrorCode::kNone && !result.members.empty())
      out.error_code = result.members.front().error;
    return;
  }
  out.members.reserve(result.members.size());
  for (const group::LeaveResult::Member& member : result.members) {
    Response::Member& row = out.members.emplace_back();
    row.member_id = member.member_id;
    row.group_instance_id = member.instance_id;
    row.error_code = member.error;
  }
}

}  // namespace

template <>
void handle<LeaveGroup>(Broker& broker, Call<LeaveGroup> call) {
  const std::string id(call.request().group_id);
  group::LeaveRequest request = read_request(call.request(), call.version());
  const auto waiting = WaitingCall<LeaveGroup>::begin(broker.host, std::move(call));
  const auto answer = [waiting](group::LeaveResult result) {
    WaitingCall<LeaveGroup>::answer(waiting, std::move(result), write_response);
  };
  if (id.empty()) return answer({.error = ErrorCode::kInvalidGroupId, .members = {}});
  const auto shared = std::make_shared<group::LeaveRequest>(std::move(request));
  broker.groups->use(id, [id, shared, answer](ErrorCode error, GroupShard* groups) {
    if (groups == nullptr) return answer({.error = error, .members = {}});
    groups->leave(id, std::move(*shared), answer);
  });
}

}  // namespace chronik::kafka
