// InitProducerId (22): a fresh producer id for an idempotent producer. Transactional ids come with the
// coordinator.
#include "kafka-proto/handlers/handlers.h"
#include "kafka-proto/server/producer_ids.h"

namespace chronik::kafka {

void handle_init_producer_id(Broker& broker, Call<InitProducerId> call) {
  if (call.request().transactional_id.has_value()) {
    InitProducerIdResponse response;
    // No coordinator is offered (FindCoordinator is not in ApiVersions), so this node can never be one.
    response.error_code =
        call.request().transactional_id->empty() ? ErrorCode::kInvalidRequest : ErrorCode::kNotCoordinator;
    return call.answer(response);
  }
  const auto shared = std::make_shared<Call<InitProducerId>>(std::move(call));
  broker.producer_ids->next([shared](ErrorCode error, int64_t id) {
    InitProducerIdResponse response;
    response.error_code = error;
    response.producer_id = id;
    response.producer_epoch = error == ErrorCode::kNone ? 0 : -1;
    shared->answer(response);
  });
}

}  // namespace chronik::kafka
