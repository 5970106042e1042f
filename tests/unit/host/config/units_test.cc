#include "host/config/units.h"

#include <gtest/gtest.h>

namespace chronik::host {
namespace {

TEST(Units, DurationsAreNanoseconds) {
  EXPECT_EQ(parse_duration("150ms").value(), 150'000'000);
  EXPECT_EQ(parse_duration("7d").value(), 7LL * 86'400 * 1'000'000'000);
  EXPECT_EQ(parse_duration("0s").value(), 0);
  EXPECT_EQ(parse_duration("3ns").value(), 3);
}

TEST(Units, SizesAreBytes) {
  EXPECT_EQ(parse_size("64KiB").value(), 65536);
  EXPECT_EQ(parse_size("1TiB").value(), 1LL << 40);
  EXPECT_EQ(parse_size("12B").value(), 12);
}

TEST(Units, MissingUnitIsNamed) {
  EXPECT_EQ(parse_duration("150").error().message, "has no unit; did you mean \"150ms\"?");
  EXPECT_EQ(parse_size("64").error().message, "has no unit; did you mean \"64MiB\"?");
}

TEST(Units, WrongUnitGetsASuggestion) {
  EXPECT_EQ(parse_size("64KB").error().message, "has an unknown unit; did you mean \"64KiB\"?");
  EXPECT_EQ(parse_size("64m").error().message, "has an unknown unit; did you mean \"64MiB\"?");
  EXPECT_EQ(parse_duration("5sec").error().message, "has an unknown unit; did you mean \"5s\"?");
  EXPECT_EQ(parse_duration("5x").error().message,
            "has an unknown unit; the units are ns, us, ms, s, m, h, d");
}

TEST(Units, OverflowAndNegativeAreErrors) {
  EXPECT_FALSE(parse_size("9223372036854775807KiB"));
  EXPECT_FALSE(parse_size("99999999999999999999B"));
  EXPECT_FALSE(parse_duration("-3s"));
  EXPECT_FALSE(parse_duration(""));
  EXPECT_FALSE(parse_duration("ten"));
}

TEST(Units, FormatIsTheShortestThatParsesBack) {
  for (const int64_t n :
       {1LL, 999LL, 1000LL, 150'000'000LL, 3'600'000'000'000LL, 90'000'000'000LL, 86'400'000'000'000LL}) {
    EXPECT_EQ(parse_duration(format_duration(n)).value(), n);
  }
  for (const int64_t n : {1LL, 1023LL, 1024LL, 1LL << 30, (1LL << 40) + 1}) {
    EXPECT_EQ(parse_size(format_size(n)).value(), n);
  }
  EXPECT_EQ(format_duration(90'000'000'000), "90s");
  EXPECT_EQ(format_size(1536), "1536B");
  EXPECT_EQ(format_size(65536), "64KiB");
}

TEST(Units, Addresses) {
  EXPECT_EQ(parse_address("127.0.0.1:9092")->port, 9092);
  EXPECT_EQ(parse_address("[::1]:0")->host, "::1");
  EXPECT_EQ(parse_address("broker-1.example.com:9092")->host, "broker-1.example.com");
  EXPECT_FALSE(parse_address("127.0.0.1"));
  EXPECT_FALSE(parse_address(":9092"));
  EXPECT_FALSE(parse_address("::1:9092"));
  EXPECT_FALSE(parse_address("host:65536"));
  EXPECT_FALSE(parse_address("host:90x"));
  EXPECT_FALSE(parse_address("PLAINTEXT://host:9092"));
}

TEST(HumanSize, HasOneDigitBehindThePoint) {
  EXPECT_EQ(human_size(0), "0 B");
  EXPECT_EQ(human_size(1023), "1023 B");
  EXPECT_EQ(human_size(1536), "1.5 KiB");
  EXPECT_EQ(human_size(uint64_t{5} << 40), "5.0 TiB");
  EXPECT_EQ(human_size(UINT64_MAX), "16384.0 PiB");
}

TEST(Plural, IsForAllButOne) {
  EXPECT_EQ(plural(0, "entry", "entries"), "0 entries");
  EXPECT_EQ(plural(1, "entry", "entries"), "1 entry");
  EXPECT_EQ(plural(2, "entry", "entries"), "2 entries");
}

}  // namespace
}  // namespace chronik::host
