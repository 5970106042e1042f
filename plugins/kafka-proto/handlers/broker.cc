#include "kafka-proto/handlers/broker.h"

#include "kafka-proto/cluster/producer_ids.h"
#include "kafka-proto/coordinator/internal_topic.h"
#include "kafka-proto/group/coordinator.h"
#include "kafka-proto/handlers/fetch_sessions.h"
#include "kafka-proto/partition/directory.h"
#include "kafka-proto/partition/elections.h"

namespace chronik::kafka {

Broker::Broker(const Host& h) : Services(h), config(h) {}
Broker::~Broker() = default;

}  // namespace chronik::kafka
