// Who is up: the same from every node, whatever links are broken.
#include <chronik/draft/liveness.h>

#include "tests/unit/metadata/service/cluster.h"

namespace chronik::metadata::test {
namespace {

using Nodes = std::set<int32_t>;
using Named = std::pair<int32_t, uint64_t>;

class LivenessTest : public Cluster {
 protected:
  LivenessTest() { settle(); }
  Nodes up(int32_t on) {
    void* self = nullptr;
    const auto* table = static_cast<const chr_liveness_v1*>(node(on).service(CHR_LIVENESS_ID, &self));
    Nodes out;
    for (int32_t id = 0; id <= 4; ++id)
      if (table->is_up(self, id) != 0) out.insert(id);
    return out;
  }
};

TEST_F(LivenessTest, ABrokenLinkMakesNeitherEndLookGone) {
  for (const auto& [a, b] : {std::pair{2, 3}, {1, 2}, {1, 3}}) {  // node 1 leads __meta
    set_link(a, b, false);
    for (const int32_t id : {1, 2, 3}) EXPECT_EQ(up(id), (Nodes{1, 2, 3})) << id << ": " << a << "-" << b;
    set_link(a, b, true);
    advance(10ms);
  }
}

TEST_F(LivenessTest, WhoIsGoneIsGoneForAll) {
  set_link(1, 3, false);
  set_link(2, 3, false);
  EXPECT_EQ(up(1), (Nodes{1, 2}));
  EXPECT_EQ(up(2), (Nodes{1, 2}));
  EXPECT_EQ(up(3), (Nodes{3}));
  set_link(2, 3, true);
  for (const int32_t id : {1, 2, 3}) EXPECT_EQ(up(id), (Nodes{1, 2, 3})) << id;
}

TEST_F(LivenessTest, WithoutALeaderEachSaysWhatItFinds) {
  no_leader();
  set_link(1, 2, false);
  for (const int32_t id : {1, 2, 3}) EXPECT_EQ(up(id), (Nodes{1, 2, 3})) << id;
}

TEST_F(LivenessTest, FramesThatAreLostAreToldAgain) {
  losing_ = true;
  set_link(2, 3, false);
  EXPECT_EQ(up(2), (Nodes{1, 2})) << "what the leader said before does not count";
  set_link(2, 1, false);
  EXPECT_EQ(up(2), (Nodes{2}));
  set_link(2, 1, true);
  EXPECT_EQ(up(2), (Nodes{1, 2})) << "nobody told it of node 3";
  losing_ = false;
  advance(6s);
  for (const int32_t id : {1, 2, 3}) EXPECT_EQ(up(id), (Nodes{1, 2, 3})) << id;
}

TEST_F(LivenessTest, WatchersAreTold) {
  uint64_t calls = 0;
  const chr_catalog_fn count = [](void* context) { ++*static_cast<uint64_t*>(context); };
  node(2).host.on_shard(0, [&] { node(2).table->watch(node(2).self, count, &calls); });
  step();
  const uint64_t before = calls;
  set_link(1, 3, false);
  set_link(2, 3, false);
  EXPECT_GT(calls, before);
  node(2).host.on_shard(0, [&] { node(2).table->unwatch(node(2).self, count, &calls); });
}

// A replica that does not hear its leader does not know it; others do.
TEST_F(LivenessTest, ALeaderBehindABrokenLinkIsNamed) {
  node(1).create("test", 1, 3);
  advance(20ms);
  for (const int32_t id : {1, 2, 3}) node(id).role("test", 0, 5, 2, id == 2);
  advance(200ms);
  node(3).role("test", 0, 5, -1);
  advance(900ms);
  EXPECT_EQ(node(3).leader("test"), Named(-1, 5)) << "it may just be gone";
  set_link(2, 3, false);
  EXPECT_EQ(node(3).leader("test"), Named(2, 5));
  set_link(1, 2, false);
  EXPECT_EQ(node(3).leader("test"), Named(-1, 5)) << "gone for all";
}

// The link is not known to be broken yet, but nothing passes.
TEST_F(LivenessTest, ALeaderThatOthersHearIsNamed) {
  node(1).create("test", 1, 3);
  advance(20ms);
  for (const int32_t id : {1, 2, 3}) node(id).role("test", 0, 5, 2, id == 2);
  advance(200ms);
  node(3).role("test", 0, 5, -1);
  advance(600ms);
  node(3).role("test", 0, 5, -1);
  advance(300ms);
  EXPECT_EQ(node(3).leader("test"), Named(-1, 5));
  advance(200ms);
  EXPECT_EQ(node(3).leader("test"), Named(2, 5)) << "nobody else was elected";
  node(3).role("test", 0, 6, -1);
  EXPECT_EQ(node(3).leader("test"), Named(-1, 6));
}

// Node 2 says nothing of it any more, though it is not known to be gone.
TEST_F(LivenessTest, WhatWasSaidBeforeALossDoesNotCount) {
  losing_ = true;
  set_link(1, 3, false);
  EXPECT_EQ(up(1), (Nodes{1, 2}));
  losing_ = false;
  advance(6s);
  EXPECT_EQ(up(1), (Nodes{1, 2, 3})) << "it reaches node 3, and says so again";
}

TEST_F(LivenessTest, WhoIsLinkedIsUp) {
  losing_ = true;  // whatever the leader says
  set_link(1, 3, false);
  set_link(2, 3, false);
  losing_ = false;
  advance(6s);
  ASSERT_EQ(up(2), (Nodes{1, 2}));
  losing_ = true;
  set_link(2, 3, true);
  EXPECT_EQ(up(2), (Nodes{1, 2, 3}));
}

}  // namespace
}  // namespace chronik::metadata::test
