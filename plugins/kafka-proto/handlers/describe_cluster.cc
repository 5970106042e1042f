// DescribeCluster (60): the brokers (KIP-700, KIP-919).
#include <algorithm>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/describe_cluster.h"

namespace chronik::kafka {

template <>
void handle<DescribeCluster>(Broker& broker, Call<DescribeCluster> call) {
  constexpr int8_t kBrokers = 1;
  constexpr int8_t kControllers = 2;
  const DescribeClusterRequest& request = call.request();
  DescribeClusterResponse response;
  response.endpoint_type = kBrokers;
  if (request.endpoint_type != kBrokers) {
    response.error_code = request.endpoint_type == kControllers ? ErrorCode::kMismatchedEndpointType
                                                                : ErrorCode::kUnsupportedEndpointType;
    response.error_message = request.endpoint_type == kControllers
                                 ? "this listener describes brokers (endpoint type 1), not controllers"
                                 : "this endpoint type is unknown; brokers are 1";
    return call.answer(response);
  }
  const Catalog catalog(broker);
  response.cluster_id = catalog.cluster_id();
  const std::vector<chr_broker> usable = usable_brokers(broker, catalog);
  response.controller_id = controller_of(broker, catalog, usable);
  for (const chr_broker& b : request.include_fenced_brokers ? catalog.brokers() : usable) {
    const bool fenced = std::ranges::find(usable, b.id, &chr_broker::id) == usable.end();
    if (b.host.n == 0) continue;
    DescribeClusterResponse::Broker out;
    out.broker_id = b.id;
    out.is_fenced = fenced;
    out.host = from_abi(b.host);
    out.port = b.port;
    if (b.rack.n != 0) out.rack = from_abi(b.rack);
    response.brokers.push_back(out);
  }
  if (request.include_cluster_authorized_operations)
    response.cluster_authorized_operations = kClusterOperations;
  call.answer(response);
}

}  // namespace chronik::kafka
