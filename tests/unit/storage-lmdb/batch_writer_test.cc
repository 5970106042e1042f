// storage-lmdb: what becomes of each write of a batch, and when the store is full.
#include "parts_fixture.h"

namespace chronik::storage_lmdb {
namespace {

class BatchWrites : public PartsFixture {};

TEST_F(BatchWrites, AWriteThatDoesNotFitItsLogIsRefusedAlone) {
  const uint64_t a = group("a");
  const uint64_t b = group("b");
  EXPECT_EQ(write(append(a, 5), append(a, 5), append(b, 1), append(a, 6)),
            (Codes{CHR_OK, CHR_E_INVALID_ARGUMENT, CHR_OK, CHR_OK}));
  EXPECT_EQ(log(a).entries(), 2u);
  EXPECT_EQ(log(a).last, 6u);
  EXPECT_EQ(log(b).last, 1u);
  EXPECT_EQ(host_.metric("chronik_storage_commits_total"), 1);
  EXPECT_EQ(host_.metric("chronik_storage_groups"), 2);
}

TEST_F(BatchWrites, WritesNothingOnceTheDiskFailed) {
  const uint64_t a = group("a");
  failure_->fail(Error{Code::kIo, "gone"});
  const BatchWriter::Verdicts verdicts = writer_->write_batch(batch_of(append(a, 1)));
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].code, CHR_E_IO);
  EXPECT_EQ(verdicts[0].message, "gone");
  EXPECT_EQ(log(a).last, 0u);
}

class FullStore : public PartsFixture {
 protected:
  void SetUp() override {
    max_size_ = 8 * kMiB;
    PartsFixture::SetUp();
  }
};

// Else it would leave a hole.
TEST_F(FullStore, AnAppendBehindARefusedOneIsRefused) {
  const uint64_t a = group("a");
  const uint64_t b = group("b");
  EXPECT_EQ(write(append(a, 1, 9 * kMiB)), (Codes{CHR_E_NO_SPACE}));
  EXPECT_EQ(write(append(a, 2), append(b, 1)), (Codes{CHR_E_NO_SPACE, CHR_OK}));
  EXPECT_EQ(write(append(a, 1), append(a, 2)), (Codes{CHR_OK, CHR_OK}));
  EXPECT_EQ(log(a).entries(), 2u);
}

TEST_F(FullStore, LetsPassWhatMakesRoom) {
  const uint64_t a = group("a");
  const uint64_t b = group("b");
  ASSERT_EQ(write(append(a, 1, 2 * kMiB, 3)), (Codes{CHR_OK}));
  EXPECT_EQ(write(append(b, 1, 2 * kMiB), remove(a, CHR_STORAGE_TRIM, 4)), (Codes{CHR_E_NO_SPACE, CHR_OK}));
  EXPECT_TRUE(fullness_->is_full());
  EXPECT_EQ(log(a).last, 0u);
}

using FullnessOf = FullStore;

TEST_F(FullnessOf, AllowsWhatThereIsRoomFor) {
  EXPECT_EQ(Fullness::needed(batch_of(remove(1, CHR_STORAGE_TRIM, 2))), Growth::kNone);
  EXPECT_EQ(Fullness::needed(batch_of(remove(1, CHR_STORAGE_TRIM, 2), append(1, 1))), Growth::kData);
  EXPECT_EQ(fullness_->allowed(batch_of(append(1, 1))), Growth::kData);
  EXPECT_EQ(fullness_->allowed(batch_of(append(1, 1, 9 * kMiB))), Growth::kControl) << "its reserve is there";
}

TEST_F(FullnessOf, AStoreIsFullAsLongAsLargeWritesAreRefused) {
  const Batch large = batch_of(append(1, 1, kMiB));
  const Batch small = batch_of(append(2, 1, 1000));
  fullness_->note_batch(large, Growth::kControl);
  EXPECT_TRUE(fullness_->is_full());
  EXPECT_EQ(host_.health("space"), CHR_HEALTH_DEGRADED);
  fullness_->note_batch(small, Growth::kData);
  EXPECT_TRUE(fullness_->is_full()) << "it is smaller than what was refused just now";
  fullness_->note_batch(large, Growth::kControl);
  EXPECT_EQ(host_.logs().size(), 1u) << "it was said";
  host_.advance(std::chrono::seconds(1));
  fullness_->note_batch(small, Growth::kData);
  EXPECT_FALSE(fullness_->is_full());
  EXPECT_EQ(host_.health("space"), CHR_HEALTH_READY);
  fullness_->note_batch(large, Growth::kControl);
  fullness_->note_batch(large, Growth::kData);
  EXPECT_FALSE(fullness_->is_full()) << "it found room after all";
}

}  // namespace
}  // namespace chronik::storage_lmdb
