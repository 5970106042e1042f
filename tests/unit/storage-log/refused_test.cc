// What a write that is refused leaves to those behind it, and what is not refused.
#include "store_fixture.h"

namespace chronik::storage_log {
namespace {

class Refused : public StoreFixture {
 protected:
  static constexpr uint32_t kTooMany =
      20'000;  // entries, for the heads of which no file of the journal has room

  Refused() : StoreFixture({}, 64 << 20) {}
  static chr_storage_step append_of(std::span<const chr_entry> entries) {
    chr_storage_step step{};
    step.type = CHR_STORAGE_APPEND;
    step.entries = entries.data();
    step.n = static_cast<uint32_t>(entries.size());
    return step;
  }
  static std::vector<chr_entry> entries(uint64_t index, uint32_t n) {
    static constexpr uint8_t kPayload[8] = {7};
    std::vector<chr_entry> out(n);
    for (chr_entry& entry : out) {
      entry.header.index = index++;
      entry.header.bytes = sizeof kPayload;
      entry.payload = {kPayload, sizeof kPayload, nullptr};
    }
    return out;
  }

  chr_done done_{};
};

// Else the log would have a hole, or keep an entry that was to be cut off.
TEST_F(Refused, WhatComesBehindInTheSameCallIsRefusedToo) {
  append(1, &done_, 900, 3);
  const std::vector<chr_entry> many = entries(3, kTooMany);
  const std::vector<chr_entry> behind = entries(3 + kTooMany, 1);
  chr_storage_step cut{};
  cut.type = CHR_STORAGE_TRUNCATE;
  cut.index = 3;
  const chr_storage_step first[] = {cut, append_of(many)};
  const chr_storage_step second[] = {append_of(behind)};
  chr_done dones[2] = {};
  const chr_storage_write writes[] = {{group_, fake_.begin(&dones[0]), first, 2},
                                      {group_, fake_.begin(&dones[1]), second, 1}};
  fake_.on_shard(0, [&] { ASSERT_EQ(store_->write(writes, 2, nullptr), CHR_PENDING); });
  fake_.run();
  EXPECT_EQ(dones[0].code, CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(dones[1].code, CHR_E_NO_SPACE);
  EXPECT_EQ(bounds(), std::pair(uint64_t{1}, uint64_t{3}));
  // Until the log goes on where it was refused.
  write(std::span(&cut, 1), &done_);
  append(3, &done_);
  EXPECT_EQ(done_.code, CHR_OK);
  append(4, &done_);
  EXPECT_EQ(done_.code, CHR_OK);
  stop();
}

TEST_F(Refused, ManyEntriesThatFitNoFrameGoToTheirSegment) {
  append(1, &done_, 900, 1200);
  EXPECT_EQ(done_.code, CHR_OK);
  EXPECT_EQ(bounds(), std::pair(uint64_t{1}, uint64_t{1200}));
  stop();
}

TEST_F(Refused, ADirectWriteThatTheDiskRefusesEndsTheNodeAtOnce) {
  files_.fault = [](const testing::FakeFiles::Call& call) {
    const bool hits = call.kind == testing::FakeFiles::Kind::kWrite && call.name.ends_with(".segment");
    return hits ? CHR_E_IO : CHR_OK;
  };
  append(1, &done_, 900, 200);
  EXPECT_EQ(done_.code, CHR_E_IO);
  EXPECT_EQ(fake_.fatals().size(), 1u);
  stop();
}

}  // namespace
}  // namespace chronik::storage_log
