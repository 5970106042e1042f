// Work on partitions goes to their shards, and comes back, by the hundred.
#include "kafka-proto/partition/by_shard.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <chronik/testing/fake_host.hpp>

namespace chronik::kafka {
namespace {

struct Work {
  int number = 0;
  int32_t shard = -1;  // where it was begun
};

class ByShardTest : public ::testing::Test {
 protected:
  // `count` works on each of two shards; begin(work, done) as the test says.
  template <class Begin>
  void run(int count, const Begin& begin) {
    for (int i = 0; i < count; ++i)
      for (const uint32_t shard : {1u, 2u}) works_.add(shard, {i});
    batches_ = works_.batches();
    works_.run(Host(host_.core()), 0, begin, [this](const std::vector<Work>& done) {
      EXPECT_EQ(Host(host_.core()).current_shard(), 0);
      back_.push_back(done);
    });
    host_.run();
  }

  testing::FakeHost host_{1, 3};
  ByShard<Work> works_;
  size_t batches_ = 0;
  std::vector<std::vector<Work>> back_;
};

TEST_F(ByShardTest, HundredsGoAtOnce) {
  run(600, [this](Work& work, const std::function<void()>& done) {
    work.shard = Host(host_.core()).current_shard();
    done();
  });
  EXPECT_EQ(batches_, 6u);
  ASSERT_EQ(back_.size(), 6u);
  size_t works = 0;
  for (const std::vector<Work>& batch : back_) {
    works += batch.size();
    for (const Work& work : batch) EXPECT_EQ(work.shard, batch.front().shard);
  }
  EXPECT_EQ(works, 1200u);
}

TEST_F(ByShardTest, ABatchComesBackOnceAllOfItIsDone) {
  std::vector<std::function<void()>> open;
  run(3, [&](Work& work, const std::function<void()>& done) {
    if (work.number == 1) return open.push_back(done);
    done();
  });
  EXPECT_TRUE(back_.empty());
  host_.on_shard(1, [&] { open.at(0)(); });
  host_.run();
  ASSERT_EQ(back_.size(), 1u);
  EXPECT_EQ(back_[0].size(), 3u);
  host_.on_shard(2, [&] { open.at(1)(); });
  host_.run();
  EXPECT_EQ(back_.size(), 2u);
}

TEST_F(ByShardTest, OneByOneHasATurnForEach) {
  const Host host(host_.core());
  std::vector<Work> works = {{0}, {1}, {2}};
  std::string seen;
  host_.on_shard(1, [&] {
    one_by_one(
        host, works,
        [&](Work& work, const std::function<void()>& done) {
          seen += std::to_string(work.number);
          host.post(1, [&seen] { seen += '.'; });  // others
          done();
        },
        [&] { seen += "end"; });
  });
  host_.run();
  EXPECT_EQ(seen, "0.1.2.end");
}

TEST_F(ByShardTest, NothingIsNoBatch) {
  run(0, [](Work&, const std::function<void()>& done) { done(); });
  EXPECT_EQ(batches_, 0u);
  EXPECT_TRUE(back_.empty());
}

}  // namespace
}  // namespace chronik::kafka
