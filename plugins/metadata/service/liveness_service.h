// chronik.metadata.liveness/1 over the service.
#pragma once

#include <chronik/draft/liveness.h>

#include "metadata/service/service.h"

namespace chronik::metadata {

class LivenessService {
 public:
  // The service comes with start().
  explicit LivenessService(const std::unique_ptr<Service>* service) : service_(service) {}
  static const chr_liveness_v1& table();

  uint32_t is_up(int32_t node) { return (*service_)->is_up(node) ? 1 : 0; }

 private:
  const std::unique_ptr<Service>* const service_;
};

}  // namespace chronik::metadata
