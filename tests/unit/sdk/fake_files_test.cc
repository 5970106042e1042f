#include <gtest/gtest.h>
#include <chronik/files.hpp>
#include <chronik/testing/fake_files.hpp>

#include <sys/resource.h>

#include <algorithm>

namespace chronik::testing {
namespace {

struct FakeFilesTest : ::testing::Test {
  explicit FakeFilesTest(FakeFiles::Options options = {.seed = 3}) : fake(host, std::move(options)) {}

  FakeHost host;
  FakeFiles fake;
  Files files = *Files::of(Host(host.core()));
  alignas(4096) uint8_t page[8192] = {'x', 'y'};

  chr_slice slice(uint64_t n, uint64_t at = 0) const { return {page + at, n, nullptr}; }
  void write(const File& file, uint64_t at, const chr_slice& slice, int* ended = nullptr) {
    host.on_shard(0, [&] {
      file.write(at, std::span(&slice, 1), CHR_FILE_DURABLE, [ended](const Status& status) {
        if (ended != nullptr) *ended += status ? 1 : 100;
      });
    });
  }
};

TEST_F(FakeFilesTest, WhatIsInFlightIsDoneInItsTurnInASeededOrder) {
  File file = *files.open("a", CHR_FILE_CREATE);
  std::vector<int> order;
  host.on_shard(0, [&] {
    for (int i = 0; i < 8; ++i) {
      const chr_slice one = slice(1);
      file.write(static_cast<uint64_t>(i), std::span(&one, 1), 0, [&order, i](const Status& status) {
        EXPECT_TRUE(status);
        order.push_back(i);
      });
    }
  });
  EXPECT_EQ(fake.in_flight(), 8u);
  uint8_t byte = 0;
  EXPECT_FALSE(file.read(0, &byte, 1)) << "nothing is done before its turn";
  host.run();
  EXPECT_EQ(order.size(), 8u);
  EXPECT_FALSE(std::ranges::is_sorted(order));
  EXPECT_TRUE(file.read(7, &byte, 1));
  EXPECT_EQ(byte, 'x');
  host.expect_idle();
}

TEST_F(FakeFilesTest, AStalledDiskHoldsWhatIsInFlightAndACloseWaitsForIt) {
  File file = *files.open("a", CHR_FILE_CREATE);
  int ended = 0;
  host.hold_blocking(true);
  write(file, 0, slice(2), &ended);
  file.close();
  host.run();
  EXPECT_EQ(ended, 0);
  EXPECT_EQ(fake.open_files(), 1u);
  file = *files.open("a", 0);  // waits for it
  EXPECT_EQ(file.info().size, 2u);
  host.hold_blocking(false);
  host.run();
  EXPECT_EQ(ended, 1);
}

TEST_F(FakeFilesTest, SyncsOfOneCallEndInASeededOrderAndEachIsToldItsOwn) {
  std::vector<File> opened;
  std::vector<const File*> all;
  for (const char* name : {"a", "b", "c", "d", "e", "f"})
    opened.push_back(*files.open(name, CHR_FILE_CREATE));
  for (const File& file : opened) all.push_back(&file);
  std::string order;
  fake.fault = [&order](const FakeFiles::Call& call) {
    order += call.name;
    return call.name == "e" ? CHR_E_IO : call.name == "c" ? CHR_E_NO_SPACE : CHR_OK;
  };
  std::vector<chr_status> each(all.size(), CHR_PENDING);
  const Status synced = files.sync_files(all, each);
  EXPECT_NE(order, "abcdef");
  EXPECT_EQ(each, (std::vector<chr_status>{CHR_OK, CHR_OK, CHR_E_NO_SPACE, CHR_OK, CHR_E_IO, CHR_OK}));
  ASSERT_FALSE(synced);
  EXPECT_EQ(synced.error().code, Code::kNoSpace);
  EXPECT_EQ(synced.error().message, "a planted fault of c") << "the first of them, not the first to end";
  EXPECT_TRUE(files.sync_files({}, {}));
}

TEST_F(FakeFilesTest, NamesAndSizes) {
  EXPECT_EQ(files.open("a", 0).error().code, Code::kNotFound);
  EXPECT_TRUE(files.open("b", CHR_FILE_CREATE)->write(0, page, 5));
  EXPECT_TRUE(files.open("a", CHR_FILE_CREATE)->zero(0, 3 << 20));
  EXPECT_TRUE(files.rename("b", "c"));
  EXPECT_EQ(files.rename("b", "c").error().code, Code::kNotFound);
  std::string all;
  EXPECT_TRUE(files.list(
      [&](std::string_view name, uint64_t n) { all += std::string(name) + "=" + std::to_string(n) + " "; }));
  EXPECT_EQ(all, "a=3145728 c=5 ");
  EXPECT_TRUE(files.remove("a"));
  EXPECT_TRUE(files.sync_names());
  fake.free_bytes = 77;
  EXPECT_EQ(*files.free_bytes(), 77u);
}

TEST_F(FakeFilesTest, AMapShowsWhatIsWrittenAndOutlivesTheFile) {
  File file = *files.open("a", CHR_FILE_CREATE);
  EXPECT_TRUE(file.resize(8192));
  const chr_slice map = *file.map(4096, 1 << 20);
  const Lease lease = Lease::adopt(map.lease);
  EXPECT_TRUE(file.write(4096, page, 2));
  file.close();
  EXPECT_TRUE(files.remove("a"));
  EXPECT_EQ(map.p[1], 'y');
}

TEST_F(FakeFilesTest, FaultsEndACallAndAFullDiskMayDoAPart) {
  const File file = *files.open("a", CHR_FILE_CREATE);
  fake.fault = [](const FakeFiles::Call& call) {
    return call.kind == FakeFiles::Kind::kWrite ? CHR_E_NO_SPACE : CHR_E_IO;
  };
  int ended = 0;
  write(file, 0, slice(1024), &ended);
  host.run();
  EXPECT_EQ(ended, 100);
  EXPECT_EQ(file.sync().error().code, Code::kIo);
  fake.fault = nullptr;
  uint8_t byte = 0;
  EXPECT_TRUE(file.read(511, &byte, 1));
  EXPECT_EQ(file.read(512, &byte, 1).error().code, Code::kOutOfRange);
}

// As the server says it, so that a plugin's answer to it can be tested.
TEST_F(FakeFilesTest, TooManyOpenFilesAreOverloaded) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto refused = files.open("a", CHR_FILE_CREATE);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kOverloaded) << refused.error().message;
  EXPECT_TRUE(files.open("a", CHR_FILE_CREATE));
}

struct ColdFilesTest : FakeFilesTest {
  ColdFilesTest() : FakeFilesTest({.is_cold = true}) {}
};

TEST_F(ColdFilesTest, AreLoadedAfterLoadOnly) {
  const File file = *files.open("a", CHR_FILE_CREATE);
  EXPECT_TRUE(file.resize(65536));
  EXPECT_FALSE(file.is_loaded(0, 1));
  EXPECT_TRUE(file.load(0, 8192));
  EXPECT_TRUE(file.is_loaded(100, 8092));
  EXPECT_FALSE(file.is_loaded(100, 8093));
  EXPECT_EQ(file.load(65536, 1).error().code, Code::kOutOfRange);
  fake.evict();
  EXPECT_FALSE(file.is_loaded(0, 1));
}

using FakeFilesDeathTest = FakeFilesTest;

TEST_F(FakeFilesDeathTest, MisuseAborts) {
  const File file = *files.open("a", CHR_FILE_CREATE | CHR_FILE_DIRECT);
  EXPECT_EQ(file.info().block, 4096u);
  EXPECT_EQ(file.info().direct, 1u);
  write(file, 0, slice(8192));
  EXPECT_DEATH(write(file, 4096, slice(4096)), "overlaps a write in flight");
  EXPECT_DEATH(write(file, 12288, slice(4096)), "leaves a hole");
  EXPECT_DEATH(write(file, 8192, slice(512)), "no multiple of 4096");
  EXPECT_DEATH(write(file, 8192, slice(4096, 512)), "no multiple of 4096");
  EXPECT_DEATH(static_cast<void>(file.resize(4096)), "overlaps a write in flight");
  EXPECT_DEATH(static_cast<void>(files.open("a", 0)), "opened twice");
  ASSERT_TRUE(files.open("b", CHR_FILE_CREATE));
  const File read = *files.open("b", CHR_FILE_READ);
  EXPECT_DEATH(static_cast<void>(read.write(0, page, 1)), "write\\(\\) of b, which was opened to read");
  EXPECT_DEATH(static_cast<void>(read.zero(0, 1)), "opened to read");
  EXPECT_DEATH(static_cast<void>(read.resize(1)), "opened to read");
  EXPECT_DEATH(static_cast<void>(files.open(".a", 0)), "no name of a file");
  EXPECT_DEATH(host.on_shard(0, [&] { static_cast<void>(file.zero(0, 4096)); }),
               "blocks, and was called on a shard");
  EXPECT_DEATH(Host(host.core()).find<chr_files_v1>(CHR_FILES_ID)->close(host.core()->self, 99),
               "which is not open");
  host.run();
}

}  // namespace
}  // namespace chronik::testing
