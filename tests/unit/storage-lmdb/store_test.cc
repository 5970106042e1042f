// storage-lmdb: format checks, work left over by a crash, generations of leases, the size limit.
#include "file_recorder.hpp"
#include "storage-lmdb/lease.h"
#include "tests/unit/storage-lmdb/lmdb_store.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace {
std::atomic<int> advices{0};
}

// In place of the one of the C library, also for the plugin.
extern "C" int madvise(void* at, size_t n, int advice) noexcept {
  ++advices;
  return static_cast<int>(syscall(SYS_madvise, at, n, advice));
}

namespace chronik::conformance {
namespace {

using storage_lmdb::Env;
using storage_lmdb::Generation;
using storage_lmdb::Generations;

TEST_F(LmdbStore, RefusesANewerFormatByName) {
  {
    Store store(disk_);
  }
  std::string record("chronik.lmdb\0\0\0\0\2\0\0\0\200\0\0\0", 24);
  edit("meta", "format", record);
  Store store(disk_);
  EXPECT_EQ(store.failure_code(), CHR_E_UNSUPPORTED);
  EXPECT_NE(store.failure().find("has format 2.128"), std::string::npos) << store.failure();
  EXPECT_NE(store.failure().find(disk_.directory()), std::string::npos) << store.failure();
}

TEST_F(LmdbStore, RefusesAFolderOfAnotherStorage) {
  const std::string segment = disk_.directory() + "/1-1.segment";
  std::ofstream(segment) << "what another storage keeps";
  {
    Store store(disk_);
    EXPECT_EQ(store.failure_code(), CHR_E_UNSUPPORTED);
    EXPECT_NE(store.failure().find("set storage.plugin"), std::string::npos) << store.failure();
  }
  EXPECT_FALSE(disk_.image().contains("data.mdb"));
  std::filesystem::remove(segment);
  std::filesystem::create_directory(disk_.directory() + "/lost+found");
  EXPECT_EQ(Store(disk_).failure(), "");
}

TEST_F(LmdbStore, RefusesFilesThatAreNotItsOwn) {
  const std::string text(100'000, 'x');
  std::ofstream(file()) << text;
  {
    Store store(disk_);
    EXPECT_EQ(store.failure_code(), CHR_E_CORRUPT);
    EXPECT_NE(store.failure().find("data.mdb is no store"), std::string::npos) << store.failure();
  }
  EXPECT_EQ(disk_.image().at("data.mdb"), text) << "not a byte of it may change";
  std::filesystem::remove(file());
  edit("another", "program", "owns this");
  const Image before = disk_.image();
  {
    Store store(disk_);
    EXPECT_EQ(store.failure_code(), CHR_E_UNSUPPORTED);
    EXPECT_NE(store.failure().find("another program"), std::string::npos) << store.failure();
  }
  EXPECT_EQ(disk_.image().at("data.mdb"), before.at("data.mdb"));
}

TEST_F(LmdbStore, GoesOnRemovingADroppedGroupAfterACrash) {
  EntryMaker maker(1);
  Trace trace;
  size_t dropped_at = 0;
  {
    {
      Store store(disk_);
    }
    FileRecorder recorder(disk_.directory(), false);
    Store store(disk_);
    const uint64_t g = store.group("large");
    for (int i = 0; i < 8; ++i)
      ASSERT_EQ(store.write(TestWrite{g, {}}.append(maker.batch(1000, 600))), CHR_OK);
    ASSERT_EQ(store.write(TestWrite{store.group("other"), {}}.put("k", "v")), CHR_OK);
    dropped_at = recorder.trace().events().size();
    ASSERT_EQ(store.write(TestWrite{g, {}}.drop()), CHR_OK);
    trace = recorder.trace();
    EXPECT_LT(store.usage().used_bytes, 1'000'000u);
  }
  std::mt19937_64 random(1);
  size_t unfinished = 0;
  size_t seen = 0;
  for (const size_t end : trace.boundaries()) {
    if (end < dropped_at + 6 || seen++ % 3 != 0)
      continue;  // the commit of the drop itself, and a little of what follows
    Disk image(trace.image(end, Survivors::kNone, random));
    if (image.image().at("data.mdb").empty()) continue;
    Store store(image);
    ASSERT_EQ(store.failure(), "");
    const auto groups = store.groups();
    if (groups.size() != 1) continue;  // the drop was not durable yet
    ++unfinished;
    EXPECT_EQ(groups[0].first, "other");
    EXPECT_LT(store.usage().used_bytes, 1'000'000u) << "nothing went on removing it";
  }
  EXPECT_GT(unfinished, 4u) << "it was removed in one go, not in bounded steps";
}

TEST_F(LmdbStore, StopsGrowingAtItsSizeLimit) {
  Subject::get().settings.push_back({"max_size", 6 << 20});
  Store store(disk_);
  ASSERT_EQ(store.failure(), "");
  EntryMaker maker(1);
  const uint64_t g = store.group("g");
  chr_status status = CHR_OK;
  for (int i = 0; i < 1000 && status == CHR_OK; ++i)
    status = store.write(TestWrite{g, {}}.append({maker.next(30'000)}));
  EXPECT_EQ(status, CHR_E_NO_SPACE);
  EXPECT_LE(std::filesystem::file_size(file()), 6u << 20);
  EXPECT_EQ(store.usage().capacity_bytes, 6u << 20);
  EXPECT_TRUE(store.host().logged("store is full"));
  EXPECT_EQ(store.host().health("space"), CHR_HEALTH_DEGRADED);
}

TEST_F(LmdbStore, TakesNoMoreThanItsVolumeHas) {
  Store store(disk_);
  ASSERT_EQ(store.failure(), "");
  const chr_storage_usage usage = store.usage();
  EXPECT_LE(usage.capacity_bytes, std::filesystem::space(file()).capacity);
  EXPECT_GE(usage.capacity_bytes, usage.file_bytes);
}

TEST_F(LmdbStore, ReadsNeighboursInWithOneCallOfTheSystem) {
  Store store(disk_);
  EntryMaker maker(1);
  const uint64_t g = store.group("g");
  ASSERT_EQ(store.write(TestWrite{g, {}}.append(maker.batch(64, 16'000))), CHR_OK);
  advices = 0;
  EXPECT_EQ(store.read(store.all_of(g)).entries.size(), 64u);
  EXPECT_GE(advices, 1) << "a page that cannot be read would be a signal";
  EXPECT_LE(advices, 4) << "of 64 entries that lie side by side";
}

// A store whose free pages lie scattered: each freed entry of one group between two that another one keeps,
// which are too large to be moved.
class FragmentedStore : public LmdbStore {
 protected:
  static constexpr uint64_t kMaxSize = 6 << 20;
  static constexpr uint64_t kLimit = kMaxSize + (1 << 20);  // with the slack
  static constexpr uint64_t kShort = 160'000;
  static constexpr uint64_t kLong = 300'000;  // as many pages in a row as no two freed entries have

  // In turn, until there is no room.
  void fill(Store& store, uint64_t bytes = kShort) {
    chr_status status = CHR_OK;
    for (int i = 0; i < 2000 && status == CHR_OK; ++i) {
      const bool first = i % 2 == 0;
      status = store.write(TestWrite{store.group(first ? "goes" : "stays"), {}}.append(
          {(first ? goes_ : stays_).next(bytes)}));
    }
    ASSERT_EQ(status, CHR_E_NO_SPACE);
  }
  chr_status write_long(Store& store) {
    EntryMaker maker = long_;
    const chr_status status = store.write(TestWrite{store.group("long"), {}}.append({maker.next(kLong)}));
    if (status == CHR_OK) long_ = maker;
    return status;
  }
  EntryMaker goes_{1};
  EntryMaker stays_{2};
  EntryMaker long_{3};
};

TEST_F(FragmentedStore, RefusesWhatFindsNoPagesInARowUntilSomethingIsRemoved) {
  Subject::get().settings.push_back({"max_size", kMaxSize});
  Store store(disk_);
  ASSERT_EQ(store.failure(), "");
  fill(store);
  ASSERT_EQ(store.write(TestWrite{store.group("goes"), {}}.trim(UINT64_MAX)), CHR_OK);
  ASSERT_LT(store.usage().used_bytes, kMaxSize * 2 / 3);
  int written = 0;
  for (; written < 10; ++written) {
    if (write_long(store) != CHR_OK) break;
  }
  EXPECT_LT(written, 4) << "where did it find the pages?";
  EXPECT_EQ(write_long(store), CHR_E_NO_SPACE);
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(store.write(TestWrite{store.group("stays"), {}}.put("vote", std::to_string(i))), CHR_OK);
    ASSERT_EQ(store.host().health("space"), CHR_HEALTH_DEGRADED) << "what is free is of no use";
    ASSERT_EQ(store.usage().full, 1);
  }
  EXPECT_LE(std::filesystem::file_size(file()), kLimit);
  ASSERT_EQ(store.write(TestWrite{store.group("stays"), {}}.trim(UINT64_MAX)), CHR_OK);
  ASSERT_EQ(store.write(TestWrite{store.group("stays"), {}}.put("vote", "last")), CHR_OK);
  EXPECT_EQ(store.host().health("space"), CHR_HEALTH_READY);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(write_long(store), CHR_OK);
  EXPECT_LE(std::filesystem::file_size(file()), kLimit);
}

// What is moved is an ordinary write: a power loss at any moment of it leaves all that was there.
TEST_F(FragmentedStore, LosesNothingWithThePowerWhileItMovesWhatIsInTheWay) {
  Subject::get().settings.push_back({"max_size", kMaxSize});
  std::optional<FileRecorder> recorder;
  Trace trace;
  std::vector<size_t> taken;  // where in the trace each long entry was acknowledged
  std::string stays;
  {
    Store store(disk_);
    fill(store, 3000);
    ASSERT_EQ(store.write(TestWrite{store.group("goes"), {}}.trim(UINT64_MAX)), CHR_OK);
    stays = store.content(store.group("stays"), {}).digest();
    recorder.emplace(disk_.directory(), false);
    while (write_long(store) == CHR_OK) taken.push_back(recorder->trace().events().size());
    trace = recorder->trace();
    recorder.reset();
    EXPECT_GT(store.host().metric("chronik_storage_moved_bytes_total"), 500'000);
  }
  ASSERT_GE(taken.size(), 4u);
  std::mt19937_64 random(1);
  size_t seen = 0;
  for (const size_t end : trace.boundaries()) {
    if (seen++ % 3 != 0) continue;
    for (const Survivors survivors : {Survivors::kNone, Survivors::kSomeSectors}) {
      Disk image(trace.image(end, survivors, random));
      Store store(image);
      ASSERT_EQ(store.failure(), "");
      EXPECT_EQ(store.content(store.group("stays"), {}).digest(), stays) << "before event " << end;
      const auto least = static_cast<uint64_t>(
          std::ranges::count_if(taken, [end](size_t acknowledged) { return acknowledged <= end; }));
      EXPECT_GE(store.bounds(store.group("long")).entries, least) << "before event " << end;
    }
  }
}

TEST_F(FragmentedStore, RemovesFromAFileThatIsLargerThanItMayBe) {
  {
    Store store(disk_);
    for (int i = 0; i < 60; ++i) ASSERT_EQ(write_long(store), CHR_OK);
  }
  Subject::get().settings.push_back({"max_size", kMaxSize});
  const uint64_t before = std::filesystem::file_size(file());
  ASSERT_GT(before, 2 * kMaxSize);
  Store store(disk_);
  ASSERT_EQ(store.failure(), "");
  EXPECT_EQ(write_long(store), CHR_E_NO_SPACE);
  const uint64_t g = store.group("long");
  for (uint64_t index = 10; index <= 60; index += 10)
    EXPECT_EQ(store.write(TestWrite{g, {}}.trim(index)), CHR_OK);
  EXPECT_EQ(write_long(store), CHR_OK);
  EXPECT_LE(std::filesystem::file_size(file()), before + (1 << 20));
}

class LeaseGenerations : public LmdbStore {
 protected:
  void SetUp() override {
    auto env = Env::open({disk_.directory(), 64 << 20, 64});
    ASSERT_TRUE(env);
    env_ = *env;
    generations_ = std::make_unique<Generations>(env_, Generations::Options{kAge, 1000});
  }
  Generation* pin(uint64_t now) {
    auto pinned = generations_->pin(now);
    EXPECT_TRUE(pinned);
    return *pinned;
  }
  static constexpr uint64_t kAge = 1'600'000'000;  // handed out for a sixteenth of it
  std::shared_ptr<Env> env_;
  std::unique_ptr<Generations> generations_;
};

TEST_F(LeaseGenerations, AreSharedForAWhileThenLeftAlone) {
  Generation* first = pin(0);
  for (int i = 0; i < 500; ++i) EXPECT_EQ(pin(99'000'000), first) << "many leases, one reader";
  Generation* second = pin(100'000'000);
  EXPECT_NE(second, first) << "old enough not to be handed out again";
  EXPECT_EQ(generations_->pressure(100'000'000).leases, 502u);
  EXPECT_EQ(generations_->pressure(100'000'000).overdue, 0u);
  EXPECT_EQ(generations_->pressure(kAge + 150'000'000).overdue, 501u);
  for (int i = 0; i < 501; ++i) generations_->unpin(first);
  EXPECT_EQ(generations_->pressure(kAge + 150'000'000).leases, 1u);
  generations_->unpin(second);
}

TEST_F(LeaseGenerations, GiveWayToCopiesWhenWritersFreeMuch) {
  EXPECT_FALSE(generations_->wants_copy(0));
  Generation* pinned = pin(0);
  generations_->freed(500, 0, 300'000'000);
  EXPECT_EQ(generations_->pressure(300'000'000).waiting_bytes, 500u);
  generations_->freed(600, 0, 310'000'000);
  EXPECT_TRUE(generations_->wants_copy(310'000'000)) << "1100 bytes wait already, 1000 may";
  generations_->unpin(pinned);
  EXPECT_EQ(generations_->pressure(310'000'000).waiting_bytes, 0u);
  EXPECT_TRUE(generations_->wants_copy(310'000'000)) << "at this rate a lease would keep 5000 bytes";
  EXPECT_FALSE(generations_->wants_copy(30'000'000'000)) << "nothing was freed for a long time";
}

TEST_F(LeaseGenerations, AreRecalledWhenABurstFreesWhatTheyPin) {
  Generation* old = pin(0);
  generations_->freed(900, 0, 300'000'000);
  Generation* young = pin(310'000'000);
  EXPECT_FALSE(generations_->is_recalled(old)) << "within the budget of 1000";
  generations_->freed(200, 0, 320'000'000);
  EXPECT_TRUE(generations_->is_recalled(old)) << "long before its age";
  EXPECT_FALSE(generations_->is_recalled(young));
  generations_->unpin(old);
  generations_->unpin(young);
}

}  // namespace
}  // namespace chronik::conformance
