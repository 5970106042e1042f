// InitProducerId (22): a fresh producer id for an idempotent producer.
// Transactional ids come with the coordinator.
#include "kafka-proto/messages/init_producer_id.h"
#include "kafka-proto/cluster/producer_ids.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/records/batch.h"

namespace chronik::kafka {

namespace {

// What a request comes to without an id; NONE: it gets one.
ErrorCode check(const InitProducerIdRequest& request) {
  if ((request.producer_id == kNoProducerId) != (request.producer_epoch == kNoProducerEpoch))
    return ErrorCode::kInvalidRequest;
  if (!request.transactional_id.has_value()) return ErrorCode::kNone;
  // No transactional id has a coordinator yet (FindCoordinator says so), so this node is none.
  return request.transactional_id->empty() ? ErrorCode::kInvalidRequest : ErrorCode::kNotCoordinator;
}

}  // namespace

template <>
void handle<InitProducerId>(Broker& broker, Call<InitProducerId> call) {
  if (const ErrorCode error = check(call.request()); error != ErrorCode::kNone) {
    InitProducerIdResponse response;
    response.error_code = error;
    response.producer_epoch = kNoProducerEpoch;
    return call.answer(response);
  }
  const auto shared = std::make_shared<Call<InitProducerId>>(std::move(call));
  broker.producer_ids->next([shared](ErrorCode error, int64_t id) {
    InitProducerIdResponse response;
    response.error_code = error;
    response.producer_id = id;
    response.producer_epoch = error == ErrorCode::kNone ? int16_t{0} : kNoProducerEpoch;
    shared->answer(response);
  });
}

}  // namespace chronik::kafka
