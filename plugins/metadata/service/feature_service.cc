#include "metadata/service/feature_service.h"

#include <chronik/plugin.hpp>

#include "metadata/catalog/features.h"

namespace chronik::metadata {

const chr_features_v1& FeatureService::table() {
  static constexpr chr_features_v1 kTable = {sizeof kTable, 1, thunk<&FeatureService::at>,
                                             thunk<&FeatureService::update>};
  return kTable;
}

chr_status FeatureService::at(chr_catalog* catalog, uint32_t i, chr_feature* out) {
  const std::span<const FeatureRange> known = known_features();
  if (i >= known.size()) return CHR_E_OUT_OF_RANGE;
  const Image& image = *reinterpret_cast<const Image*>(catalog);
  out->min = known[i].min;
  out->max = known[i].max;
  out->name = to_abi(known[i].name);
  out->level = image.cluster_id.empty() ? int16_t{0} : finalized_level(*image.records, known[i].name);
  return CHR_OK;
}

chr_status FeatureService::update(const chr_feature_update* items, uint32_t n, uint32_t validate_only,
                                  uint64_t timeout_ns, chr_change_result* results, uint64_t token,
                                  chr_error* error) {
  if (n > kMaxFeatures) return report(error, CHR_E_INVALID_ARGUMENT, "more features than there can be");
  UpdateFeatures body;
  for (uint32_t i = 0; i < n; ++i)
    body.items.push_back(
        {{}, std::string(from_abi(items[i].name).substr(0, kMaxNameBytes)), items[i].level, items[i].type});
  (*service_)->submit({std::move(body), validate_only != 0, timeout_ns, results, token});
  return CHR_PENDING;
}

}  // namespace chronik::metadata
