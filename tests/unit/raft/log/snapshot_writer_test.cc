// How a snapshot gets into storage, over the memory storage: in which writes, and what is left behind.
#include "raft/log/snapshot_writer.h"
#include "storage-memory/schema.h"
#include "storage-memory/store.h"

#include <gtest/gtest.h>
#include <chronik/plugin.hpp>

#include <chronik/testing/config_defaults.hpp>
#include <chronik/testing/fake_host.hpp>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace chronik::raft {
namespace {

class MemoryStore : public storage_memory::Store {
 public:
  using Store::Store;
  chr_status usage(chr_storage_usage* out) {
    const chr_status status = Store::usage(out);
    out->full = full ? 1 : 0;
    return status;
  }
  bool full = false;
};

constexpr chr_storage_v1 kStorage = {
    sizeof kStorage,
    1,
    thunk<&storage_memory::Store::open_group>,
    thunk<&storage_memory::Store::list_groups>,
    thunk<&storage_memory::Store::write>,
    thunk<&storage_memory::Store::read>,
    thunk<&storage_memory::Store::find>,
    thunk<&storage_memory::Store::get>,
    thunk<&storage_memory::Store::bounds>,
    thunk<&MemoryStore::usage>,
};

class SnapshotWriterTest : public ::testing::Test {
 protected:
  SnapshotWriterTest() {
    memory_.start(0);
    store_ = Store(Host(host_.core()), &kStorage, &memory_);
    host_.on_shard(0, [&] { group_ = *store_.open_group("test/0"); });
  }

  // Ends after so many writes, as in a crash; or the write behind them finds no room.
  struct Fault {
    size_t writes = SIZE_MAX;
    bool refused = false;
  };
  void put(uint64_t generation, uint32_t pieces, Fault fault) {
    const auto texts = std::make_shared<std::vector<std::string>>();
    SnapshotWriter::Job job{group_, now_, now_, {}, texts};
    job.meta.generation = generation;
    job.meta.pieces = pieces;
    for (uint32_t i = 0; i < pieces; ++i)
      texts->push_back(std::to_string(generation) + "." + std::to_string(i));
    for (const std::string& text : *texts)
      job.pieces.push_back({reinterpret_cast<const uint8_t*>(text.data()), text.size(), nullptr});
    puts_.clear();
    ended_.reset();
    const SnapshotMeta meta = job.meta;
    const auto submit = [this, fault](Write write, SnapshotWriter::Done done) mutable {
      const bool there = fault.writes > 0;
      if (!there && !fault.refused) return;
      if (!there) return fault = {}, done(fail(Code::kNoSpace, "no room"));
      --fault.writes;
      note(write);
      store_.write(group_, write.steps().data(), write.steps().size(), std::move(done));
    };
    host_.on_shard(0, [&] {
      SnapshotWriter::run(
          store_, submit, std::move(job), [](Write* write, SnapshotMeta*) { write->put("beside", "it"); },
          [this, meta](const Status& status) {
            ended_ = status;
            if (status) now_ = meta;
          });
    });
    host_.run();
  }
  void put(uint64_t generation, uint32_t pieces) { put(generation, pieces, Fault()); }

  void note(const Write& write) {
    const auto is_put = [](const chr_storage_step& step) { return step.type == CHR_STORAGE_PUT; };
    puts_.push_back(std::ranges::count_if(write.steps(), is_put));
  }
  std::string get(std::string_view key) {
    std::string text = "none";
    host_.on_shard(0, [&] {
      store_.get(group_, key, [&](Result<StoredValue> value) {
        if (value && value->found) text = value->text();
      });
    });
    host_.run();
    return text;
  }
  // Those of the generation that are there, below 20.
  std::vector<uint32_t> pieces(uint64_t generation) {
    std::vector<uint32_t> found;
    for (uint32_t i = 0; i < 20; ++i)
      if (get(piece_key(generation, i)) == std::to_string(generation) + "." + std::to_string(i))
        found.push_back(i);
    return found;
  }
  uint64_t generation() {
    const std::string text = get(kSnapshotKey);
    return text == "none" ? 0 : decode_snapshot(text)->generation;
  }
  static std::vector<uint32_t> first(uint32_t n) {
    std::vector<uint32_t> all;
    for (uint32_t i = 0; i < n; ++i) all.push_back(i);
    return all;
  }

  static Host with_defaults(testing::FakeHost& host) {
    chronik::testing::give_config_defaults(host, storage_memory::kSchema);
    return Host(host.core());
  }

  testing::FakeHost host_;
  MemoryStore memory_{with_defaults(host_)};
  Store store_;
  uint64_t group_ = 0;
  SnapshotMeta now_;
  std::vector<std::ptrdiff_t> puts_;  // keys of each write
  std::optional<Status> ended_;
};

TEST_F(SnapshotWriterTest, PutsAFewPiecesToAWrite) {
  put(1, 10);
  EXPECT_EQ(puts_, (std::vector<std::ptrdiff_t>{4, 4, 2 + 2}));
  EXPECT_TRUE(*ended_) << (*ended_ ? "" : ended_->error().message);
  EXPECT_EQ(generation(), 1u);
  EXPECT_EQ(pieces(1), first(10));
  put(2, 4);
  EXPECT_EQ(puts_, (std::vector<std::ptrdiff_t>{4 + 2}));
  EXPECT_EQ(generation(), 2u);
  EXPECT_EQ(pieces(1), first(0)) << "the one before is gone";
}

TEST_F(SnapshotWriterTest, KeepsTheOneBeforeUntilTheKeyIsThere) {
  put(1, 6);
  for (size_t writes = 0; writes < 3; ++writes) {
    put(2, 10, {writes, false});
    EXPECT_FALSE(ended_) << writes;
    EXPECT_EQ(generation(), 1u) << writes;
    EXPECT_EQ(pieces(1), first(6)) << writes;
  }
}

TEST_F(SnapshotWriterTest, RemovesWhatACrashLeft) {
  put(1, 1);
  put(2, 18, {4, false});
  ASSERT_EQ(pieces(2), first(16));
  put(2, 3);  // smaller than what was left
  EXPECT_EQ(generation(), 2u);
  EXPECT_EQ(pieces(2), first(3));
}

// A build that writes a snapshot at once takes the generation, and does not look for more.
TEST_F(SnapshotWriterTest, RemovesWhatACrashLeftBehindTheOneBefore) {
  put(1, 18, {4, false});
  now_.generation = 1;
  now_.pieces = 3;
  put(2, 2);
  EXPECT_EQ(pieces(1), first(0));
  EXPECT_EQ(pieces(2), first(2));
}

TEST_F(SnapshotWriterTest, RemovesWhatACrashLeftAlsoWhereThereIsNoRoomThen) {
  put(1, 1);
  put(2, 18, {4, false});
  put(2, 18, {1, true});
  EXPECT_EQ(pieces(2), first(0));
  put(2, 3);
  EXPECT_EQ(pieces(2), first(3));
}

TEST_F(SnapshotWriterTest, AsksAFullStorageForAllAtOnce) {
  memory_.full = true;
  put(1, 10, {0, true});
  EXPECT_EQ(puts_.size(), 0u);
  EXPECT_EQ(pieces(1), first(0));
  put(1, 10);
  EXPECT_EQ(puts_, (std::vector<std::ptrdiff_t>{10 + 2}));
}

TEST_F(SnapshotWriterTest, RemovesWhatHasNoRoomInTheEnd) {
  put(1, 2);
  for (size_t writes = 0; writes < 3; ++writes) {
    put(2, 10, {writes, true});
    ASSERT_TRUE(ended_) << writes;
    EXPECT_EQ(ended_->error().code, Code::kNoSpace);
    EXPECT_EQ(generation(), 1u);
    EXPECT_EQ(pieces(1), first(2));
    EXPECT_EQ(pieces(2), first(0)) << writes;
  }
}

}  // namespace
}  // namespace chronik::raft
