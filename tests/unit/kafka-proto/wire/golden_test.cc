// Our codec against bytes that Apache Kafka itself wrote (tests/golden/kafka-proto/make_golden.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "kafka-proto/wire/reader.h"
#include "kafka-proto/wire/writer.h"
#include "message_fixtures.h"
#include "tests/unit/source_tree.h"

namespace chronik::kafka {
namespace {

using ByteVector = std::vector<uint8_t>;

ByteVector from_hex(const std::string& hex) {
  ByteVector bytes(hex.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto [end, error] = std::from_chars(hex.data() + i * 2, hex.data() + i * 2 + 2, bytes[i], 16);
    EXPECT_EQ(error, std::errc()) << hex;
  }
  return bytes;
}

// The words of every line of a golden file, comments left out.
std::vector<std::vector<std::string>> golden_lines(const std::string& name) {
  std::ifstream file(in_source_tree("tests/golden/kafka-proto/" + name));
  EXPECT_TRUE(file.is_open()) << name;
  std::vector<std::vector<std::string>> lines;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    lines.emplace_back();
    for (std::string word; words >> word;) lines.back().push_back(word);
  }
  return lines;
}

template <class M>
void recode(int16_t version, const ByteVector& bytes) {
  Reader in(bytes);
  const Result<M> decoded = M::decode(in, version);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(in.remaining(), 0u);
  Writer out;
  decoded->encode(out, version);
  EXPECT_EQ(std::move(out).finish().copy(), bytes);
}

TEST(Golden, KafkasBytesDecodeAndEncodeToThemselves) {
  std::map<std::string, std::function<void(int16_t, const ByteVector&)>> recoders;
  std::set<std::pair<std::string, int16_t>> missing;
  for_each_message([&]<class M>() {
    recoders[std::string(M::kName)] = recode<M>;
    for (int16_t v = M::kMinVersion; v <= M::kMaxVersion; ++v) missing.emplace(M::kName, v);
  });
  std::vector<std::vector<std::string>> lines = golden_lines("kafka-bytes.txt");
  std::ranges::copy(golden_lines("kafka-record-bytes.txt"), std::back_inserter(lines));
  for (const auto& words : lines) {
    const auto version = static_cast<int16_t>(std::stoi(words[1]));
    const std::string hex = words.size() > 2 ? words[2] : "";  // ApiVersionsRequest v0 has no bytes at all
    SCOPED_TRACE(words[0] + " v" + words[1] + " " + hex);
    ASSERT_TRUE(recoders.contains(words[0]));
    recoders[words[0]](version, from_hex(hex));
    missing.erase({words[0], version});
  }
  for (const auto& [name, version] : missing)
    ADD_FAILURE() << "no golden bytes for " << name << " v" << version;
}

// The golden bytes with this label, decoded.
class Named {
 public:
  explicit Named(const std::string& label) {
    for (const auto& words : golden_lines("named-bytes.txt")) {
      if (words[0] != label) continue;
      version_ = static_cast<int16_t>(std::stoi(words[2]));
      bytes_ = from_hex(words[3]);
    }
  }
  template <class M>
  M decode() const {
    Reader in(bytes_);
    Result<M> decoded = M::decode(in, version_);
    EXPECT_TRUE(decoded) << decoded.error().message;
    return decoded ? *decoded : M();
  }

 private:
  int16_t version_ = -1;
  ByteVector bytes_;
};

std::string text(Bytes bytes) { return std::string(bytes.begin(), bytes.end()); }

TEST(Golden, RequestHeader) {
  const Named named("request-header");
  const auto header = named.decode<RequestHeader>();
  EXPECT_EQ(header.request_api_key, 1);
  EXPECT_EQ(header.request_api_version, 17);
  EXPECT_EQ(header.correlation_id, 7);
  EXPECT_EQ(header.client_id, "console");
}

TEST(Golden, ProduceRequest) {
  const Named named("produce-request");
  const auto request = named.decode<ProduceRequest>();
  EXPECT_FALSE(request.transactional_id);
  EXPECT_EQ(request.acks, -1);
  EXPECT_EQ(request.timeout_ms, 1500);
  ASSERT_EQ(request.topic_data.size(), 1u);
  EXPECT_EQ(request.topic_data[0].name, "orders");
  ASSERT_EQ(request.topic_data[0].partition_data.size(), 1u);
  EXPECT_EQ(request.topic_data[0].partition_data[0].index, 3);
  EXPECT_EQ(text(request.topic_data[0].partition_data[0].records.bytes()), std::string("\0\1\2\3\4", 5));
}

TEST(Golden, ProduceResponse) {
  const Named named("produce-response");
  const auto response = named.decode<ProduceResponse>();
  const auto& partition = response.responses.at(0).partition_responses.at(0);
  EXPECT_EQ(partition.index, 3);
  EXPECT_EQ(partition.error_code, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(partition.base_offset, -1);
  EXPECT_EQ(partition.current_leader.leader_id, 2);
  EXPECT_EQ(partition.current_leader.leader_epoch, 9);
  EXPECT_EQ(response.node_endpoints.at(0).host, "b");
  EXPECT_EQ(response.node_endpoints.at(0).port, 9092);
}

TEST(Golden, FetchResponse) {
  const Named named("fetch-response");
  const auto response = named.decode<FetchResponse>();
  EXPECT_EQ(response.throttle_time_ms, 5);
  const auto& partition = response.responses.at(0).partitions.at(0);
  EXPECT_EQ(partition.high_watermark, 12);
  EXPECT_EQ(partition.last_stable_offset, 11);
  EXPECT_EQ(partition.aborted_transactions.value().at(0).producer_id, 1000);
  EXPECT_EQ(partition.aborted_transactions.value().at(0).first_offset, 4);
  EXPECT_EQ(text(partition.records.bytes()), "records");
}

TEST(Golden, MetadataRequest) {
  const Named named("metadata-request");
  const auto request = named.decode<MetadataRequest>();
  EXPECT_FALSE(request.topics) << "null asks for all topics";
  EXPECT_FALSE(request.allow_auto_topic_creation);
  EXPECT_TRUE(request.include_topic_authorized_operations);
}

}  // namespace
}  // namespace chronik::kafka
