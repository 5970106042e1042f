#include "metadata/service/node_service.h"

#include <chronik/plugin.hpp>

namespace chronik::metadata {

const chr_nodes_v1& NodeService::table() {
  static constexpr chr_nodes_v1 kTable = {sizeof kTable, 1, thunk<&NodeService::leave>};
  return kTable;
}

chr_status NodeService::leave(int32_t node, uint64_t timeout_ns, chr_change_result* result, uint64_t token,
                              chr_error*) {
  NodeChange change;
  change.node = node;
  change.action = NodeAction::kLeave;
  (*service_)->submit({ChangeNodes{{std::move(change)}}, false, timeout_ns, result, token});
  return CHR_PENDING;
}

}  // namespace chronik::metadata
