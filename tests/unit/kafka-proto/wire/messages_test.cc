// Every version of every message, with random values: what was encoded decodes to the same, and nothing that
// is cut, altered or invented does any harm.
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "kafka-proto/wire/reader.h"
#include "kafka-proto/wire/writer.h"
#include "message_fixtures.h"

namespace chronik::kafka {
namespace {

using ByteVector = std::vector<uint8_t>;

constexpr uint64_t kSeed = 41;
constexpr int kRounds = 8;

template <class M>
ByteVector encoded(const M& message, int16_t version) {
  Writer out;
  message.encode(out, version);
  return std::move(out).finish().copy();
}

// Calls check(bytes, message, version) with random messages of every version.
template <class M, class Check>
void for_each_version(Check&& check) {
  for (int16_t version = M::kMinVersion; version <= M::kMaxVersion; ++version) {
    for (int round = 0; round < kRounds; ++round) {
      const uint64_t seed = kSeed + static_cast<uint64_t>(round) * 1000 + static_cast<uint64_t>(version);
      SCOPED_TRACE(std::string(M::kName) + " v" + std::to_string(version) + " seed " + std::to_string(seed));
      Random random(seed);
      M message;
      randomize(random, version, message);
      check(encoded(message, version), message, version);
    }
  }
}

// The bytes in a block of exactly their size, so that the sanitizers see the first byte read beyond them.
ByteVector exact(const ByteVector& bytes, size_t n) {
  return ByteVector(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
}

TEST(Messages, RoundTrip) {
  size_t messages = 0;
  for_each_message([&]<class M>() {
    ++messages;
    for_each_version<M>([](const ByteVector& bytes, const M& message, int16_t version) {
      Reader in(bytes);
      const Result<M> decoded = M::decode(in, version);
      ASSERT_TRUE(decoded) << decoded.error().message;
      EXPECT_EQ(in.remaining(), 0u);
      EXPECT_TRUE(*decoded == message);
      EXPECT_EQ(encoded(*decoded, version), bytes);
    });
  });
  EXPECT_GE(messages, 28u);
}

TEST(Messages, EveryPrefixIsAnError) {
  for_each_message([]<class M>() {
    for_each_version<M>([](const ByteVector& bytes, const M&, int16_t version) {
      for (size_t n = 0; n < bytes.size(); ++n) {
        const ByteVector cut = exact(bytes, n);
        Reader in(cut);
        const Result<M> decoded = M::decode(in, version);
        ASSERT_FALSE(decoded) << "the first " << n << " of " << bytes.size() << " bytes";
        ASSERT_EQ(decoded.error().code, Code::kCorrupt);
        ASSERT_NE(decoded.error().message.find(": field "), std::string::npos) << decoded.error().message;
      }
    });
  });
}

// Whatever decodes out of altered bytes must encode again, and decode from that to the same.
template <class M>
void decode_and_recode(const ByteVector& bytes, int16_t version) {
  Reader in(bytes);
  const Result<M> decoded = M::decode(in, version);
  if (!decoded) return;
  const ByteVector again = encoded(*decoded, version);
  Reader second(again);
  const Result<M> redecoded = M::decode(second, version);
  ASSERT_TRUE(redecoded) << redecoded.error().message;
  EXPECT_EQ(second.remaining(), 0u);
  EXPECT_EQ(encoded(*redecoded, version), again);
}

TEST(Messages, AlteredBytesDoNoHarm) {
  Random random(kSeed);
  for_each_message([&]<class M>() {
    for_each_version<M>([&](const ByteVector& bytes, const M&, int16_t version) {
      for (int i = 0; i < 40 && !bytes.empty(); ++i) {
        ByteVector altered = bytes;
        const size_t at = random.below(altered.size());
        const uint8_t hostile[] = {0x00, 0x01, 0x7f, 0x80, 0xff, static_cast<uint8_t>(random.next())};
        for (size_t j = at; j < altered.size() && j < at + 1 + random.below(4); ++j) {
          altered[j] = hostile[random.below(std::size(hostile))];
        }
        decode_and_recode<M>(altered, version);
      }
    });
  });
}

TEST(Messages, RandomBytesDoNoHarm) {
  Random random(kSeed);
  for_each_message([&]<class M>() {
    for (int16_t version = M::kMinVersion; version <= M::kMaxVersion; ++version) {
      for (int i = 0; i < 200; ++i) {
        ByteVector bytes(random.below(64));
        for (uint8_t& byte : bytes)
          byte = random.chance(2) ? uint8_t{0} : static_cast<uint8_t>(random.next());
        decode_and_recode<M>(bytes, version);
      }
    }
  });
}

TEST(Messages, UnknownTaggedFieldsAreSkipped) {
  // A flexible message ends with its own tagged fields. Where it has none, one more can be appended.
  size_t tried = 0;
  for_each_message([&]<class M>() {
    const int16_t version = M::kMaxVersion;
    if (version < M::kFlexibleFrom) return;
    const M message;
    ByteVector bytes = encoded(message, version);
    ASSERT_EQ(bytes.back(), 0) << M::kName;
    bytes.back() = 1;
    for (const uint8_t byte : ByteVector{100, 3, 1, 2, 3}) bytes.push_back(byte);
    Reader in(bytes);
    const Result<M> decoded = M::decode(in, version);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(in.remaining(), 0u);
    EXPECT_TRUE(*decoded == message) << M::kName;
    ++tried;
  });
  EXPECT_GE(tried, 28u);
}

TEST(Messages, VersionsOutsideOfTheRangeAreRefused) {
  for_each_message([]<class M>() {
    const ByteVector bytes(64, 0);
    for (const int16_t version :
         {static_cast<int16_t>(M::kMinVersion - 1), static_cast<int16_t>(M::kMaxVersion + 1)}) {
      Reader in(bytes);
      const Result<M> decoded = M::decode(in, version);
      ASSERT_FALSE(decoded);
      EXPECT_EQ(decoded.error().code, Code::kUnsupported);
    }
  });
}

TEST(Messages, FieldsOfOtherVersionsHaveKafkasDefaults) {
  FetchRequest request;
  request.session_epoch = 5;  // from version 7 on
  request.rack_id = "r1";     // from version 11 on
  const ByteVector bytes = encoded(request, 4);
  Reader in(bytes);
  const Result<FetchRequest> decoded = FetchRequest::decode(in, 4);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->session_epoch, -1);
  EXPECT_EQ(decoded->rack_id, "");
  EXPECT_EQ(decoded->max_bytes, 0x7fffffff);
  EXPECT_FALSE(decoded->cluster_id);
  EXPECT_TRUE(FetchRequest::Partition().high_watermark == std::numeric_limits<int64_t>::max());
  EXPECT_TRUE(MetadataRequest().allow_auto_topic_creation);
}

}  // namespace
}  // namespace chronik::kafka
