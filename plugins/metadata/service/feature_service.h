// chronik.metadata.features/1 over the service.
#pragma once

#include <chronik/draft/features.h>

#include "metadata/service/service.h"

namespace chronik::metadata {

class FeatureService {
 public:
  // The service comes with start().
  explicit FeatureService(const std::unique_ptr<Service>* service) : service_(service) {}
  static const chr_features_v1& table();

  chr_status at(chr_catalog* catalog, uint32_t i, chr_feature* out);
  chr_status update(const chr_feature_update* items, uint32_t n, uint32_t validate_only, uint64_t timeout_ns,
                    chr_change_result* results, uint64_t token, chr_error* error);

 private:
  const std::unique_ptr<Service>* const service_;
};

}  // namespace chronik::metadata
