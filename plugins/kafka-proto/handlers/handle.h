// handle<Api>(): one for each API, each in a file of its own with Kafka's rules for it; table.cc lists them.
#pragma once

#include "kafka-proto/handlers/broker.h"
#include "kafka-proto/server/call.h"

namespace chronik::kafka {

// Called on the connection's shard; defined for each API that is served.
template <class Api>
void handle(Broker& broker, Call<Api> call);

}  // namespace chronik::kafka
