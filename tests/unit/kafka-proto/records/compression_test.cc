#include "kafka-proto/records/compression.h"
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "records/records_testing.h"

namespace chronik::kafka {
namespace {

using namespace testing;

constexpr std::array kCodecs = {Compression::kGzip, Compression::kSnappy, Compression::kLz4,
                                Compression::kZstd};
constexpr uint64_t kPlenty = uint64_t{64} << 20;

std::string name_of(Compression codec) {
  return std::array{"none", "gzip", "snappy", "lz4", "zstd"}[static_cast<size_t>(codec)];
}

std::vector<uint8_t> sample(size_t n) {
  std::mt19937 random(static_cast<unsigned>(n));
  std::vector<uint8_t> out(n);
  for (size_t i = 0; i < n; ++i) out[i] = static_cast<uint8_t>(i % 3 == 0 ? random() % 256 : i % 17);
  return out;
}

std::vector<uint8_t> compressed(Codecs& codecs, Compression codec, Bytes input, CompressionLevel level = {}) {
  std::vector<uint8_t> out;
  EXPECT_TRUE(codecs.compress(codec, level, input, out).has_value());
  return out;
}

TEST(Compression, RoundTripsAllSizes) {
  Codecs codecs;
  for (const Compression codec : kCodecs)
    for (const size_t n :
         {size_t{0}, size_t{1}, size_t{100}, size_t{32768}, size_t{65536}, size_t{65537}, size_t{1} << 20}) {
      const auto input = sample(n);
      const auto packed = compressed(codecs, codec, input);
      const auto back = codecs.decompress(codec, packed, kPlenty);
      ASSERT_TRUE(back.has_value()) << name_of(codec) << " " << n << " " << back.error().message;
      EXPECT_EQ(*back, input) << name_of(codec) << " " << n;
    }
}

TEST(Compression, LevelsHaveAnEffect) {
  Codecs codecs;
  const auto input = sample(200'000);
  const auto size = [&](Compression codec, int level) {
    return compressed(codecs, codec, input, level).size();
  };
  EXPECT_LT(size(Compression::kGzip, 9), size(Compression::kGzip, 1));
  EXPECT_LT(size(Compression::kZstd, 15), size(Compression::kZstd, -5));
  EXPECT_LT(size(Compression::kLz4, 12), size(Compression::kLz4, 9));  // 9 is the fast one, as in Kafka
  for (const int level : {1, 2, 17}) {
    const auto packed = compressed(codecs, Compression::kLz4, input, level);
    EXPECT_EQ(codecs.decompress(Compression::kLz4, packed, kPlenty).value(), input);
  }
}

TEST(Compression, ReadsWhatJavaWrote) {
  Codecs codecs;
  const std::vector<std::string> expected = {
      fmt::format("0 {} 'key-0'='value-0'", kNow),
      fmt::format("1 {} null='no key' 'h1':'v1' 'h-null':null '':''", kNow + 5000),
      fmt::format("2 {} 'tombstone'=null", kNow - 250),
      fmt::format("3 {} ''=''", kNow + 1),
  };
  for (const char* codec : {"none", "gzip", "snappy", "lz4", "zstd"}) {
    const auto batch = golden(fmt::format("java-{}-small", codec));
    ASSERT_GT(batch.size(), kBatchHeaderSize);
    EXPECT_TRUE(batch_crc_matches(batch)) << codec;
    EXPECT_EQ(dump(batch, codecs).value(), expected) << codec;
    const BatchHeader header = decode_batch_header(batch).value();
    EXPECT_EQ(header.last_sequence(), 1);
    EXPECT_EQ(header.max_timestamp, kNow + 5000);
  }
}

TEST(Compression, ReadsLongBatchesOfJavaAlike) {
  Codecs codecs;
  const auto gzip = dump(golden("java-gzip-large"), codecs).value();
  ASSERT_EQ(gzip.size(), 400u);
  for (size_t i = 0; i < 400; ++i) {
    const std::string key = i % 7 == 0 ? "null" : fmt::format("'k{}'", i);
    EXPECT_TRUE(
        gzip[i].starts_with(fmt::format("{} {} {}='record {} ", i, kNow + static_cast<int64_t>(i), key, i)));
    EXPECT_EQ(gzip[i].ends_with(fmt::format(" 'n':'{}'", i)), i % 5 == 0);
  }
  for (const char* codec : {"snappy", "lz4", "zstd"})
    EXPECT_EQ(dump(golden(fmt::format("java-{}-large", codec)), codecs).value(), gzip) << codec;
}

TEST(Compression, ReadsWhatLibrdkafkaWrote) {
  Codecs codecs;
  for (const char* codec : {"gzip", "snappy", "lz4", "zstd"}) {
    const auto batch = golden(fmt::format("librdkafka-{}", codec));
    EXPECT_TRUE(batch_crc_matches(batch)) << codec;
    const auto lines = dump(batch, codecs).value();
    ASSERT_EQ(lines.size(), 300u) << codec;
    for (size_t i = 0; i < 300; ++i) {
      std::string value = "null";
      if (i % 11 != 0) {
        value = fmt::format("'record {} ", i);
        for (size_t k = 0; k < i % 20; ++k) value += "lorem ipsum dolor ";
        value += "'";
      }
      std::string expected = fmt::format("{} {} {}={}", i, kNow + static_cast<int64_t>(i * 7 % 50),
                                         i % 3 == 0 ? "null" : fmt::format("'k{}'", i), value);
      if (i % 5 == 0) expected += fmt::format(" 'n':'{}' 'null':null", i);
      EXPECT_EQ(lines[i], expected) << codec;
    }
  }
}

TEST(Compression, SnappyIsReadPlainAndInBlocks) {
  Codecs codecs;
  const auto input = sample(100'000);
  const auto framed = compressed(codecs, Compression::kSnappy, input);
  EXPECT_EQ(codecs.decompress(Compression::kSnappy, joined(framed, framed), kPlenty).value(),
            joined(input, input));
  // librdkafka's is one plain block: its first byte is a length, not the magic of snappy-java.
  const auto plain = golden("librdkafka-snappy");
  EXPECT_NE(plain[kBatchHeaderSize], uint8_t{0x82});
  EXPECT_EQ(golden("java-snappy-small")[kBatchHeaderSize], uint8_t{0x82});
}

TEST(Compression, GzipMembersFollowOneAnotherAndGarbageEndsThem) {
  Codecs codecs;
  const auto a = sample(1000), b = sample(2000);
  const auto packed =
      joined(compressed(codecs, Compression::kGzip, a), compressed(codecs, Compression::kGzip, b));
  EXPECT_EQ(codecs.decompress(Compression::kGzip, packed, kPlenty).value(), joined(a, b));
  EXPECT_EQ(codecs.decompress(Compression::kGzip, joined(packed, bytes_of("xyz")), kPlenty).value(),
            joined(a, b));
}

TEST(Compression, DependentLz4BlocksAreRefused) {
  Codecs codecs;
  auto packed = compressed(codecs, Compression::kLz4, sample(1000));
  packed[4] &= uint8_t{0xdf};
  EXPECT_EQ(codecs.decompress(Compression::kLz4, packed, kPlenty).error().code, Code::kCorrupt);
}

TEST(Compression, OutputIsBounded) {
  Codecs codecs;
  const std::vector<uint8_t> zeros(8 << 20);
  for (const Compression codec : kCodecs) {
    const auto bomb = compressed(codecs, codec, zeros);
    EXPECT_LT(bomb.size(), zeros.size() / 20) << name_of(codec);
    EXPECT_TRUE(codecs.decompress(codec, bomb, zeros.size()).has_value()) << name_of(codec);
    EXPECT_EQ(codecs.decompress(codec, bomb, zeros.size() - 1).error().code, Code::kOutOfRange)
        << name_of(codec);
    // It stops at the limit, and hands out no piece that goes beyond it.
    Decompression* run = codecs.start(codec, bomb, 100'000).value();
    size_t seen = 0;
    for (;;) {
      const auto piece = run->next();
      if (!piece) break;
      ASSERT_FALSE(piece->empty());
      seen += piece->size();
    }
    EXPECT_LE(seen, 100'000u) << name_of(codec);
  }
}

TEST(Compression, AnnouncedLengthsAreNotBelieved) {
  Codecs codecs;
  // Plain snappy that says 4 GiB - 1 in its preamble and holds nothing.
  const std::array<uint8_t, 6> huge = {0xff, 0xff, 0xff, 0xff, 0x0f, 0x00};
  EXPECT_EQ(codecs.decompress(Compression::kSnappy, huge, kPlenty).error().code, Code::kCorrupt);
  auto framed = compressed(codecs, Compression::kSnappy, sample(100));
  store_be<uint32_t>(framed.data() + 16, 0xffffffff);
  EXPECT_EQ(codecs.decompress(Compression::kSnappy, framed, kPlenty).error().code, Code::kCorrupt);
}

TEST(Compression, EveryPrefixIsRefusedOrShorter) {
  Codecs codecs;
  const auto input = sample(3000);
  for (const Compression codec : kCodecs) {
    const auto packed = compressed(codecs, codec, input);
    for (size_t n = 0; n < packed.size(); ++n) {
      const auto back = codecs.decompress(codec, Bytes(packed).first(n), kPlenty);
      if (back) {
        EXPECT_LT(back->size(), input.size()) << name_of(codec) << " " << n;
      } else {
        EXPECT_EQ(back.error().code, Code::kCorrupt);
      }
    }
    EXPECT_EQ(codecs.decompress(codec, packed, kPlenty).value(), input) << "contexts recover";
  }
}

TEST(Compression, RandomDamageIsSurvived) {
  Codecs codecs;
  const auto input = sample(20'000);
  for (const Compression codec : kCodecs) {
    const auto packed = compressed(codecs, codec, input);
    std::mt19937 random(17);
    for (int i = 0; i < 400; ++i) {
      auto damaged = packed;
      for (size_t k = 0, flips = 1 + random() % 4; k < flips; ++k)
        damaged[random() % damaged.size()] ^= static_cast<uint8_t>(1 + random() % 255);
      const auto back = codecs.decompress(codec, damaged, 1 << 20);
      if (back) {
        EXPECT_LE(back->size(), size_t{1} << 20);
      }
    }
    EXPECT_EQ(codecs.decompress(codec, packed, kPlenty).value(), input) << "contexts recover";
  }
}

}  // namespace
}  // namespace chronik::kafka
