// Frames and headers: what a server reads first and a client gets back.
#include <gtest/gtest.h>

#include <vector>

#include "kafka-proto/messages/api_versions.h"
#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/messages/metadata.h"
#include "kafka-proto/wire/frame.h"

namespace chronik::kafka {
namespace {

using ByteVector = std::vector<uint8_t>;

// A frame as it stands on the connection, and the part behind its size.
struct Sent {
  explicit Sent(const OutFrame& frame) : bytes(frame.copy()) {}
  Bytes body() const { return Bytes(bytes).subspan(kFramePrefix); }
  Result<uint32_t> size(uint32_t limit = 1000) const {
    return frame_size(std::span<const uint8_t, kFramePrefix>(bytes.data(), kFramePrefix), limit);
  }
  ByteVector bytes;
};

TEST(Frame, SizeIsCheckedBeforeAnythingIsReceived) {
  const uint8_t negative[] = {0xff, 0, 0, 0};
  EXPECT_FALSE(frame_size(negative, 1000));
  const uint8_t large[] = {0, 0, 0x03, 0xe9};
  const auto refused = frame_size(large, 1000);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "frame of 1001 bytes exceeds the limit of 1000");
  EXPECT_EQ(frame_size(large, 1001).value(), 1001u);
}

TEST(Frame, RequestThereAndBack) {
  MetadataRequest request;
  request.topics.emplace().push_back({.topic_id = {}, .name = "orders"});
  for (int16_t version = MetadataRequest::kMinVersion; version <= MetadataRequest::kMaxVersion; ++version) {
    const Sent sent(encode_request(version, 77, "me", request));
    EXPECT_EQ(sent.size().value(), sent.bytes.size() - kFramePrefix);
    auto received = open_request(sent.body());
    ASSERT_TRUE(received) << received.error().message;
    EXPECT_TRUE(received->supported);
    EXPECT_EQ(received->api, &api_info(ApiKey::kMetadata));
    EXPECT_EQ(received->header.correlation_id, 77);
    EXPECT_EQ(received->header.client_id, "me");
    const auto decoded = MetadataRequest::decode(received->body, version);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(decoded->topics->at(0).name, "orders");
    EXPECT_EQ(received->body.remaining(), 0u);
  }
}

TEST(Frame, ResponseHeaderIsFlexibleFromTheSameVersionOn) {
  const Sent before(encode_response(8, 1, MetadataResponse()));
  const Sent from(encode_response(9, 1, MetadataResponse()));
  for (const auto& [sent, version] : {std::pair(&before, 8), std::pair(&from, 9)}) {
    auto received = open_response(sent->body(), api_info(ApiKey::kMetadata), static_cast<int16_t>(version));
    ASSERT_TRUE(received);
    EXPECT_EQ(received->correlation_id, 1);
    const auto decoded = MetadataResponse::decode(received->body, static_cast<int16_t>(version));
    EXPECT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(received->body.remaining(), 0u);
  }
}

TEST(Frame, ApiVersionsResponseHeaderIsNeverFlexible) {
  const ApiInfo& info = api_info(ApiKey::kApiVersions);
  EXPECT_EQ(info.request_header_version(3), 2);
  EXPECT_EQ(info.response_header_version(3), 0);
  const Sent sent(encode_response(3, 0x01020304, ApiVersionsResponse()));
  // Size, correlation id, error code, an empty compact array, throttle time, no tagged fields.
  EXPECT_EQ(sent.bytes, (ByteVector{0, 0, 0, 12, 1, 2, 3, 4, 0, 0, 1, 0, 0, 0, 0, 0}));
}

TEST(Frame, UnknownVersionsAndKeysStillHaveTheirHeader) {
  const Sent version(std::move([] {
    Writer out = begin_request(api_info(ApiKey::kApiVersions), 99, 5, "new");
    return std::move(out).finish_frame();
  }()));
  const auto newer = open_request(version.body());
  ASSERT_TRUE(newer) << newer.error().message;
  EXPECT_FALSE(newer->supported);
  ASSERT_NE(newer->api, nullptr);
  EXPECT_EQ(newer->header.request_api_version, 99);
  EXPECT_EQ(newer->header.correlation_id, 5);
  EXPECT_EQ(newer->header.client_id, "new");

  const ByteVector key = {0x7f, 0, 0, 1, 0, 0, 0, 6};  // and nothing behind the correlation id
  const auto unknown = open_request(key);
  ASSERT_TRUE(unknown) << unknown.error().message;
  EXPECT_EQ(unknown->api, nullptr);
  EXPECT_FALSE(unknown->supported);
  EXPECT_EQ(unknown->header.correlation_id, 6);
  EXPECT_EQ(unknown->header.request_api_key, 0x7f00);
}

TEST(Frame, CutHeadersAreErrors) {
  const Sent sent(encode_request(12, 7, "client", FetchRequest()));
  const size_t header = 2 + 2 + 4 + 2 + 6 + 1;
  for (size_t n = 0; n < header; ++n) {
    const ByteVector cut(sent.body().begin(), sent.body().begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_FALSE(open_request(cut)) << n;
  }
  EXPECT_TRUE(open_request(sent.body().first(header)));
}

TEST(ApiTable, IsSortedAndFindsEveryKey) {
  int16_t previous = -1;
  for (const ApiInfo& api : all_apis()) {
    EXPECT_GT(api.key, previous);
    previous = api.key;
    EXPECT_EQ(find_api(api.key), &api);
    EXPECT_LE(api.min_version, api.max_version);
  }
  EXPECT_EQ(find_api(-1), nullptr);
  EXPECT_EQ(find_api(999), nullptr);
  EXPECT_EQ(api_info(ApiKey::kProduce).min_version, 3);
  EXPECT_EQ(api_info(ApiKey::kProduce).name, "Produce");
}

}  // namespace
}  // namespace chronik::kafka
