// Heartbeat (12): a member of a classic group is alive, and hears of a rebalance. Never waits for what is written.
#include <utility>

#include "kafka-proto/group/coordinator.h"
#include "kafka-proto/handlers/group_calls.h"
#include "kafka-proto/messages/heartbeat.h"

namespace chronik::kafka {

template <>
void handle<Heartbeat>(Broker& broker, Call<Heartbeat> call) {
  const auto shared = std::make_shared<Call<Heartbeat>>(std::move(call));
  const auto answer = [shared](ErrorCode error) {
    HeartbeatResponse response;
    response.error_code = error;
    shared->answer(response);
  };
  const HeartbeatRequest& request = shared->request();
  if (request.group_id.empty()) return answer(ErrorCode::kInvalidGroupId);
  broker.groups->use(request.group_id, [shared, answer](ErrorCode error, GroupShard* groups) {
    // As Kafka: a member that beats on while its group comes up keeps its assignment.
    if (error == ErrorCode::kCoordinatorLoadInProgress) return answer(ErrorCode::kNone);
    if (groups == nullptr) return answer(error);
    const HeartbeatRequest& beat = shared->request();
    answer(groups->heartbeat(
        beat.group_id, {std::string(beat.member_id), own_text(beat.group_instance_id), beat.generation_id}));
  });
}

}  // namespace chronik::kafka
