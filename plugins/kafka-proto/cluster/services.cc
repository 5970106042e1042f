#include "kafka-proto/cluster/services.h"

namespace chronik::kafka {

Status Services::find() {
  const auto acquire = [this]<class Table>(Service<Table>& service, const char* id) {
    service.table = host.acquire<Table>(id, &service.self);
  };
  net = host.find<chr_net_v1>(CHR_NET_ID);
  link = host.find<chr_link_v1>(CHR_LINK_ID);
  metadata = chronik::Metadata::acquire(host).value_or(chronik::Metadata());
  consensus = chronik::Consensus::acquire(host).value_or(chronik::Consensus());
  storage = chronik::Storage::acquire(host).value_or(chronik::Storage());
  acquire(records, CHR_RECORDS_ID);
  acquire(features, CHR_FEATURES_ID);
  acquire(liveness, CHR_LIVENESS_ID);
  acquire(topic_changes, CHR_TOPIC_CHANGES_ID);
  acquire(nodes, CHR_NODES_ID);
  acquire(groups, CHR_GROUPS_ID);
  acquire(throttle, CHR_THROTTLE_ID);
  acquire(streams, CHR_STATE_MACHINE_STREAM_ID);
  if (net == nullptr || !metadata || !consensus)
    return fail(Code::kUnavailable, "needs a network, chronik.metadata/1 and chronik.consensus/1");
  return {};
}

}  // namespace chronik::kafka
