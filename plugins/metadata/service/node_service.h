// chronik.metadata.nodes/1 over the service.
#pragma once

#include <chronik/draft/nodes.h>

#include "metadata/service/service.h"

namespace chronik::metadata {

class NodeService {
 public:
  // The service comes with start().
  explicit NodeService(const std::unique_ptr<Service>* service) : service_(service) {}
  static const chr_nodes_v1& table();

  chr_status leave(int32_t node, uint64_t timeout_ns, chr_change_result* result, uint64_t token,
                   chr_error* error);

 private:
  const std::unique_ptr<Service>* const service_;
};

}  // namespace chronik::metadata
