#include "sim/host/cluster.h"
#include "sim/unit/probe.h"

#include <gtest/gtest.h>
#include <chronik/host.hpp>

#include <cstring>

namespace chronik::sim {
namespace {

const host::PluginSet& plugins() {
  static const host::PluginSet* const set = [] {
    auto loaded = load_plugins(SIM_TEST_PLUGINS, {"sim-probe"});
    if (!loaded) throw std::runtime_error(loaded.error().message);
    return new host::PluginSet(std::move(*loaded));
  }();
  return *set;
}

struct Sim {
  explicit Sim(uint64_t seed, uint8_t fill = 0xc3, bool poison = true, const char* reserve = "0")
      : world([&] {
          WorldOptions options;
          options.seed = seed;
          options.shards = 2;
          options.poison = poison;
          options.fill = fill;
          return options;
        }()),
        cluster(world, plugins(), {{"probe.listen", "node-{node}:9092"}, {"probe.reserve", reserve}}, {}) {}

  const chr_probe_v1* probe(uint32_t node, void** self) {
    return static_cast<const chr_probe_v1*>(cluster.node(node).service(CHR_PROBE_ID, self, false));
  }
  // Calls append and says, when the run goes on, that it was completed.
  void append(uint32_t id, std::string_view text, int* completed) {
    Node& node = cluster.node(id);
    const Enter enter(world, node.at_shard(0));
    void* self = nullptr;
    const auto* table = probe(id, &self);
    const auto count = [](void* context, const chr_done* done) {
      if (done->code == CHR_OK) ++*static_cast<int*>(context);
    };
    const uint64_t token = node.ops().begin(&node.harness(), 0, count, completed);
    EXPECT_EQ(table->append(self, to_abi(text), token), CHR_PENDING);
  }

  World world;
  Cluster cluster;
};

uint64_t busy_run(uint64_t seed, uint8_t fill, bool poison) {
  Sim sim(seed, fill, poison);
  sim.cluster.links().faults.loss = 0.05;
  sim.cluster.links().faults.duplicate = 0.05;
  sim.cluster.boot_all();
  int completed = 0;
  for (uint64_t i = 0; i < 40; ++i) {
    EXPECT_TRUE(sim.cluster.run_for(50 * kMillisecond)) << sim.world.violation;
    if (sim.cluster.node(1).running()) sim.append(1, "entry;", &completed);
    for (uint32_t to = 2; to <= 3 && sim.cluster.node(1).running(); ++to) {
      void* self = nullptr;
      const auto* probe = sim.probe(1, &self);
      const Enter enter(sim.world, sim.cluster.node(1).at_shard(0));
      probe->send(self, static_cast<int32_t>(to), i);
    }
    if (i == 20) sim.cluster.node(2).crash(true);
    if (i == 25) sim.cluster.node(2).boot();
  }
  EXPECT_GT(completed, 30);
  return sim.world.trace.hash();
}

TEST(SimHost, ARunIsAFunctionOfItsSeed) {
  EXPECT_EQ(busy_run(7, 0x00, false), busy_run(7, 0xee, true));
  EXPECT_NE(busy_run(7, 0, false), busy_run(8, 0, false));
}

TEST(SimHost, DurableWritesSurvivePowerLoss) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Sim sim(seed);
    sim.cluster.boot_all();
    ASSERT_TRUE(sim.cluster.run_for(kSecond)) << sim.world.violation;
    int completed = 0;
    for (int i = 0; i < 5; ++i) sim.append(1, "entry;", &completed);
    ASSERT_TRUE(sim.cluster.run_for(100 * kMicrosecond + seed * 20 * kMicrosecond));
    const auto durable = static_cast<size_t>(completed);
    sim.cluster.node(1).crash(true);
    EXPECT_EQ(sim.cluster.node(1).state(), Node::State::kDown);
    sim.cluster.node(1).boot();
    ASSERT_TRUE(sim.cluster.run_for(kSecond)) << sim.world.violation;
    void* self = nullptr;
    const auto* probe = sim.probe(1, &self);
    const std::string recovered(from_abi(probe->recovered(self)));
    ASSERT_GE(recovered.size(), durable * 6) << "seed " << seed;
    for (size_t i = 0; i < durable; ++i) EXPECT_EQ(recovered.substr(i * 6, 6), "entry;") << "seed " << seed;
  }
}

TEST(SimHost, ADoubleCompletionFailsTheRun) {
  Sim sim(1);
  sim.cluster.boot_all();
  ASSERT_TRUE(sim.cluster.run_for(kSecond));
  Node& node = sim.cluster.node(1);
  void* self = nullptr;
  const auto* probe = sim.probe(1, &self);
  {
    const Enter enter(sim.world, node.at_shard(0));
    const uint64_t token = node.ops().begin(&node.harness(), 0, [](void*, const chr_done*) {}, nullptr);
    probe->twice(self, token);
  }
  EXPECT_FALSE(sim.cluster.run_for(kSecond));
  EXPECT_EQ(sim.world.invariant, "plugin-misbehaviour");
}

TEST(SimHost, FramesOfOneLaneKeepTheirOrder) {
  Sim sim(3);
  sim.cluster.links().faults.loss = 0.2;
  sim.cluster.links().faults.duplicate = 0.0;
  sim.cluster.boot_all();
  ASSERT_TRUE(sim.cluster.run_for(kSecond));
  void *one = nullptr, *two = nullptr;
  const auto* sender = sim.probe(1, &one);
  for (uint64_t i = 1; i <= 500; ++i) {
    {
      const Enter enter(sim.world, sim.cluster.node(1).at_shard(0));
      ASSERT_EQ(sender->send(one, 2, i), CHR_OK);
    }
    sim.cluster.run_for(10 * kMicrosecond);
  }
  ASSERT_TRUE(sim.cluster.run_for(kSecond));
  uint32_t ordered = 0;
  uint64_t up = 0;
  const uint64_t frames = sim.probe(2, &two)->frames(two, &ordered, &up);
  EXPECT_GT(frames, 300u);
  EXPECT_LT(frames, 480u);
  EXPECT_EQ(ordered, 1u);
  EXPECT_EQ(up, (1ull << 1) | (1ull << 3));
}

TEST(SimHost, LinksGoDownAndComeBack) {
  Sim sim(4);
  sim.cluster.boot_all();
  ASSERT_TRUE(sim.cluster.run_for(kSecond));
  const auto up_at = [&](uint32_t node) {
    void* self = nullptr;
    uint32_t ordered = 0;
    uint64_t up = 0;
    sim.probe(node, &self)->frames(self, &ordered, &up);
    return up;
  };
  sim.cluster.node(3).crash(false);
  ASSERT_TRUE(sim.cluster.run_for(kSecond));
  EXPECT_EQ(up_at(1), 1ull << 2);
  sim.cluster.node(3).boot();
  ASSERT_TRUE(sim.cluster.run_for(kSecond));
  EXPECT_EQ(up_at(1), (1ull << 2) | (1ull << 3));
  sim.cluster.links().block(1, 2, true);  // one-way: noticed after the silence, by both
  ASSERT_TRUE(sim.cluster.run_for(kSecond));
  EXPECT_EQ(up_at(1), (1ull << 2) | (1ull << 3));
  ASSERT_TRUE(sim.cluster.run_for(5 * kSecond));
  EXPECT_EQ(up_at(1), 1ull << 3);
  EXPECT_EQ(up_at(2), 1ull << 3);
  sim.cluster.links().heal();
  ASSERT_TRUE(sim.cluster.run_for(kSecond));
  EXPECT_EQ(up_at(1), (1ull << 2) | (1ull << 3));
}

struct Client : ClientSink {
  void connected(uint64_t) override { ++connects; }
  void received(uint64_t, std::string_view bytes) override { text += bytes; }
  void disconnected(uint64_t) override { ++ends; }
  int connects = 0, ends = 0;
  std::string text;
};

TEST(SimHost, ClientsTalkToAProtocolAndSeeItsNodeDie) {
  Sim sim(5);
  sim.cluster.net().faults.split = 0.5;
  sim.cluster.boot_all();
  ASSERT_TRUE(sim.cluster.run_for(kSecond));
  Client client;
  const uint64_t socket = sim.cluster.net().connect("node-1:9092", &client);
  ASSERT_TRUE(sim.cluster.run_for(kSecond));
  ASSERT_EQ(client.connects, 1);
  std::string sent;
  for (uint32_t n = 1; n < 50; ++n) {
    std::string frame(sizeof n, '\0');
    std::memcpy(frame.data(), &n, sizeof n);
    frame.append(n, 'x');
    sent += frame;
    sim.cluster.net().send(socket, frame);
  }
  ASSERT_TRUE(sim.cluster.run_for(kSecond));
  EXPECT_EQ(client.text, sent);
  sim.cluster.node(1).crash(false);
  ASSERT_TRUE(sim.cluster.run_for(kSecond));
  EXPECT_EQ(client.ends, 1);
  sim.cluster.net().connect("node-1:9092", &client);
  ASSERT_TRUE(sim.cluster.run_for(kSecond));
  EXPECT_EQ(client.ends, 2) << "a node that is down refuses";
}

TEST(SimHost, APausedNodeStandsStillAndGoesOn) {
  Sim sim(6);
  sim.cluster.boot_all();
  ASSERT_TRUE(sim.cluster.run_for(kSecond));
  int beats[4] = {};
  sim.world.on_log = [&](uint32_t node, int32_t, std::string_view) { ++beats[node]; };
  sim.world.loop.pause(1, sim.world.loop.now() + 2 * kSecond);
  ASSERT_TRUE(sim.cluster.run_for(1900 * kMillisecond));
  EXPECT_EQ(beats[1], 0);
  EXPECT_GE(beats[2], 18);
  ASSERT_TRUE(sim.cluster.run_for(kSecond));
  EXPECT_GE(beats[1], 8);
}

TEST(SimHost, StopIsClean) {
  Sim sim(9);
  sim.cluster.boot_all();
  ASSERT_TRUE(sim.cluster.run_for(kSecond));
  sim.cluster.node(2).stop();
  ASSERT_TRUE(sim.cluster.run_for(kSecond)) << sim.world.violation;
  EXPECT_EQ(sim.cluster.node(2).state(), Node::State::kDown);
}

// The stall makes the answer late: by then the disk has room again.
TEST(SimHost, AStartThatFoundADiskFullMaySaySoLater) {
  Sim sim(10, 0xc3, true, "4096");
  Node& node = sim.cluster.node(1);
  node.disk().capacity = 1;
  node.disk().stalled_until = 5 * kSecond;
  sim.cluster.boot_all();
  ASSERT_TRUE(sim.cluster.run_for(2 * kSecond)) << sim.world.violation;
  node.disk().capacity = UINT64_MAX;
  ASSERT_TRUE(sim.cluster.run_for(3500 * kMillisecond)) << sim.world.violation;
  EXPECT_EQ(node.state(), Node::State::kDown);
  ASSERT_TRUE(sim.cluster.run_for(2 * kSecond)) << sim.world.violation;
  EXPECT_TRUE(node.running());
}

}  // namespace
}  // namespace chronik::sim
