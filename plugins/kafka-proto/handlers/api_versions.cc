// ApiVersions (18): what this server serves, straight from the table of handlers (KIP-35, KIP-511).
#include <algorithm>

#include "kafka-proto/handlers/broker.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/handlers/table.h"
#include "kafka-proto/messages/api_versions.h"

namespace chronik::kafka {
namespace {

constexpr int16_t kFeaturesFromZero = 4;

// As Kafka checks them: letters, digits, '-' and '.', beginning and ending with a letter or digit.
bool legal_software(std::string_view text) {
  const auto alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && alnum(text.front()) && alnum(text.back()) &&
         std::ranges::all_of(text, [&](char c) { return alnum(c) || c == '-' || c == '.'; });
}

// The epoch grows with each change of the catalog, as Kafka's does. Before a node knows its catalog nothing
// is finalized that clients could rely on.
// Clients of before version 4 take no feature that begins at 0 (KIP-1022).
void add_features(const Catalog& catalog, int16_t version, ApiVersionsResponse& response) {
  const int16_t lowest = version >= kFeaturesFromZero ? 0 : 1;
  for (const chr_feature& feature : catalog.features()) {
    response.supported_features.push_back(
        {from_abi(feature.name), std::max(feature.min, lowest), feature.max});
    if (feature.level == 0) continue;
    response.finalized_features.push_back({from_abi(feature.name), feature.level, feature.level});
    response.finalized_features_epoch = static_cast<int64_t>(catalog.version());
  }
}

}  // namespace

template <>
void handle<ApiVersions>(Broker& broker, Call<ApiVersions> call) {
  ApiVersionsResponse response;
  const ApiVersionsRequest& request = call.request();
  if (call.version() >= 3 &&
      (!legal_software(request.client_software_name) || !legal_software(request.client_software_version))) {
    response.error_code = ErrorCode::kInvalidRequest;
    return call.answer(response);
  }
  for (const ApiEntry& api : api_entries())
    response.api_keys.push_back({static_cast<int16_t>(api.key), api.listed_min, api.max_version});
  const Catalog catalog(broker);
  add_features(catalog, call.version(), response);
  call.answer(response);
}

}  // namespace chronik::kafka
