// Random drains of a store that is full most of the time, some of which fail half way: writes of many groups,
// issued before the outcome of earlier ones is heard, as consensus does. Whatever is refused, no log may get
// a hole, and what was acknowledged is there.
#include "file_recorder.hpp"
#include "subject.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>

namespace chronik::conformance {
namespace {

const std::vector<std::string> kKeys = {"vote"};

// One group as consensus writes it. What was refused is issued again in its order, or replaced, once the
// outcome of all that was issued is heard.
class Pipeline {
 public:
  Pipeline(uint64_t id, uint64_t seed) : id_(id), random_(seed), maker_(seed) {}

  std::vector<TestWrite> issue() {
    std::vector<TestWrite> writes;
    if (!refused_.empty()) {
      if (unheard_ != 0) return writes;
      writes.swap(refused_);
      if (random_() % 4 == 0) writes = {replacement(first_index(writes.front()))};
    } else if (unheard_ == 0 && end_ > 2 && random_() % 8 == 0) {
      writes.push_back(replacement(end_ - random_() % 2));
    } else {
      for (uint64_t n = random_() % 4; n-- > 0;) writes.push_back(next());
    }
    unheard_ += writes.size();
    return writes;
  }
  // Frees most of the log; removals need no room.
  TestWrite trim() { return TestWrite{id_, {}}.trim(end_ - random_() % 2); }
  bool has_log() const { return end_ > 1; }
  bool is_settled() const { return refused_.empty() && unheard_ == 0; }

  // What the store did, as soon as it is known to the test.
  ::testing::AssertionResult done(const TestWrite& write, chr_status code) {
    if (code == CHR_E_NO_SPACE) return ::testing::AssertionSuccess();
    if (code != CHR_OK) return ::testing::AssertionFailure() << "a write ended with " << code;
    for (const TestStep& step : write.steps) {
      if (step.type == CHR_STORAGE_TRUNCATE) end_ = std::min(end_, step.index - 1);
      if (step.type != CHR_STORAGE_APPEND) continue;
      if (step.entries.front().header.index != end_ + 1)
        return ::testing::AssertionFailure() << "the log of group " << id_ << " ends at " << end_ << ", and "
                                             << step.entries.front().header.index << " was appended";
      end_ = step.entries.back().header.index;
    }
    model_.apply(write);
    return ::testing::AssertionSuccess();
  }
  // What consensus does about it, some drains later.
  void hear(const TestWrite& write, chr_status code) {
    if (first_index(write) == 0) return;  // a trim, which was counted by nobody
    --unheard_;
    if (code == CHR_E_NO_SPACE) refused_.push_back(write);
  }

  uint64_t id() const { return id_; }
  const ModelGroup& model() const { return model_; }

 private:
  static uint64_t first_index(const TestWrite& write) {
    for (const TestStep& step : write.steps)
      if (step.type == CHR_STORAGE_APPEND) return step.entries.front().header.index;
    return 0;
  }
  TestWrite next() {
    TestWrite write{id_, {}};
    if (random_() % 3 == 0) write.put(kKeys[0], std::to_string(random_()));
    return write.append(some_entries());
  }
  // A new leader has other entries from there on.
  TestWrite replacement(uint64_t from) {
    const auto before = placed_.find(from - 1);
    const TestEntry last{before == placed_.end() ? chr_entry_header{} : before->second, {}};
    maker_.resume(before == placed_.end() ? nullptr : &last);
    return TestWrite{id_, {}}.truncate(from).append(some_entries());
  }
  std::vector<TestEntry> some_entries() {
    std::vector<TestEntry> entries;
    for (uint64_t n = 1 + random_() % 3; n-- > 0;) {
      const bool is_control = random_() % 6 == 0;
      entries.push_back(maker_.next(is_control ? 50 : random_() % 150'000, is_control ? 0 : 1));
      placed_[entries.back().header.index] = entries.back().header;
    }
    return entries;
  }

  uint64_t id_;
  std::mt19937_64 random_;
  EntryMaker maker_;
  std::map<uint64_t, chr_entry_header> placed_;
  std::vector<TestWrite> refused_;
  size_t unheard_ = 0;
  uint64_t end_ = 0;
  ModelGroup model_;
};

struct Call {
  std::vector<TestWrite> writes;
  std::vector<chr_done> done;
};

class StorageDrains : public ::testing::Test {
 protected:
  void SetUp() override {
    if (Subject::get().small.empty()) GTEST_SKIP() << "no settings for a small store (--small KEY=VALUE)";
    open();
    ASSERT_EQ(store_->failure(), "");
    for (int i = 0; i < 4; ++i)
      pipelines_.emplace_back(store_->group("group-" + std::to_string(i)), random_());
    if (Subject::get().is_durable) faults_.emplace(disk_.directory());
  }
  void open() { store_.emplace(disk_, Store::Settings::kSmall); }
  Pipeline& pipeline(uint64_t id) {
    return *std::ranges::find_if(pipelines_, [id](const Pipeline& p) { return p.id() == id; });
  }

  void issue(Pipeline& from, bool may_trim) {
    auto call = std::make_unique<Call>();
    if (may_trim && from.has_log()) {
      call->writes.push_back(from.trim());
    } else {
      call->writes = from.issue();
    }
    if (call->writes.empty()) return;
    ASSERT_EQ(store_->queue(call->writes, &call->done), CHR_PENDING);
    calls_.push_back(std::move(call));
  }
  // What was queued becomes one drain or a few, in the order of the calls.
  void drain(size_t first) {
    store_->host().hold_blocking(false);
    store_->host().run();
    for (size_t i = first; i < calls_.size(); ++i)
      for (size_t k = 0; k < calls_[i]->writes.size(); ++k) {
        const TestWrite& write = calls_[i]->writes[k];
        const chr_status code = calls_[i]->done[k].code;
        refused_ += code == CHR_E_NO_SPACE;
        ASSERT_TRUE(pipeline(write.group).done(write, code));
      }
  }
  void hear() {
    for (; !calls_.empty(); calls_.pop_front())
      for (size_t k = 0; k < calls_.front()->writes.size(); ++k)
        pipeline(calls_.front()->writes[k].group)
            .hear(calls_.front()->writes[k], calls_.front()->done[k].code);
  }
  void expect_as_the_models() {
    for (const Pipeline& each : pipelines_)
      ASSERT_EQ(store_->content(each.id(), kKeys).digest(), each.model().digest()) << "group " << each.id();
  }

  uint64_t seed_ =
      std::getenv("CHRONIK_SEED") != nullptr ? std::strtoull(std::getenv("CHRONIK_SEED"), nullptr, 10) : 8;
  std::mt19937_64 random_{seed_};
  Disk disk_;
  std::optional<Store> store_;
  std::optional<FileFaults> faults_;
  std::vector<Pipeline> pipelines_;
  std::deque<std::unique_ptr<Call>> calls_;  // not heard of yet
  size_t refused_ = 0;
};

TEST_F(StorageDrains, LeaveNoHoleWhateverIsRefused) {
  for (int round = 0; round < 500; ++round) {
    SCOPED_TRACE("round " + std::to_string(round) + ", seed " + std::to_string(seed_) + " (CHRONIK_SEED)");
    const size_t first = calls_.size();
    const bool roomy = random_() % 8 == 0;
    if (faults_) faults_->disk_full(random_() % 4 == 0);
    store_->host().hold_blocking(true);
    for (uint64_t n = 1 + random_() % 4; n-- > 0;)
      ASSERT_NO_FATAL_FAILURE(issue(pipelines_[random_() % pipelines_.size()], roomy));
    ASSERT_NO_FATAL_FAILURE(drain(first));
    if (random_() % 2 == 0) hear();
    if (round % 10 == 0) {
      ASSERT_NO_FATAL_FAILURE(expect_as_the_models());
    }
    store_->host().advance(std::chrono::milliseconds(random_() % 300));
  }
  std::printf("%zu writes refused, seed %llu (CHRONIK_SEED)\n", refused_,
              static_cast<unsigned long long>(seed_));
  EXPECT_GT(refused_, 100u) << "the store was hardly ever full";
  ASSERT_NO_FATAL_FAILURE(expect_as_the_models());
}

}  // namespace
}  // namespace chronik::conformance
