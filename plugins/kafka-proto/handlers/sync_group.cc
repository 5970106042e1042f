// SyncGroup (14): a member of a classic group asks what it was assigned. It waits for the leader, which brings the
// assignments of all.
#include <utility>

#include "kafka-proto/group/coordinator.h"
#include "kafka-proto/handlers/group_calls.h"
#include "kafka-proto/messages/sync_group.h"

namespace chronik::kafka {
namespace {

using Request = SyncGroupRequest;
using Response = SyncGroupResponse;

constexpr int16_t kNamesProtocol = 5;  // from here on a member must say what it has joined with

group::SyncRequest read_request(const Request& request) {
  group::SyncRequest out;
  out.member_id = request.member_id;
  out.instance_id = own_text(request.group_instance_id);
  out.generation = request.generation_id;
  out.protocol_type = own_text(request.protocol_type);
  out.protocol = own_text(request.protocol_name);
  out.assignments.reserve(request.assignments.size());
  for (const Request::Assignment& each : request.assignments)
    out.assignments.push_back({std::string(each.member_id), as_text(each.assignment)});
  return out;
}

void write_response(const group::SyncResult& result, Response& out, int16_t) {
  out.error_code = result.error;
  out.protocol_type = result.protocol_type;
  out.protocol_name = result.protocol;
  out.assignment = as_bytes(result.assignment);
}

}  // namespace

template <>
void handle<SyncGroup>(Broker& broker, Call<SyncGroup> call) {
  const std::string id(call.request().group_id);
  const bool names_protocol = call.version() < kNamesProtocol || (call.request().protocol_type.has_value() &&
                                                                  call.request().protocol_name.has_value());
  group::SyncRequest request = read_request(call.request());
  const auto waiting = WaitingCall<SyncGroup>::begin(broker.host, std::move(call));
  const auto answer = [waiting](group::SyncResult result) {
    WaitingCall<SyncGroup>::answer(waiting, std::move(result), write_response);
  };
  if (!names_protocol) return answer({.error = ErrorCode::kInconsistentGroupProtocol});
  if (id.empty()) return answer({.error = ErrorCode::kInvalidGroupId});
  const auto shared = std::make_shared<group::SyncRequest>(std::move(request));
  broker.groups->use(id, [id, shared, answer](ErrorCode error, GroupShard* groups) {
    if (groups == nullptr) return answer({.error = error});
    groups->sync(id, std::move(*shared), answer);
  });
}

}  // namespace chronik::kafka
