// Reader and Writer by themselves: the encodings, their limits, and who holds which lease.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>

#include "kafka-proto/wire/reader.h"
#include "kafka-proto/wire/writer.h"

namespace chronik::kafka {
namespace {

using ByteVector = std::vector<uint8_t>;

ByteVector written(void (*write)(Writer&)) {
  Writer out(16);
  write(out);
  return std::move(out).finish().copy();
}

// A lease that counts its references.
struct CountedLease : chr_buf {
  CountedLease() : chr_buf{&kOps} {}
  static void CHR_CALL retain(chr_buf* self) { ++static_cast<CountedLease*>(self)->references; }
  static void CHR_CALL release(chr_buf* self) { --static_cast<CountedLease*>(self)->references; }
  static constexpr chr_buf_ops kOps = {&retain, &release, nullptr};
  int references = 1;
};

TEST(Varint, BytesAndLimits) {
  const struct {
    uint32_t value;
    ByteVector bytes;
  } cases[] = {{0, {0}},         {127, {0x7f}},
               {128, {0x80, 1}}, {16383, {0xff, 0x7f}},
               {300, {0xac, 2}}, {std::numeric_limits<uint32_t>::max(), {0xff, 0xff, 0xff, 0xff, 0x0f}}};
  for (const auto& c : cases) {
    Writer out;
    out.uvarint(c.value);
    EXPECT_EQ(std::move(out).finish().copy(), c.bytes);
    Reader in(c.bytes);
    EXPECT_EQ(in.uvarint("n"), c.value);
    EXPECT_TRUE(in.ok());
    EXPECT_EQ(in.remaining(), 0u);
  }
}

TEST(Varint, MoreThan32BitsIsAnError) {
  const ByteVector cases[] = {{0xff, 0xff, 0xff, 0xff, 0x1f},
                              {0x80, 0x80, 0x80, 0x80, 0x80, 0x01},
                              {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}};
  for (const ByteVector& bytes : cases) {
    Reader in(bytes);
    in.uvarint("n");
    ASSERT_FALSE(in.ok());
    EXPECT_EQ(in.error("test").message, "test: field n: a variable-length integer has more than 32 bits");
  }
}

TEST(Fixed, AreBigEndian) {
  const ByteVector bytes = written([](Writer& out) {
    out.int8(-2);
    out.int16(0x0102);
    out.int32(-2);
    out.int64(0x0102030405060708);
    out.float64(1.5);
    out.boolean(true);
    out.error_code(ErrorCode::kOffsetOutOfRange);
  });
  EXPECT_EQ(bytes, (ByteVector{0xfe, 1, 2,    0xff, 0xff, 0xff, 0xfe, 1, 2, 3, 4, 5, 6,
                               7,    8, 0x3f, 0xf8, 0,    0,    0,    0, 0, 0, 1, 0, 1}));
  Reader in(bytes);
  EXPECT_EQ(in.int8("a"), -2);
  EXPECT_EQ(in.int16("b"), 0x0102);
  EXPECT_EQ(in.int32("c"), -2);
  EXPECT_EQ(in.int64("d"), 0x0102030405060708);
  EXPECT_EQ(in.float64("e"), 1.5);
  EXPECT_TRUE(in.boolean("f"));
  EXPECT_EQ(in.error_code("g"), ErrorCode::kOffsetOutOfRange);
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.remaining(), 0u);
}

TEST(Strings, NullAndEmptyInBothEncodings) {
  for (const bool compact : {false, true}) {
    Writer out;
    out.nullable_string(std::nullopt, compact, true);
    out.string("", compact);
    out.nullable_string(std::nullopt, compact, false);  // cannot be expressed: sent as empty
    out.string("abc", compact);
    const ByteVector bytes = std::move(out).finish().copy();
    Reader in(bytes);
    EXPECT_EQ(in.nullable_string("a", compact, true), std::nullopt);
    EXPECT_EQ(in.nullable_string("b", compact, true), "");
    EXPECT_EQ(in.string("c", compact), "");
    const std::string_view last = in.string("d", compact);
    EXPECT_EQ(last, "abc");
    EXPECT_EQ(static_cast<const void*>(last.data()), bytes.data() + bytes.size() - 3)
        << "a string was copied";
    EXPECT_TRUE(in.ok());
  }
}

TEST(Strings, EndWhereKafkasDo) {
  std::string text(32766, 'x');
  text += "\u20ac and more";  // the euro sign would straddle byte 32767
  for (const bool compact : {false, true}) {
    Writer out;
    out.string(text, compact);
    const ByteVector bytes = std::move(out).finish().copy();
    Reader in(bytes);
    EXPECT_EQ(in.string("s", compact).size(), 32766u);
    EXPECT_EQ(in.remaining(), 0u);
  }
  for (const size_t size : {32767u, 32768u}) {
    Writer out;
    out.bytes(Bytes(reinterpret_cast<const uint8_t*>(std::string(size, 'x').c_str()), size), true);
    const ByteVector bytes = std::move(out).finish().copy();
    Reader in(bytes);
    EXPECT_EQ(in.string("s", true).size(), size == 32767 ? size : 0);
    EXPECT_EQ(in.ok(), size == 32767);
    if (!in.ok()) {
      EXPECT_EQ(in.error("x").message, "x: field s: a string of 32768 bytes; the limit is 32767");
    }
  }
}

TEST(Reader, NullWhereNoneIsAllowed) {
  const ByteVector short_null = {0xff, 0xff};
  Reader a(short_null);
  EXPECT_EQ(a.string("name", false), "");
  EXPECT_EQ(a.error("x").message, "x: field name: null where this version allows none");
  const ByteVector compact_null = {0};
  Reader b(compact_null);
  std::vector<int32_t> out;
  EXPECT_FALSE(b.array("list", true, false, 4, out));
  EXPECT_FALSE(b.ok());
}

TEST(Reader, FirstErrorStaysAndLaterReadsAreEmpty) {
  const ByteVector bytes = {0, 5, 'a', 'b'};
  Reader in(bytes);
  EXPECT_EQ(in.string("first", false), "");
  EXPECT_EQ(in.int32("second"), 0);
  EXPECT_TRUE(in.rest().empty());
  const Error error = in.error("FooRequest v1");
  EXPECT_EQ(error.code, Code::kCorrupt);
  EXPECT_EQ(error.message, "FooRequest v1: field first: 5 bytes needed, 2 left");
}

TEST(Reader, HostileLengths) {
  const ByteVector negative = {0xff, 0xff, 0xff, 0xfe, 0, 0};
  Reader a(negative);
  EXPECT_TRUE(a.bytes("b", false).empty());
  EXPECT_EQ(a.error("x").message, "x: field b: length -2");
  // Where null is legal, it is one, as Kafka's clients read it.
  Reader null(negative);
  EXPECT_FALSE(null.nullable_bytes("b", false, true).has_value());
  Reader none(negative);
  std::vector<int16_t> few;
  EXPECT_FALSE(none.array("list", false, true, 2, few));
  EXPECT_TRUE(null.ok() && none.ok());
  const ByteVector short_one = {0xff, 0xfe};
  Reader text(short_one);
  EXPECT_FALSE(text.nullable_string("s", false, true).has_value());
  EXPECT_TRUE(text.ok());

  const ByteVector huge = {0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0};
  Reader b(huge);
  std::vector<int64_t> numbers;
  EXPECT_FALSE(b.array("list", false, false, 8, numbers));
  EXPECT_EQ(numbers.capacity(), 0u) << "memory was taken for elements that cannot be there";
  EXPECT_EQ(b.error("x").message, "x: field list: 2147483647 elements cannot fit into 4 bytes");
}

TEST(Reader, ArraysStayWithinTheirBudget) {
  ByteVector bytes(4 + 1000, 0);
  bytes[2] = 0x03;
  bytes[3] = 0xe8;
  std::vector<std::string_view> texts;
  Reader generous(bytes);
  EXPECT_TRUE(generous.array("texts", false, false, 1, texts));
  EXPECT_EQ(texts.size(), 1000u);
  const size_t needed = 1000 * (sizeof(std::string_view) + Reader::kOfElement);
  EXPECT_EQ(generous.spent(), needed);
  Reader tight(bytes, needed - 1);
  EXPECT_FALSE(tight.array("texts", false, false, 1, texts));
  EXPECT_EQ(
      tight.error("x").message,
      "x: field texts: 1000 elements or bytes are more than one request may name: ask for less at once");
}

TEST(Reader, StringsAndTagsStayWithinTheirBudget) {
  ByteVector text(2 + 1000, 0);
  text[0] = 0x03;
  text[1] = 0xe8;
  Reader generous(text, 1000);
  EXPECT_EQ(generous.string("name", false).size(), 1000u);
  EXPECT_EQ(generous.spent(), 1000u);
  Reader tight(text, 999);
  EXPECT_TRUE(tight.string("name", false).empty());
  EXPECT_FALSE(tight.ok());
  const ByteVector tags = {2, 7, 0, 9, 0};
  Reader few(tags, 2 * Reader::kOfTag);
  few.skip_tags();
  EXPECT_TRUE(few.ok());
  Reader many(tags, 2 * Reader::kOfTag - 1);
  many.skip_tags();
  EXPECT_FALSE(many.ok());
}

TEST(Tags, UnknownOnesAreSkippedAndKnownOnesMustFit) {
  const ByteVector bytes = {2, 7, 3, 1, 2, 3, 9, 1, 42, 0x55};
  Reader in(bytes);
  ASSERT_EQ(in.tag_count(), 2u);
  Reader::Tag tag = in.open_tag();
  EXPECT_EQ(tag.number, 7u);
  in.close_tag(tag, false, nullptr);
  tag = in.open_tag();
  EXPECT_EQ(tag.number, 9u);
  EXPECT_EQ(in.int8("inside"), 42);
  EXPECT_EQ(in.remaining(), 0u) << "a tagged field must not see what follows it";
  in.close_tag(tag, true, "inside");
  EXPECT_EQ(in.int8("after"), 0x55);
  EXPECT_TRUE(in.ok());

  Reader spare(bytes);
  spare.tag_count();
  tag = spare.open_tag();
  spare.int8("known");
  spare.close_tag(tag, true, "known");
  EXPECT_EQ(spare.error("x").message, "x: field known: 2 spare bytes after a tagged field");

  Reader skipped(bytes);
  skipped.skip_tags();
  EXPECT_EQ(skipped.remaining(), 1u);
}

TEST(Tags, MoreThanCanBeThere) {
  const ByteVector many = {0xff, 0xff, 0xff, 0xff, 0x0f, 0};
  Reader a(many);
  a.skip_tags();
  EXPECT_FALSE(a.ok());
  const ByteVector long_one = {1, 0, 100, 0};
  Reader b(long_one);
  b.skip_tags();
  EXPECT_FALSE(b.ok());
  EXPECT_EQ(b.remaining(), 0u);
}

TEST(Tags, SizesOfSeveralBytesMoveTheContent) {
  Writer out;
  const size_t begin = out.begin_tag(3);
  const std::string text(200, 'y');
  out.string(text, true);
  out.end_tag(begin);
  const ByteVector bytes = std::move(out).finish().copy();
  EXPECT_EQ(bytes[0], 3);
  Reader in(bytes);
  const Reader::Tag tag = in.open_tag();
  EXPECT_EQ(in.string("text", true), text);
  in.close_tag(tag, true, "text");
  EXPECT_TRUE(in.ok());
}

TEST(Writer, ExternalBytesGoOutWhereTheyAre) {
  CountedLease lease;
  const ByteVector page = {10, 11, 12};
  {
    OutFrame frame = [&] {
      Writer out(16);
      out.begin_frame();
      out.int16(1);
      out.records(Records({{page.data(), 2, &lease}, {page.data() + 2, 1, &lease}}), false, true);
      out.int8(9);
      EXPECT_EQ(lease.references, 3);
      EXPECT_EQ(out.size(), 4u + 2 + 4 + 3 + 1);
      return std::move(out).finish_frame();
    }();
    EXPECT_EQ(lease.references, 3) << "the frame holds what the writer held";
    ASSERT_EQ(frame.slices().size(), 4u);
    EXPECT_EQ(frame.slices()[1].p, page.data());
    EXPECT_EQ(frame.slices()[2].p, page.data() + 2);
    EXPECT_EQ(frame.copy(), (ByteVector{0, 0, 0, 10, 0, 1, 0, 0, 0, 3, 10, 11, 12, 9}));
    EXPECT_EQ(frame.size(), 14u);
  }
  EXPECT_EQ(lease.references, 1);
}

TEST(Writer, AnUnfinishedOneReleases) {
  CountedLease lease;
  {
    Writer out;
    out.external({reinterpret_cast<const uint8_t*>("x"), 1, &lease});
    EXPECT_EQ(lease.references, 2);
  }
  EXPECT_EQ(lease.references, 1);
}

TEST(Writer, OwnSlicesOutliveWriterAndFrame) {
  std::vector<chr_slice> slices;
  {
    Writer out(16);
    for (int i = 0; i < 100; ++i) out.int32(i);
    slices = std::move(out).finish().release();
  }
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ(slices[0].n, 400u);
  EXPECT_EQ(slices[0].p[399], 99);
  slices[0].lease->ops->release(slices[0].lease);  // the sanitizers watch that this was the last reference
}

TEST(Errors, NamesAndRetriability) {
  EXPECT_EQ(error_name(ErrorCode::kUnknownServerError), "UNKNOWN_SERVER_ERROR");
  EXPECT_EQ(error_name(ErrorCode::kShareSessionLimitReached), "SHARE_SESSION_LIMIT_REACHED");
  EXPECT_EQ(error_name(static_cast<ErrorCode>(999)), "UNKNOWN_ERROR_CODE");
  EXPECT_TRUE(is_retriable(ErrorCode::kNotLeaderOrFollower));
  EXPECT_FALSE(is_retriable(ErrorCode::kOffsetOutOfRange));
}

}  // namespace
}  // namespace chronik::kafka
