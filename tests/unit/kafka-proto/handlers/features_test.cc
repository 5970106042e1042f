// UpdateFeatures, and what ApiVersions says of features, over the wire.
#include "kafka-proto/messages/api_versions.h"
#include "kafka-proto/messages/update_features.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

class FeaturesTest : public ::testing::Test {
 protected:
  FeaturesTest() {
    broker.features.add("chronik.version", 1, 2, 1);
    broker.features.add("metadata.version", 7, 30, 0);
  }
  ApiVersionsResponse versions(int16_t version) {
    ApiVersionsRequest request;
    request.client_software_name = request.client_software_version = "a";
    return client.call<ApiVersions>(version, request);
  }
  static UpdateFeaturesRequest to(int16_t level, std::string_view feature = "chronik.version",
                                  int8_t type = 1) {
    UpdateFeaturesRequest request;
    UpdateFeaturesRequest::FeatureUpdate& update = request.feature_updates.emplace_back();
    update.feature = feature;
    update.max_version_level = level;
    update.upgrade_type = type;
    return request;
  }

  TestBroker broker;
  TestClient client = broker.client();
};

TEST_F(FeaturesTest, ApiVersionsHasWhatIsKnownAndWhatIsFinalized) {
  for (int16_t version = 0; version <= 4; ++version) {
    const ApiVersionsResponse response = versions(version);
    EXPECT_EQ(response.supported_features.size(), version < 3 ? 0u : 2u);
    EXPECT_EQ(response.finalized_features.size(), version < 3 ? 0u : 1u);  // level 0: not known yet
  }
  const ApiVersionsResponse before = versions(4);
  EXPECT_EQ(before.supported_features[1].name, "metadata.version");
  EXPECT_EQ(before.supported_features[1].min_version, 7);
  EXPECT_EQ(before.supported_features[1].max_version, 30);
  EXPECT_EQ(before.finalized_features[0].name, "chronik.version");
  EXPECT_EQ(before.finalized_features[0].max_version_level, 1);
  EXPECT_EQ(before.finalized_features[0].min_version_level, 1);
  EXPECT_GE(before.finalized_features_epoch, 0);
  EXPECT_EQ(client.call<UpdateFeatures>(2, to(2)).error_code, ErrorCode::kNone);
  const ApiVersionsResponse after = versions(3);
  EXPECT_EQ(after.finalized_features[0].max_version_level, 2);
  EXPECT_GT(after.finalized_features_epoch, before.finalized_features_epoch);
}

TEST_F(FeaturesTest, UpgradesInAllVersions) {
  for (int16_t version = 0; version <= 2; ++version) {
    const UpdateFeaturesResponse response = client.call<UpdateFeatures>(version, to(2));
    EXPECT_EQ(response.error_code, ErrorCode::kNone);
    EXPECT_FALSE(response.error_message.has_value());
    ASSERT_EQ(response.results.size(), version < 2 ? 1u : 0u);
    if (version < 2) {
      EXPECT_EQ(response.results[0].feature, "chronik.version");
      EXPECT_EQ(response.results[0].error_code, ErrorCode::kNone);
      EXPECT_EQ(response.results[0].error_message, "NONE");
    }
  }
  EXPECT_EQ(broker.features.level("chronik.version"), 2);
  UpdateFeaturesRequest down = to(1, "chronik.version", 3);
  down.feature_updates[0].allow_downgrade = true;  // which Kafka does not look at
  EXPECT_EQ(client.call<UpdateFeatures>(0, down).error_code, ErrorCode::kInvalidUpdateVersion);
  EXPECT_EQ(client.call<UpdateFeatures>(1, down).error_code, ErrorCode::kNone);
  EXPECT_EQ(broker.features.level("chronik.version"), 1);
  EXPECT_EQ(client.call<UpdateFeatures>(2, {}).error_code, ErrorCode::kNone);
}

TEST_F(FeaturesTest, AllOrNothingAndWhy) {
  broker.features.refuse("Node 3 is down");
  UpdateFeaturesRequest request = to(30, "metadata.version");
  request.feature_updates.push_back(to(2).feature_updates[0]);
  UpdateFeaturesResponse response = client.call<UpdateFeatures>(2, request);
  EXPECT_EQ(response.error_code, ErrorCode::kInvalidUpdateVersion);
  EXPECT_EQ(
      response.error_message,
      "The update failed for all features since the following feature had an error: Invalid update version "
      "30 for feature metadata.version. Node 3 is down");
  broker.features.refuse("");
  request.feature_updates[1].max_version_level = 9;
  response = client.call<UpdateFeatures>(1, request);
  EXPECT_EQ(response.error_code, ErrorCode::kInvalidUpdateVersion);
  EXPECT_NE(response.error_message->find("version 9 for feature chronik.version"), std::string_view::npos);
  EXPECT_TRUE(response.results.empty());
  EXPECT_EQ(broker.features.level("metadata.version"), 0);

  request.feature_updates[1].max_version_level = 2;
  request.validate_only = true;
  EXPECT_EQ(client.call<UpdateFeatures>(2, request).error_code, ErrorCode::kNone);
  EXPECT_EQ(broker.features.level("metadata.version"), 0);
  broker.metadata.answer_changes(CHR_E_TIMEOUT);
  EXPECT_EQ(client.call<UpdateFeatures>(2, request).error_code, ErrorCode::kRequestTimedOut);
}

}  // namespace
}  // namespace chronik::kafka::testing
