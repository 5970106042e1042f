// Shards, timers, blocking work, operations: through the ABI tables, on real threads.
#include "tests/unit/host/abi/fixture.h"

#include <atomic>
#include <latch>
#include <numeric>
#include <thread>

namespace chronik::host {
namespace {

using Exec = RuntimeTest;

TEST_F(Exec, PostsOfOneThreadRunInOrderOnTheirShard) {
  start();
  constexpr int kPosts = 20'000;
  std::vector<std::vector<int>> seen(3);
  std::latch done(3);
  const auto produce = [&](int producer) {
    for (int i = 0; i < kPosts; ++i) {
      host_.post(1, [&, producer, i] {
        ASSERT_EQ(host_.current_shard(), 1);
        seen[static_cast<size_t>(producer)].push_back(i);
        if (i == kPosts - 1) done.count_down();
      });
    }
  };
  host_.post(0, [&] { produce(0); });
  host_.post(1, [&] { produce(1); });  // a shard to itself
  std::thread outside([&] { produce(2); });
  outside.join();
  done.wait();
  std::vector<int> expected(kPosts);
  std::iota(expected.begin(), expected.end(), 0);
  for (const auto& one : seen) EXPECT_EQ(one, expected);
  EXPECT_EQ(host_.current_shard(), -1);
  EXPECT_EQ(host_.shard_count(), 2u);
}

TEST_F(Exec, WhatWasPostedRunsBeforeStopReturns) {
  start();
  std::atomic<int> ran{0};
  for (uint32_t shard : {0u, 1u}) {
    host_.post(shard, [&, shard] {
      host_.post(1 - shard, [&] { ++ran; });
      host_.post(shard, [&] { ++ran; });
    });
  }
  on(0, [] {});
  on(1, [] {});
  runtime_->stop();
  EXPECT_EQ(ran, 4);
}

struct Ring {
  std::vector<int>* order;
  int name;
  std::promise<void>* last = nullptr;
  static void CHR_CALL run(void* context) {
    auto* ring = static_cast<Ring*>(context);
    ring->order->push_back(ring->name);
    if (ring->last != nullptr) ring->last->set_value();
  }
};

TEST_F(Exec, TimersRunInOrderOfTimeAndNotWhenCancelled) {
  start();
  std::vector<int> order;
  std::promise<void> last;
  Ring rings[] = {{&order, 0}, {&order, 1}, {&order, 2}, {&order, 3}, {&order, 4, &last}};
  uint64_t started = 0;
  on(0, [&] {
    started = host_.now_ns();
    host_.timer(20'000'000, Ring::run, &rings[4]);
    host_.timer(10'000'000, Ring::run, &rings[2]);
    const uint64_t cancelled = host_.timer(5'000'000, Ring::run, &rings[0]);
    host_.timer(1'000'000, Ring::run, &rings[1]);
    host_.timer(10'000'000, Ring::run, &rings[3]);  // after its equal
    EXPECT_NE(cancelled, 0u);
    host_.cancel_timer(cancelled);
    host_.cancel_timer(cancelled);
    host_.cancel_timer(0);
  });
  last.get_future().wait();
  EXPECT_GE(host_.now_ns() - started, 20'000'000u);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
}

TEST_F(Exec, AnEarlierTimerIsNotHeldUpByALaterOne) {
  start();
  std::vector<int> order;
  std::promise<void> last;
  Ring late{&order, 1};
  Ring soon{&order, 0, &last};
  on(1, [&] {
    host_.timer(3'600'000'000'000, Ring::run, &late);
    host_.timer(1'000'000, Ring::run, &soon);
  });
  last.get_future().wait();
  EXPECT_EQ(order, std::vector<int>{0});
}

TEST_F(Exec, TimersAndOperationsOffAShardStopTheNode) {
  start();
  EXPECT_EQ(host_.timer(1, Ring::run, nullptr), 0u);
  ASSERT_EQ(fatals_.size(), 1u);
  EXPECT_NE(fatals_[0].find("timer_start was called on a thread that is no shard"), std::string::npos);
  EXPECT_TRUE(log_.has("comp=test-plugin")) << log_.text();
}

TEST_F(Exec, BlockingWorkRunsBesideTheShardsAndCompletesBack) {
  start();
  std::latch both(2);  // two jobs that wait for each other: there is more than one thread
  std::promise<int32_t> shard;
  on(1, [&] {
    const chr_status status = host_.async(
        [&](uint64_t token) {
          host_.blocking([&] { both.arrive_and_wait(); });
          host_.blocking([&, token] {
            EXPECT_EQ(host_.current_shard(), -1);
            both.arrive_and_wait();
            host_.complete(token, CHR_E_NO_SPACE, "the disk is full");
          });
          return CHR_PENDING;
        },
        [&](const chr_done& done) {
          EXPECT_EQ(done.code, CHR_E_NO_SPACE);
          EXPECT_EQ(from_abi(done.message), "the disk is full");
          shard.set_value(host_.current_shard());
        });
    EXPECT_EQ(status, CHR_PENDING);
  });
  EXPECT_EQ(shard.get_future().get(), 1);
  runtime_->stop();  // joins the jobs, which use the latch
}

TEST_F(Exec, CompletionsKeepTheirLeaseUntilDeliveredAndNoLonger) {
  start();
  CountedLease lease;
  std::promise<int> held;
  on(0, [&] {
    host_.async(
        [&](uint64_t token) {
          chr_done done{};
          done.token = token;
          done.u[2] = 42;
          done.lease = &lease.base;
          std::thread([&] { host_.complete(&done, 1); }).join();
          return CHR_PENDING;
        },
        [&](const chr_done& done) {
          EXPECT_EQ(done.u[2], 42u);
          held.set_value(lease.references);
        });
    EXPECT_EQ(lease.references, 2);  // retained before complete() returned
  });
  EXPECT_EQ(held.get_future().get(), 2);
  lease.released.get_future().wait();
  EXPECT_EQ(lease.references, 1);
}

TEST_F(Exec, ManyCompletionsAtOnceReachTheShardOfEachToken) {
  start();
  constexpr uint32_t kEach = 100;
  std::vector<chr_done> dones;
  std::atomic<uint32_t> right{0};
  std::latch all(2 * kEach);
  struct Context {
    Runtime* runtime;
    int32_t shard;
    std::atomic<uint32_t>* right;
    std::latch* all;
  };
  Context contexts[] = {{runtime_.get(), 0, &right, &all}, {runtime_.get(), 1, &right, &all}};
  for (uint32_t shard : {0u, 1u}) {
    on(shard, [&] {
      for (uint32_t i = 0; i < kEach; ++i) {
        chr_done done{};
        done.token = runtime_->op_begin(
            [](void* p, const chr_done*) {
              auto* context = static_cast<Context*>(p);
              if (context->runtime->current_shard() == context->shard) ++*context->right;
              context->all->count_down();
            },
            &contexts[shard]);
        dones.push_back(done);
      }
    });
  }
  for (uint32_t i = 0; i < kEach; i += 2) std::swap(dones[i], dones[kEach + i]);
  host_.complete(dones.data(), static_cast<uint32_t>(dones.size()));
  all.wait();
  EXPECT_EQ(right, 2 * kEach);
}

TEST_F(Exec, StaleDoubleAndInventedCompletionsAreLoggedAndIgnored) {
  start();
  int finished = 0;
  CountedLease lease;
  on(0, [&] {
    chr_done done{};
    host_.async(
        [&](uint64_t token) {
          done.token = token;
          return CHR_PENDING;
        },
        [&](const chr_done&) { ++finished; });
    done.lease = &lease.base;
    const chr_done twice[] = {done, done};
    host_.complete(twice, 2);
  });
  on(0, [] {});
  on(0, [] {});
  EXPECT_EQ(finished, 1);
  EXPECT_EQ(lease.references, 1);
  EXPECT_TRUE(log_.has("comp=test-plugin msg=\"Plugin misbehaviour: completed an operation twice"))
      << log_.text();

  uint64_t abandoned = 0;
  on(1, [&] {
    const chr_status status = host_.async(
        [&](uint64_t token) {
          abandoned = token;
          return CHR_E_OVERLOADED;
        },
        [&](const chr_done&) { ++finished; });
    EXPECT_EQ(status, CHR_E_OVERLOADED);
  });
  for (const uint64_t token : {abandoned, uint64_t{0}, UINT64_MAX, uint64_t{1} << 32 | 12345})
    host_.complete(token, CHR_OK);
  on(0, [] {});
  on(1, [] {});
  EXPECT_EQ(finished, 1);
  EXPECT_TRUE(log_.has("token=0xffffffffffffffff"));
  EXPECT_TRUE(fatals_.empty());
}

TEST_F(Exec, TheControlThreadWaitsForAPendingCall) {
  start();
  const auto patience = std::chrono::seconds(60);
  EXPECT_TRUE(runtime_->call([](uint64_t, chr_error*) { return CHR_OK; }, patience));
  const Status refused = runtime_->call(
      [](uint64_t, chr_error* error) { return report(error, CHR_E_CORRUPT, "the store is newer"); },
      patience);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "the store is newer");
  const Status later = runtime_->call(
      [&](uint64_t token, chr_error*) {
        host_.blocking([&, token] { host_.complete(token, CHR_E_IO, "broken"); });
        return CHR_PENDING;
      },
      patience);
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().code, Code::kIo);
  uint64_t late_token = 0;
  const Status never = runtime_->call(
      [&](uint64_t token, chr_error*) {
        late_token = token;
        return CHR_PENDING;
      },
      std::chrono::milliseconds(1));
  ASSERT_FALSE(never);
  EXPECT_EQ(never.error().code, Code::kTimeout);
  host_.complete(late_token, CHR_OK);  // harmless
  on(0, [] {});
}

TEST_F(Exec, APluginSeesItsNodeAndTheHostsServices) {
  start();
  EXPECT_EQ(host_.node().id, 7);
  ASSERT_EQ(host_.node().n_peers, 2u);
  EXPECT_EQ(from_abi(host_.node().peers[1].address), "127.0.0.1:2");
  EXPECT_EQ(host_.config_int("absent", 5), 5);
  EXPECT_EQ(host_.find<void>("chronik.host.link/1"), nullptr);
  EXPECT_NE(host_.random_u64(), host_.random_u64());
  EXPECT_GT(host_.unix_ms(), 1'700'000'000'000);
  EXPECT_FALSE(host_.adopt_cluster("abc"));

  chr_slice slice{};
  ASSERT_EQ(host_.alloc(100'000, &slice), CHR_OK);
  EXPECT_EQ(slice.n, 100'000u);
  EXPECT_EQ(plugin_->live_buffers(), 1);
  slice.lease->ops->release(slice.lease);
  EXPECT_EQ(plugin_->live_buffers(), 0);

  const uint64_t metric = host_.counter("test_total", "A test.", "k=\"v\"");
  host_.add(metric, 3);
  EXPECT_NE(metrics_.expose().find("test_total{k=\"v\"} 3\n"), std::string::npos);
  host_.add(host_.counter("bad name", ""), 1);
  EXPECT_TRUE(log_.has("defined a metric with a bad name"));
}

TEST_F(Exec, TheNodeIsReadyOnceThePluginStartedAndSaysSo) {
  start();
  EXPECT_FALSE(health_.ready());
  plugin_->started();
  EXPECT_TRUE(health_.ready());
  host_.health("recovery", CHR_HEALTH_NOT_READY, "replaying");
  EXPECT_FALSE(health_.ready());
  host_.health("recovery", CHR_HEALTH_DEGRADED, "slow disk");
  EXPECT_TRUE(health_.ready());
  EXPECT_NE(health_.ready_json().find("slow disk"), std::string::npos);
}

TEST_F(Exec, HeartbeatsShowWhichLoopStands) {
  start();
  std::promise<void> standing, go;
  const auto gone = go.get_future().share();
  host_.post(1, [&standing, gone] {
    standing.set_value();
    gone.wait();
  });
  standing.get_future().wait();
  // Shard 0 turns, shard 1 cannot until it is let go.
  const uint64_t before = runtime_->heartbeat_ages_ns()[1];
  std::promise<void> later;
  on(0, [&] {
    host_.timer(20'000'000, [](void* p) { static_cast<std::promise<void>*>(p)->set_value(); }, &later);
  });
  later.get_future().wait();
  EXPECT_GE(runtime_->heartbeat_ages_ns()[1], before + 20'000'000);
  watch_shards(health_, *runtime_, std::chrono::milliseconds(20));
  ASSERT_EQ(health_.deaths().size(), 1u);
  EXPECT_NE(health_.deaths()[0].find("shard 1 has not turned for "), std::string::npos);
  go.set_value();
}

}  // namespace
}  // namespace chronik::host
