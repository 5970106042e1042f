// UpdateFeatures (57): finalizes the levels of features, all of the request or none (KIP-584, KIP-778). In
// version 0 nothing can be downgraded: Kafka does not look at its allow_downgrade.
#include <fmt/format.h>

#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/update_features.h"

namespace chronik::kafka {
namespace {

struct UpdateFeaturesJob {
  explicit UpdateFeaturesJob(Call<UpdateFeatures> c) : call(std::move(c)) {}
  Call<UpdateFeatures> call;
  std::vector<chr_feature_update> items;
  std::vector<chr_change_result> results;
};

void refuse(UpdateFeaturesJob& job, ErrorCode error, const std::string& message) {
  UpdateFeaturesResponse response;
  response.error_code = error;
  response.error_message = message;
  job.call.answer(response);
}

void finish_job(UpdateFeaturesJob& job, chr_status overall) {
  if (overall != CHR_OK)
    return refuse(job, change_error(overall, ErrorCode::kUnknownServerError, ErrorCode::kInvalidRequest),
                  overall == CHR_E_INVALID_ARGUMENT ? "there are not so many features"
                                                    : "the leader of the catalog did not answer in time");
  for (size_t i = 0; i < job.results.size(); ++i) {
    const chr_change_result& result = job.results[i];
    if (result.code == CHR_OK || result.code == CHR_E_CONFLICT) continue;
    const chr_feature_update& asked = job.items[i];
    return refuse(job, ErrorCode::kInvalidUpdateVersion,
                  fmt::format("The update failed for all features since the following feature had an error: "
                              "Invalid update version {} for feature {}. {}",
                              asked.level, from_abi(asked.name), result.message));
  }
  UpdateFeaturesResponse response;
  response.error_message = std::nullopt;
  for (const UpdateFeaturesRequest::FeatureUpdate& asked : job.call.request().feature_updates) {
    UpdateFeaturesResponse::Updated& row = job.call.room().row(response.results);
    row.feature = asked.feature;
    row.error_message = "NONE";  // Kafka's word for it
  }
  job.call.answer(response);
}

}  // namespace

template <>
void handle<UpdateFeatures>(Broker& broker, Call<UpdateFeatures> call) {
  const auto job = std::make_shared<UpdateFeaturesJob>(std::move(call));
  const UpdateFeaturesRequest& request = job->call.request();
  const Service<chr_features_v1>& features = broker.features;
  if (features.table == nullptr)
    return refuse(*job, ErrorCode::kInvalidRequest, "the catalog of this node has no feature levels");
  // mutant features_compared: for (const UpdateFeaturesRequest::FeatureUpdate& asked :
  //     request.feature_updates) if ([&] { for (const chr_feature_update& item : job->items) if
  //     (from_abi(item.name) == asked.feature) return false; return true; }())
  //     job->items.push_back({to_abi(asked.feature), asked.max_version_level, asked.upgrade_type, 0});
  for (const UpdateFeaturesRequest::FeatureUpdate& asked : request.feature_updates)
    job->items.push_back({to_abi(asked.feature), asked.max_version_level, asked.upgrade_type, 0});
  job->results.resize(job->items.size());
  const chr_status status = broker.host.async(
      [&](uint64_t token) {
        return features.table->update(features.self, job->items.data(),
                                      static_cast<uint32_t>(job->items.size()), request.validate_only ? 1 : 0,
                                      timeout_ns(request.timeout_ms), job->results.data(), token, nullptr);
      },
      [job](const chr_done& done) { finish_job(*job, done.code); });
  if (status != CHR_PENDING) finish_job(*job, status);
}

}  // namespace chronik::kafka
