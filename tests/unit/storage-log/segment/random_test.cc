// Random writes of a log against the model, moved or not, with restarts; reads and searches of it, warm and cold.
#include "log_fixture.h"

namespace chronik::storage_log {
namespace {

uint64_t seed() {
  const char* text = std::getenv("CHRONIK_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : 20240601;
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  return seed;
}

class RandomLog : public LogFixture {
 protected:
  RandomLog() : LogFixture({.is_cold = true}), random_(seed()) {}

  uint64_t below(uint64_t n) { return random_() % n; }

  void write_something() {
    const uint64_t first = model_.entries.empty() ? 0 : model_.entries.begin()->first;
    const uint64_t last = model_.entries.empty() ? 0 : model_.entries.rbegin()->first;
    switch (below(12)) {
      case 0:
        return truncate(below(6) == 0 ? first : last - below((last - first) / 8 + 1) + 1 - below(2));
      case 1:
        return trim(below(30) == 0 ? UINT64_MAX : first + below((last - first) / 4 + 2));
      default:
        return append_some();
    }
  }
  void append_some() {
    maker_.resume(model_.last());
    if (below(4) == 0) maker_.skip_indexes(below(50));
    std::vector<TestEntry> some;
    for (uint64_t n = 1 + below(8); n-- > 0;) {
      const uint64_t bytes = below(12) == 0 ? below(60'000) : below(3'000);
      const auto records = static_cast<uint32_t>(below(4) == 0 ? 0 : 1 + below(5));
      some.push_back(
          maker_.next(bytes, records, below(40) == 0 ? 1'000'000 + static_cast<int64_t>(below(1000)) : -2));
    }
    append(some);
  }
  void do_something_else() {
    switch (below(12)) {
      case 0:
        ASSERT_NO_FATAL_FAILURE(checkpoint());
        break;
      case 1:
      case 2:
        ASSERT_TRUE(mover_->move_some(below(100'000)));
        break;
      case 3:
        ASSERT_TRUE(files_->remove_some(below(4)));
        break;
      case 4:
        if (below(3) != 0) break;
        ASSERT_NO_FATAL_FAILURE(reopen());
        break;
      case 5:
        fake_files_.evict();
        break;
      default:
        break;
    }
  }
  void read_something() {
    const uint64_t last = model_.entries.empty() ? 0 : model_.entries.rbegin()->first;
    chr_storage_read args = from(below(last + 3));
    if (below(2) == 0) args.to = args.from + below(200);
    if (below(2) == 0) args.max_bytes = below(100'000);
    if (below(3) == 0) args.max_entries = static_cast<uint32_t>(1 + below(100));
    args.headers_only = below(4) == 0 ? 1 : 0;
    ASSERT_NO_FATAL_FAILURE(expect_read(args));
  }
  void find_something() {
    const int32_t by = 1 + static_cast<int32_t>(below(3));
    int64_t value = static_cast<int64_t>(below(3000));
    if (!model_.entries.empty() && below(4) != 0) {
      auto at = model_.entries.begin();
      std::advance(at, below(model_.entries.size()));
      const chr_entry_header& header = at->second.header;
      value = (by == CHR_FIND_OFFSET ? header.base_offset : header.max_timestamp) +
              static_cast<int64_t>(below(3)) - 1;
    }
    ASSERT_NO_FATAL_FAILURE(expect_found(by, value));
  }

  std::mt19937_64 random_;
};

TEST_F(RandomLog, DoesAsTheModel) {
  for (int round = 0; round < 1500; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    ASSERT_NO_FATAL_FAILURE(write_something());
    ASSERT_NO_FATAL_FAILURE(do_something_else());
    ASSERT_NO_FATAL_FAILURE(expect_bounds());
    for (int i = 0; i < 3; ++i) ASSERT_NO_FATAL_FAILURE(read_something());
    for (int i = 0; i < 3; ++i) ASSERT_NO_FATAL_FAILURE(find_something());
    ASSERT_LE(files_->open_count(), options_.open_files);
    if (round % 50 != 0) continue;
    ASSERT_NO_FATAL_FAILURE(expect_as_model());
  }
  ASSERT_NO_FATAL_FAILURE(checkpoint());
  ASSERT_NO_FATAL_FAILURE(reopen());
  ASSERT_NO_FATAL_FAILURE(expect_as_model());
}

// Several steps of one write, and writes in flight, of which some are taken back.
TEST_F(RandomLog, AcceptedStepsArePublishedOrTakenBack) {
  ASSERT_NO_FATAL_FAILURE(append(entries(20, 500)));
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const ModelGroup before = model_;
    const uint64_t accepted_last = log_->accepted_last();
    const size_t journal = journal_.size();
    log_->begin_write();
    for (uint64_t steps = 1 + below(4); steps-- > 0;) {
      const uint64_t first = model_.entries.empty() ? 0 : model_.entries.begin()->first;
      const uint64_t last = model_.entries.empty() ? 0 : model_.entries.rbegin()->first;
      const uint64_t kind = below(6);
      const uint64_t index = first + below(last - first + 2);
      if (kind == 0) log_->accept_truncate(cut(Published::kTruncate, index));
      if (kind == 0) model_.apply(TestWrite{kGroup, {}}.truncate(index));
      if (kind == 1) log_->accept_trim(cut(Published::kTrim, index));
      if (kind == 1) model_.apply(TestWrite{kGroup, {}}.trim(index));
      if (kind < 2) continue;
      Published step;
      const auto some = entries(1 + below(5), below(800));
      step.entries = accept(some, &step.leases);
      journal_.push_back(std::move(step));
      model_.apply(TestWrite{kGroup, {}}.append(some));
    }
    const bool keeps = below(3) != 0;
    log_->end_write(keeps);
    if (keeps) {
      for (size_t i = journal; i < journal_.size(); ++i) publish(journal_[i]);
      mover_->add(log_);
    } else {
      ASSERT_EQ(log_->accepted_last(), accepted_last);
      journal_.erase(journal_.begin() + static_cast<ptrdiff_t>(journal), journal_.end());
      model_ = before;
    }
    ASSERT_NO_FATAL_FAILURE(do_something_else());
    ASSERT_NO_FATAL_FAILURE(expect_as_model());
  }
}

}  // namespace
}  // namespace chronik::storage_log
