#include <gtest/gtest.h>
#include <chronik/testing/fake_host.hpp>

namespace chronik::testing {
namespace {

using std::chrono::milliseconds;

TEST(FakeHost, RunsPostsAndBlockingJobsInOrderOnTheirShards) {
  FakeHost fake(1, 2);
  const Host host(fake.core());
  std::vector<int> order;
  host.post(1, [&] {
    EXPECT_EQ(host.current_shard(), 1);
    order.push_back(1);
    host.blocking([&] {
      EXPECT_EQ(host.current_shard(), -1);
      order.push_back(3);
    });
  });
  host.post(0, [&] { order.push_back(2); });
  EXPECT_TRUE(order.empty());
  fake.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  fake.expect_idle();
}

TEST(FakeHost, CompletesAnOperationOnceOnItsShard) {
  FakeHost fake(1, 2);
  const Host host(fake.core());
  uint64_t token = 0;
  int32_t got = 0;
  fake.on_shard(1, [&] {
    const chr_status status = host.async(
        [&](uint64_t t) {
          token = t;
          return CHR_PENDING;
        },
        [&](const chr_done& done) {
          EXPECT_EQ(host.current_shard(), 1);
          EXPECT_EQ(from_abi(done.message), "no disk");
          got = done.code;
        });
    EXPECT_EQ(status, CHR_PENDING);
  });
  host.complete(token, CHR_E_IO, "no disk");
  EXPECT_THROW(host.complete(token, CHR_OK), std::logic_error);
  fake.run();
  EXPECT_EQ(got, CHR_E_IO);
  EXPECT_THROW(host.complete(token, CHR_OK), std::logic_error);
  fake.expect_idle();
}

TEST(FakeHost, TimersFireInVirtualTimeOnly) {
  FakeHost fake;
  const Host host(fake.core());
  int fired = 0;
  const auto count = [](void* context) { ++*static_cast<int*>(context); };
  uint64_t cancelled = 0;
  fake.on_shard(0, [&] {
    host.timer(5'000'000, count, &fired);
    cancelled = host.timer(6'000'000, count, &fired);
  });
  fake.advance(milliseconds(4));
  EXPECT_EQ(fired, 0);
  fake.on_shard(0, [&] { host.cancel_timer(cancelled); });
  fake.advance(milliseconds(100));
  EXPECT_EQ(fired, 1);
  fake.expect_idle();
}

TEST(FakeHost, HoldsBlockingJobsBackLikeAStalledDisk) {
  FakeHost fake;
  const Host host(fake.core());
  bool ran = false;
  fake.hold_blocking(true);
  host.blocking([&] { ran = true; });
  fake.advance(milliseconds(1000));
  EXPECT_FALSE(ran);
  fake.hold_blocking(false);
  fake.run();
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace chronik::testing
