// JoinGroup (11): a member takes part in the next generation of its classic group. It waits for the other members.
#include <fmt/format.h>

#include <utility>

#include "kafka-proto/group/coordinator.h"
#include "kafka-proto/handlers/group_calls.h"
#include "kafka-proto/messages/join_group.h"

namespace chronik::kafka {
namespace {

using Request = JoinGroupRequest;
using Response = JoinGroupResponse;

constexpr int16_t kRebalanceTimeout = 1;  // before, the session timeout is also that
constexpr int16_t kKnownMember = 4;
constexpr int16_t kNoProtocol = 7;  // from here on an answer may say that there is none
constexpr int16_t kSkipsAssignment = 9;
constexpr size_t kMaxLogged = 255;  // of a name that a client has chosen

group::JoinRequest read_request(const Broker& broker, const Call<JoinGroup>& call) {
  const Request& request = call.request();
  const int16_t version = call.version();
  group::JoinRequest out;
  out.member_id = request.member_id;
  out.instance_id = own_text(request.group_instance_id);
  out.client_id = call.client_id();
  out.client_host = client_host(call.peer());
  out.protocol_type = request.protocol_type;
  out.protocols.reserve(request.protocols.size());
  for (const Request::Protocol& each : request.protocols)
    out.protocols.push_back({std::string(each.name), as_text(each.metadata)});
  out.session_timeout_ms = request.session_timeout_ms;
  out.rebalance_timeout_ms =
      version >= kRebalanceTimeout ? request.rebalance_timeout_ms : request.session_timeout_ms;
  out.requires_known_member = version >= kKnownMember;
  out.supports_skipping_assignment = version >= kSkipsAssignment;
  if (out.member_id.empty())
    out.new_member_id = new_member_id(broker.host, out.instance_id.value_or(out.client_id));
  return out;
}

// What a group would keep of its protocols.
size_t member_bytes(const Request& request) {
  size_t bytes = 0;
  for (const Request::Protocol& each : request.protocols)
    bytes += sizeof(group::Protocol) + each.name.size() + each.metadata.size();
  return bytes;
}

bool is_too_large(const Broker& broker, const Call<JoinGroup>& call) {
  const size_t bytes = member_bytes(call.request());
  const int32_t limit = broker.config.groups.classic.max_member_bytes;
  if (std::cmp_less_equal(bytes, limit)) return false;
  broker.host.warn("A JoinGroup is refused: it says more of its member than kafka.group_max_member_bytes",
                   fmt::format("peer={} group={} bytes={} limit={}", call.peer(),
                               call.request().group_id.substr(0, kMaxLogged), bytes, limit));
  return true;
}

void write_response(const group::JoinResult& result, Response& out, int16_t version) {
  out.error_code = result.error;
  out.generation_id = result.generation;
  out.protocol_type = result.protocol_type;
  out.protocol_name = result.protocol;
  if (result.protocol.value_or("").empty())  // as Kafka: one without a name is none
    out.protocol_name = version < kNoProtocol ? std::optional<std::string_view>("") : std::nullopt;
  out.leader = result.leader;
  out.skip_assignment = result.skip_assignment;
  out.member_id = result.member_id;
  out.members.reserve(result.members.size());
  for (const group::JoinResult::Member& member : result.members) {
    Response::Member& row = out.members.emplace_back();
    row.member_id = member.member_id;
    row.group_instance_id = member.instance_id;
    row.metadata = as_bytes(member.metadata);
  }
}

}  // namespace

template <>
void handle<JoinGroup>(Broker& broker, Call<JoinGroup> call) {
  if (is_too_large(broker, call)) {
    JoinGroupResponse response;
    response.error_code = ErrorCode::kPolicyViolation;
    response.member_id = call.request().member_id;
    if (call.version() < kNoProtocol) response.protocol_name = "";
    return call.answer(response);
  }
  const std::string id(call.request().group_id);
  group::JoinRequest request = read_request(broker, call);
  const auto waiting = WaitingCall<JoinGroup>::begin(broker.host, std::move(call));
  const auto answer = [waiting](group::JoinResult result) {
    WaitingCall<JoinGroup>::answer(waiting, std::move(result), write_response);
  };
  if (id.empty())
    return answer({.error = ErrorCode::kInvalidGroupId, .member_id = std::move(request.member_id)});
  const auto shared = std::make_shared<group::JoinRequest>(std::move(request));
  broker.groups->use(id, [id, shared, answer](ErrorCode error, GroupShard* groups) {
    if (groups == nullptr) return answer({.error = error, .member_id = std::move(shared->member_id)});
    groups->join(id, std::move(*shared), answer);
  });
}

}  // namespace chronik::kafka
