// storage-lmdb: which of what is gone a purge removes, and how rows of free pages are made by moving.
#include "parts_fixture.h"

namespace chronik::storage_lmdb {
namespace {

class PurgeSlices : public PartsFixture {
 protected:
  static constexpr uint32_t kEntries = 500;

  void SetUp() override {
    PartsFixture::SetUp();
    a_ = group("a");
    b_ = group("b");
    ASSERT_EQ(write(append(a_, 1, 3000, kEntries), append(b_, 1, 3000, kEntries)), (Codes{CHR_OK, CHR_OK}));
    ASSERT_EQ(write(remove(a_, CHR_STORAGE_TRIM, kEntries + 1)), (Codes{CHR_OK}));
    ASSERT_EQ(entries_in_file(a_), kEntries) << "as no purge is wanted";
  }
  std::optional<uint64_t> next_to_read(uint64_t passed_over = 0) {
    return purge_->next_to_read([passed_over](uint64_t group) { return group == passed_over; });
  }

  uint64_t a_ = 0;
  uint64_t b_ = 0;
};

TEST_F(PurgeSlices, RemovesOnlyWhatWasRead) {
  purge_->begin_round(true, {});
  EXPECT_TRUE(purge_->is_wanted());
  EXPECT_FALSE(purge_->can_remove());
  EXPECT_EQ(next_to_read(), a_);
  EXPECT_EQ(next_to_read(a_), std::nullopt);
  EXPECT_EQ(purge_->end_of_gone(a_), kEntries + 1);
  purge_->add_warm({{a_, 101}}, host_.now_ns());
  EXPECT_EQ(next_to_read(), std::nullopt);
  EXPECT_TRUE(purge_->can_remove());
  EXPECT_TRUE(purge_->remove_slice());
  EXPECT_EQ(entries_in_file(a_), kEntries - 100);
  EXPECT_EQ(next_to_read(), a_);
  purge_->add_warm({{a_, kEntries + 1}}, host_.now_ns());
  EXPECT_TRUE(purge_->remove_slice());
  EXPECT_EQ(entries_in_file(a_), 0u);
  EXPECT_TRUE(groups_->to_purge().empty());
  EXPECT_EQ(groups_->gone_bytes(), 0u);
}

TEST_F(PurgeSlices, ReadsAgainWhatWasReadLongAgo) {
  purge_->begin_round(true, {});
  purge_->add_warm({{a_, 101}}, host_.now_ns());
  host_.advance(std::chrono::seconds(5));
  purge_->add_warm({}, host_.now_ns());
  EXPECT_TRUE(purge_->can_remove());
  host_.advance(std::chrono::milliseconds(1));
  purge_->add_warm({}, host_.now_ns());
  EXPECT_FALSE(purge_->can_remove());
  EXPECT_EQ(next_to_read(), a_);
}

TEST_F(PurgeSlices, WritesBelowWhatIsGoneAreInTheWayOfTheirGroupOnly) {
  ASSERT_EQ(write(remove(b_, CHR_STORAGE_TRIM, kEntries + 1)), (Codes{CHR_OK}));
  EXPECT_EQ(purge_->find_blocked(batch_of(append(a_, kEntries + 1), append(b_, 1))), std::set<uint64_t>{b_});
  purge_->hurry({b_});
  EXPECT_TRUE(purge_->holds_writes());
  EXPECT_TRUE(purge_->is_wanted());
  EXPECT_EQ(next_to_read(), b_);
  purge_->add_warm({{a_, 101}}, host_.now_ns());
  EXPECT_FALSE(purge_->can_remove()) << "nobody waits for this group";
}

TEST_F(PurgeSlices, GivesUpWhatIsDamaged) {
  purge_->begin_round(true, {});
  purge_->add_warm({{a_, 101}}, host_.now_ns());
  purge_->give_up(a_, Error{Code::kCorrupt, "a page is damaged"});
  EXPECT_TRUE(host_.logged("what is left of a log cannot be removed"));
  EXPECT_FALSE(purge_->can_remove());
  EXPECT_EQ(next_to_read(), std::nullopt);
}

class Rows : public PartsFixture {
 protected:
  void SetUp() override {
    max_size_ = 8 * kMiB;
    PartsFixture::SetUp();
  }
};

TEST_F(Rows, AreMadeWhereFreePagesLieScattered) {
  const uint64_t goes = group("goes");
  const uint64_t stays = group("stays");
  uint64_t n = 0;
  while (write(append(goes, n + 1, 12'000), append(stays, n + 1, 12'000)) == (Codes{CHR_OK, CHR_OK})) ++n;
  ASSERT_EQ(write(remove(goes, CHR_STORAGE_DROP)), (Codes{CHR_OK}));
  purge_->begin_round(true, {});
  while (groups_->to_purge().contains(goes)) {
    purge_->add_warm({{goes, UINT64_MAX}}, host_.now_ns());
    ASSERT_TRUE(purge_->remove_slice());
  }
  ASSERT_TRUE(parts_->make_freed_usable());
  const Supply::Rows rows{16, 16};
  const LogState before = log(stays);
  EXPECT_FALSE(mover_->are_wanting(rows)) << "nobody looked for any";
  ASSERT_TRUE(mover_->make_rows(rows));
  EXPECT_TRUE(mover_->is_at_work());
  EXPECT_GT(host_.metric("chronik_storage_moved_bytes_total"), 0);
  EXPECT_EQ(log(stays).entries(), before.entries());
  ASSERT_TRUE(parts_->make_freed_usable());
  const auto free = FreePages::read(parts_->generations->transactions());
  EXPECT_GE(free->in_rows_of(16), 16u);
  mover_->found_rows(rows);
  EXPECT_FALSE(mover_->is_at_work());
}

TEST_F(Rows, OfOnePageAreNotMade) {
  EXPECT_FALSE(mover_->make_rows({100, 1}));
  EXPECT_FALSE(mover_->is_at_work());
}

}  // namespace
}  // namespace chronik::storage_lmdb
