#include "raft/group/step_queue.h"

#include <gtest/gtest.h>

#include <chronik/testing/fake_host.hpp>
#include <string>

namespace chronik::raft {
namespace {

// The host runs what a turn posted in the next one: what others post comes between the steps.
TEST(StepQueue, RunsOneInATurnAndAllInTheirOrder) {
  testing::FakeHost fake;
  const Host host(fake.core());
  StepQueue steps(host, 0);
  std::string order;
  const std::function<void(char, int)> add = [&](char name, int left) {
    steps.add_step([&, name, left] {
      order += name;
      host.post(0, [&] { order += '.'; });
      if (left > 1) add(name, left - 1);
    });
  };
  fake.on_shard(0, [&] {
    add('a', 3);
    add('b', 2);
  });
  EXPECT_EQ(order, "");
  fake.run();
  EXPECT_EQ(order, "ab.a.b.a..");
}

}  // namespace
}  // namespace chronik::raft
