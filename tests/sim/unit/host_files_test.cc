// chronik.host.files/1 of a simulated node: names, handles, what is in flight when a node dies, and the rules.
#include "sim/host/cluster.h"
#include "sim/host/file_services.h"

#include <gtest/gtest.h>
#include <chronik/files.hpp>

#include <algorithm>
#include <map>

namespace chronik::sim {
namespace {

class HostFilesTest : public ::testing::Test {
 protected:
  void SetUp() override { begin(1); }
  void begin(uint64_t seed) {
    cluster_.reset();
    WorldOptions options;
    options.seed = seed;
    options.nodes = 1;
    world_ = std::make_unique<World>(options);
    auto plugins = load_plugins(SIM_TEST_PLUGINS, {"sim-probe"});
    ASSERT_TRUE(plugins);
    plugins_ = std::make_unique<host::PluginSet>(std::move(*plugins));
    cluster_ = std::make_unique<Cluster>(
        *world_, *plugins_,
        std::vector<std::pair<std::string, std::string>>{{"probe.listen", "node-{node}:9092"}},
        std::vector<Interposer*>());
    cluster_->boot_all();
    ASSERT_TRUE(cluster_->run_for(kSecond)) << world_->violation;
  }
  Node& node() { return cluster_->node(1); }
  Host host() { return Host(&node().harness().core); }
  chronik::Files files() { return *chronik::Files::of(host()); }
  // Calls that block, as if in a job: what they take passes afterwards.
  template <class F>
  void job(F&& fn) {
    uint64_t cost = 0;
    {
      const Enter enter(*world_, node().at_control());
      fn();
      cost = world_->current.cost;
    }
    cluster_->run_for(cost);
  }
  template <class F>
  void shard(F&& fn) {
    const Enter enter(*world_, node().at_shard(0));
    fn();
  }
  // Handles that nobody closes: their process is killed.
  uint64_t open(std::string_view name) {
    uint64_t file = 0;
    job([&] {
      chr_file_info info{};
      info.struct_size = sizeof info;
      EXPECT_EQ(kFilesTable.open(&node().harness(), to_abi(name), CHR_FILE_CREATE, &file, &info, nullptr),
                CHR_OK);
    });
    return file;
  }
  template <class F>
  void begin_write(uint64_t file, uint64_t at, const std::string& text, F done) {
    const chr_slice slice{reinterpret_cast<const uint8_t*>(text.data()), text.size(), nullptr};
    host().async(
        [&](uint64_t token) {
          const chr_file_write args{file, at, &slice, 1, CHR_FILE_DURABLE, token};
          return kFilesTable.write(&node().harness(), &args, nullptr);
        },
        done);
  }
  void restart(bool power_loss) {
    node().crash(power_loss);
    node().boot();
    ASSERT_TRUE(cluster_->run_for(kSecond)) << world_->violation;
  }
  std::map<std::string, uint64_t> names() {
    std::map<std::string, uint64_t> all;
    job([&] {
      EXPECT_TRUE(files().list([&](std::string_view name, uint64_t n) { all[std::string(name)] = n; }));
    });
    all.erase("log");  // the probe's
    return all;
  }
  std::string content(std::string_view name) {
    std::string bytes;
    job([&] {
      const File file = *files().open(name, 0);
      bytes.resize(file.info().size);
      EXPECT_TRUE(file.read(0, bytes.data(), bytes.size()));
    });
    return bytes;
  }

  std::unique_ptr<World> world_;
  std::unique_ptr<host::PluginSet> plugins_;
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(HostFilesTest, NamesAreAsOfTheirLastSyncWithAnyPartOfWhatCameAfter) {
  std::map<std::string, int> seen;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    begin(seed);
    job([&] {
      EXPECT_TRUE(files().open("old", CHR_FILE_CREATE)->write(0, "o", 1, CHR_FILE_DURABLE));
      EXPECT_TRUE(files().sync_names());
      EXPECT_TRUE(files().open("new", CHR_FILE_CREATE)->write(0, "nn", 2, CHR_FILE_DURABLE));
      EXPECT_TRUE(files().rename("new", "old"));
    });
    restart(true);
    std::string state;
    for (const auto& [name, size] : names()) state += name + std::to_string(size) + " ";
    ++seen[state];
    begin(seed);
    job([&] {
      EXPECT_TRUE(files().open("gone", CHR_FILE_CREATE));
      EXPECT_TRUE(files().sync_names());
      EXPECT_TRUE(files().remove("gone"));
      EXPECT_TRUE(files().sync_names());
    });
    restart(true);
    EXPECT_TRUE(names().empty()) << "seed " << seed;
  }
  EXPECT_GT(seen["old1 "], 0);
  EXPECT_GT(seen["new2 old1 "], 0);
  EXPECT_GT(seen["old2 "], 0) << "a rename is whole";
  EXPECT_EQ(seen["old1 "] + seen["new2 old1 "] + seen["old2 "], 60);
}

TEST_F(HostFilesTest, AKillKeepsNames) {
  job([&] {
    EXPECT_TRUE(files().open("a", CHR_FILE_CREATE)->write(0, "text", 4));
    EXPECT_TRUE(files().rename("a", "b"));
  });
  restart(false);
  EXPECT_EQ(content("b"), "text");
  EXPECT_EQ(names().size(), 1u);
}

TEST_F(HostFilesTest, AMapShowsWhatIsWrittenAndOutlivesItsFile) {
  Lease lease;
  const uint8_t* p = nullptr;
  job([&] {
    const File file = *files().open("a", CHR_FILE_CREATE);
    EXPECT_TRUE(file.zero(0, 8192));
    const auto map = file.map(4096, 1 << 20);
    ASSERT_TRUE(map);
    lease = Lease::adopt(map->lease);
    p = map->p;
    EXPECT_TRUE(file.write(4100, "text", 4));
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(p) + 4, 4), "text");
  });
  job([&] { EXPECT_TRUE(files().remove("a")); });
  EXPECT_EQ(p[4], 't');
}

TEST_F(HostFilesTest, WritesInFlightEndInAnyOrderAndDurably) {
  bool reordered = false;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    begin(seed);
    const uint64_t file = open("a");
    job([&] { EXPECT_TRUE(files().sync_names()); });
    std::vector<int> ended;
    static const std::string text(512, 'x');
    shard([&] {
      for (int i = 0; i < 8; ++i) {
        begin_write(file, static_cast<uint64_t>(i) * 512, text, [&ended, i](const chr_done& done) {
          EXPECT_EQ(done.code, CHR_OK);
          ended.push_back(i);
        });
      }
    });
    while (ended.size() < 3) ASSERT_TRUE(cluster_->run_for(10 * kMicrosecond)) << world_->violation;
    reordered |= !std::ranges::is_sorted(ended);
    restart(true);
    const std::string left = content("a");
    for (const int i : ended)
      EXPECT_EQ(left.substr(static_cast<size_t>(i) * 512, 512), text) << "seed " << seed;
  }
  EXPECT_TRUE(reordered);
}

TEST_F(HostFilesTest, SyncsOfOneCallAreInFlightTogetherAndEachIsToldItsOwn) {
  constexpr size_t kFiles = 20;
  std::vector<File> opened;
  job([&] {
    for (size_t i = 0; i < kFiles; ++i) {
      opened.push_back(*files().open("f" + std::to_string(i), CHR_FILE_CREATE));
      EXPECT_TRUE(opened.back().write(0, "text", 4));
    }
    EXPECT_TRUE(files().sync_names());
  });
  std::vector<const File*> all;
  for (const File& file : opened) all.push_back(&file);
  std::vector<chr_status> each(kFiles, CHR_E_IO);
  const uint64_t began = world_->now();
  job([&] { EXPECT_TRUE(files().sync_files(all, each)); });
  EXPECT_LT(world_->now() - began, 3 * node().disk().costs.sync_ns) << "not one after the other";
  EXPECT_EQ(std::ranges::count(each, CHR_OK), static_cast<ptrdiff_t>(kFiles));
  job([&] {
    node().disk().fail_next_sync = true;
    EXPECT_EQ(files().sync_files(all, each).error().code, Code::kIo);
  });
  EXPECT_EQ(each[0], CHR_E_IO);
  EXPECT_EQ(std::ranges::count(each, CHR_OK), static_cast<ptrdiff_t>(kFiles - 1));
  opened.clear();
  restart(true);
  EXPECT_EQ(names().size(), kFiles);
  for (size_t i = 0; i < kFiles; ++i) EXPECT_EQ(content("f" + std::to_string(i)), "text");
}

// Nobody takes a disk for well whose calls do not end.
TEST_F(HostFilesTest, AStallThatIsOverSoonerHoldsNothingUp) {
  const uint64_t file = open("a");
  static const std::string text(512, 'x');
  bool ended = false;
  shard([&] { begin_write(file, 0, text, [&](const chr_done&) { ended = true; }); });
  node().disk().stalled_until = world_->now() + 60 * kSecond;
  ASSERT_TRUE(cluster_->run_for(5 * kSecond)) << world_->violation;
  EXPECT_FALSE(ended);
  node().disk().stalled_until = 0;
  ASSERT_TRUE(cluster_->run_for(kSecond)) << world_->violation;
  EXPECT_TRUE(ended);
}

TEST_F(HostFilesTest, MisuseFailsTheRun) {
  const auto misused = [&](std::string_view what) {
    const bool found = world_->violation.find(what) != std::string::npos;
    return found ? ::testing::AssertionSuccess() : ::testing::AssertionFailure() << world_->violation;
  };
  static const std::string text(512, 'x');
  const auto ignored = [](const chr_done&) {};
  uint64_t file = open("a");
  shard([&] {
    begin_write(file, 0, text, ignored);
    begin_write(file, 511, text, ignored);
  });
  EXPECT_TRUE(misused("overlaps one in flight"));
  begin(2);
  shard([&] { EXPECT_FALSE(files().open("a", CHR_FILE_CREATE)); });
  EXPECT_TRUE(misused("blocks, and was called on a shard"));
  begin(3);
  job([&] {
    const File one = *files().open("a", CHR_FILE_CREATE);
    EXPECT_FALSE(files().open("a", 0));
  });
  EXPECT_TRUE(misused("opened twice"));
  begin(4);
  job([&] {
    const File one = *files().open("a", CHR_FILE_CREATE | CHR_FILE_DIRECT);
    EXPECT_FALSE(one.write(0, text.data() + 1, 100));
  });
  EXPECT_TRUE(misused("not aligned"));
  begin(5);
  job([&] { EXPECT_FALSE(files().open("a", CHR_FILE_CREATE)->write(1, "x", 1)); });
  EXPECT_TRUE(misused("leaves a hole"));
  for (const int which : {0, 1, 2}) {
    begin(6);
    job([&] { EXPECT_TRUE(files().open("a", CHR_FILE_CREATE)); });
    job([&] {
      const File one = *files().open("a", CHR_FILE_READ);
      const Status refused = which == 0 ? one.write(0, "x", 1) : which == 1 ? one.zero(0, 1) : one.resize(1);
      EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    });
    EXPECT_TRUE(misused("opened to read"));
  }
  begin(7);
  std::string changed(512, 'x');
  file = open("a");
  shard([&] { begin_write(file, 0, changed, ignored); });
  changed[7] = 'y';
  EXPECT_FALSE(cluster_->run_for(kSecond));
  EXPECT_TRUE(misused("changed while it was in flight"));
}

TEST_F(HostFilesTest, AFullDiskRefusesAndMakesRoom) {
  job([&] {
    const File file = *files().open("a", CHR_FILE_CREATE);
    EXPECT_TRUE(file.zero(0, 8192));
    node().disk().capacity = node().disk().used() + 100;
    EXPECT_EQ(*files().free_bytes(), 100u);
    EXPECT_EQ(file.zero(8192, 4096).error().code, Code::kNoSpace);
    EXPECT_EQ(file.resize(1 << 20).error().code, Code::kNoSpace);
    EXPECT_TRUE(file.write(0, "x", 1));
    EXPECT_TRUE(file.resize(4096));
    EXPECT_GE(*files().free_bytes(), 4096u);
  });
}

}  // namespace
}  // namespace chronik::sim
