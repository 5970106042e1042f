// A segment that the system cannot sync: the store ends the node, whoever asked for it. One that it cannot open or load for now:
// whoever asks is refused, and tries again.
#include "store_fixture.h"

namespace chronik::storage_log {
namespace {

constexpr int kOpenFiles = 16;  // as the fixture says

class FailedSync : public StoreFixture {
 protected:
  using Kind = testing::FakeFiles::Kind;

  FailedSync() : StoreFixture({.is_cold = true}) {
    // Two files more than may be open. The first two were synced together and are closed; each of the others has something that is
    // not synced.
    for (int i = 0; i < kOpenFiles + 2; ++i) {
      EXPECT_EQ(store_->open_group(to_abi("g" + std::to_string(i)), &group_, nullptr), CHR_OK);
      groups_.push_back(group_);
      append(1, &done_);
      append(3, &done_);
      EXPECT_EQ(done_.code, CHR_OK);
      fake_.advance(std::chrono::milliseconds(60));
    }
    group_ = groups_[0];
    files_.fault = [](const testing::FakeFiles::Call& call) {
      return call.kind == Kind::kSync && call.name.ends_with(".segment") ? CHR_E_IO : CHR_OK;
    };
  }
  // Opens or loads of segments, for want of open files or memory.
  void refuse(Kind kind) {
    files_.fault = [kind](const testing::FakeFiles::Call& call) {
      return call.kind == kind && call.name.ends_with(".segment") ? CHR_E_OVERLOADED : CHR_OK;
    };
  }
  chr_status read() {
    chr_storage_read args{};
    args.group = group_;
    args.from = 1;
    args.max_bytes = 1 << 20;
    chr_entries out{};
    done_.code = CHR_PENDING;
    EXPECT_EQ(store_->read(&args, &out, fake_.begin(&done_), nullptr), CHR_PENDING);
    fake_.run();
    const Lease lease = Lease::adopt(out.lease);
    return done_.code;
  }
  void expect_ended() {
    ASSERT_EQ(fake_.fatals().size(), 1u);
    EXPECT_NE(fake_.fatals()[0].find(".segment failed"), std::string::npos) << fake_.fatals()[0];
    stop();
  }

  std::vector<uint64_t> groups_;
  chr_done done_{};
};

TEST_F(FailedSync, OfARead) {
  EXPECT_EQ(read(), CHR_E_IO);
  ASSERT_NO_FATAL_FAILURE(expect_ended());
}

TEST_F(FailedSync, WhatCannotBeLoadedForNowIsNoDamage) {
  refuse(Kind::kLoad);
  EXPECT_EQ(read(), CHR_E_OVERLOADED);
  files_.fault = nullptr;
  EXPECT_EQ(read(), CHR_OK);
  EXPECT_TRUE(fake_.fatals().empty());
  stop();
}

// The cut lies between two entries in a file that is not open.
TEST_F(FailedSync, OfATruncationIsNoDamageOfItsGroup) {
  chr_storage_step step{};
  step.type = CHR_STORAGE_TRUNCATE;
  step.index = 2;
  write(step, &done_);
  EXPECT_EQ(done_.code, CHR_E_IO);
  ASSERT_NO_FATAL_FAILURE(expect_ended());
}

// Too few files may be open for now: nothing is damaged, and what comes behind the truncation must not pass.
TEST_F(FailedSync, AFileThatCannotBeOpenedOrLoadedForNowIsNoDamage) {
  chr_storage_step step{};
  step.type = CHR_STORAGE_TRUNCATE;
  step.index = 2;
  for (const Kind refused : {Kind::kOpen, Kind::kLoad}) {
    refuse(refused);
    write(step, &done_);
    EXPECT_EQ(done_.code, CHR_E_NO_SPACE);
  }
  files_.fault = nullptr;
  write(step, &done_);
  EXPECT_EQ(done_.code, CHR_OK);
  EXPECT_EQ(bounds(), std::pair(uint64_t{1}, uint64_t{1}));
  EXPECT_TRUE(fake_.fatals().empty());
  stop();
}

}  // namespace
}  // namespace chronik::storage_log
