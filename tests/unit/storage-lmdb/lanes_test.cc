// storage-lmdb: what may go before what. Votes do not wait behind data, commits not behind reads.
#include "storage-lmdb/schema.h"
#include "storage-lmdb/store.h"
#include "tests/bench/thread_host.hpp"

#include <gtest/gtest.h>

#include <chronik/testing/config_defaults.hpp>
#include <filesystem>

namespace chronik::storage_lmdb {
namespace {

using Groups = std::vector<uint64_t>;

OwnedWrite append_of(uint64_t group, uint64_t bytes) {
  static const std::vector<uint8_t> payload(4 << 20, 'x');
  chr_entry entry{};
  entry.header.index = 1;
  entry.header.records = 1;
  entry.header.bytes = bytes;
  entry.payload = {payload.data(), bytes, nullptr};
  chr_storage_step step{};
  step.type = CHR_STORAGE_APPEND;
  step.n = 1;
  step.entries = &entry;
  return OwnedWrite(chr_storage_write{group, 0, &step, 1});
}

OwnedWrite vote_of(uint64_t group, uint64_t bytes = 100) {
  const std::string value(bytes, 'v');
  chr_storage_step step{};
  step.type = CHR_STORAGE_PUT;
  step.key = to_abi("raft/vote");
  step.value = {reinterpret_cast<const uint8_t*>(value.data()), value.size(), nullptr};
  return OwnedWrite(chr_storage_write{group, 0, &step, 1});
}

Groups groups_of(const WriteQueue::Batch& batch) {
  Groups groups;
  for (const OwnedWrite& write : batch) groups.push_back(write.group());
  return groups;
}

template <class... Writes>
WriteQueue::Batch batch_of(Writes... writes) {
  WriteQueue::Batch batch;
  (batch.push_back(std::move(writes)), ...);
  return batch;
}

TEST(WriteQueueOrder, LetsVotesOvertakeWhatOthersBrought) {
  WriteQueue queue({8 << 20, 1 << 20});
  queue.push(batch_of(append_of(1, 600'000), append_of(2, 600'000), append_of(3, 10), vote_of(4), vote_of(2),
                      vote_of(1), vote_of(5, 100'000)));
  EXPECT_EQ(groups_of(queue.take_batch()), (Groups{1, 4, 1}))
      << "group 2 has an earlier write; 100 kB are no vote";
  EXPECT_EQ(groups_of(queue.take_batch()), (Groups{2, 3, 2, 5}));
  EXPECT_TRUE(queue.is_idle());
}

TEST(WriteQueueOrder, HasRoomForVotesWhenItIsFull) {
  WriteQueue queue({1 << 20, 1 << 20});
  queue.push(batch_of(append_of(1, 1 << 20)));
  EXPECT_FALSE(queue.has_room(batch_of(append_of(2, 1))));
  EXPECT_TRUE(queue.has_room(batch_of(vote_of(2))));
  EXPECT_FALSE(queue.has_room(batch_of(vote_of(2), append_of(2, 1))));
  const WriteQueue::Batch batch = queue.take_batch();
  EXPECT_FALSE(queue.has_room(batch_of(append_of(2, 1)))) << "it is being written";
  queue.finish_batch(batch, 0);
  EXPECT_TRUE(queue.has_room(batch_of(append_of(2, 1))));
}

// 64 MiB at 10 MB/s would be an election timeout twice over.
TEST(WriteQueueOrder, IsAsShortAsTheDiskIsSlow) {
  WriteQueue queue({64 << 20, 16 << 20});
  for (int i = 0; i < 20; ++i) queue.push(batch_of(append_of(1, 1 << 20)));
  const WriteQueue::Batch batch = queue.take_batch();
  EXPECT_EQ(batch.size(), 15u) << "16 MiB, as each brings a little more than its payload";
  queue.finish_batch(batch, 1'600'000'000);
  EXPECT_FALSE(queue.has_room(batch_of(append_of(1, 1 << 20)))) << "5 MiB wait: half a second";
  EXPECT_EQ(queue.take_batch().size(), 2u) << "a quarter of a second";
}

TEST(WriteQueueOrder, TakesOneSlowCommitForNoSlowDisk) {
  Pace pace;
  EXPECT_EQ(pace.bytes_within(1), UINT64_MAX);
  for (int i = 0; i < 10; ++i) pace.committed(16 << 20, 50'000'000);
  pace.committed(16 << 20, 3'000'000'000);
  EXPECT_GT(pace.bytes_within(1'000'000'000), 200u << 20);
  pace.committed(1000, 1'000'000'000);
  EXPECT_GT(pace.bytes_within(1'000'000'000), 200u << 20) << "a small one tells nothing";
  for (int i = 0; i < 10; ++i) pace.committed(16 << 20, 1'600'000'000);
  EXPECT_LT(pace.bytes_within(1'000'000'000), 30u << 20);
}

TEST(WriteQueueOrder, KeepsWhatIsHeld) {
  WriteQueue queue({1 << 20, 1 << 20});
  queue.push(batch_of(append_of(1, 1 << 20), append_of(2, 10)));
  queue.hold(1);
  EXPECT_TRUE(queue.has_room(batch_of(append_of(2, 1000)))) << "what is held takes no room";
  queue.push(batch_of(vote_of(1), append_of(2, 20)));
  EXPECT_EQ(groups_of(queue.take_batch()), (Groups{2, 2}));
  EXPECT_TRUE(queue.is_idle());
  queue.release(1);
  EXPECT_FALSE(queue.is_idle());
  EXPECT_EQ(groups_of(queue.take_batch()), (Groups{1, 1}));
  EXPECT_TRUE(queue.is_idle());
}

TEST(WriteQueueOrder, HoldsBackWhatWasTaken) {
  WriteQueue queue({1 << 20, 1 << 20});
  queue.push(batch_of(append_of(1, 10), append_of(2, 20), append_of(1, 30)));
  WriteQueue::Batch batch = queue.take_batch();
  queue.push(batch_of(append_of(1, 40)));
  queue.hold_back(batch, {1});
  EXPECT_EQ(groups_of(batch), Groups{2});
  EXPECT_EQ(queue.held(), std::set<uint64_t>{1});
  EXPECT_TRUE(queue.is_idle());
  EXPECT_EQ(queue.waiting_bytes(), batch[0].bytes()) << "what is held does not count";
  queue.release_all();
  EXPECT_TRUE(queue.held().empty());
  batch = queue.take_batch();
  EXPECT_EQ(groups_of(batch), (Groups{1, 1, 1}));
  EXPECT_LT(batch[0].bytes(), batch[1].bytes()) << "in the order of the calls";
  EXPECT_LT(batch[1].bytes(), batch[2].bytes());
}

// A store on real threads, as many as the server has.
class Lanes : public ::testing::Test {
 protected:
  static constexpr int kThreads = 16;

  void SetUp() override {
    std::string path = (std::filesystem::temp_directory_path() / "chronik-lanes-XXXXXX").string();
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    directory_ = path;
    host_ = std::make_unique<bench::ThreadHost>(directory_, kThreads);
    testing::give_config_defaults(*host_, kSchema);
    host_->config_int("preallocate", 0);
    host_->config_int("map_size", 1 << 30);
    api_ = Host(host_->core());
    store_ = std::make_unique<Store>(api_);
    begin([&](uint64_t token) {
      store_->start(token);
      return CHR_PENDING;
    });
    host_->wait_until_blocking_threads_idle();
  }
  void TearDown() override {
    host_->wait_until_blocking_threads_idle();
    store_.reset();
    host_.reset();
    std::filesystem::remove_all(directory_);
  }
  // Makes a call that completes later.
  void begin(const std::function<chr_status(uint64_t)>& call) {
    ASSERT_EQ(api_.async(call,
                         [this](const chr_done& done) {
                           EXPECT_EQ(done.code, CHR_OK) << from_abi(done.message);
                           note([this] { ++done_; });
                         }),
              CHR_PENDING);
  }
  template <class F>
  void note(F&& fn) {
    const std::lock_guard lock(mutex_);
    fn();
    changed_.notify_all();
  }
  template <class F>
  void wait_until(F&& holds) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, holds);
  }
  chr_status put(uint64_t group) {
    chr_storage_step step{};
    step.type = CHR_STORAGE_PUT;
    step.key = to_abi("key");
    step.value = {reinterpret_cast<const uint8_t*>("value"), 5, nullptr};
    chr_error error = make_abi_error();
    return api_.async(
        [&](uint64_t token) {
          const chr_storage_write write{group, token, &step, 1};
          return store_->write(&write, 1, &error);
        },
        [this](const chr_done& done) {
          EXPECT_EQ(done.code, CHR_OK);
          note([this] { ++written_; });
        });
  }

  std::string directory_;
  std::unique_ptr<bench::ThreadHost> host_;
  Host api_;
  std::unique_ptr<Store> store_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int done_ = 0;
  int written_ = 0;
  int stuck_ = 0;
  bool let_go_ = false;
};

// A disk that answers no reads: as many as there are threads, twice.
TEST_F(Lanes, CommitsDoNotWaitForReads) {
  uint64_t group = 0;
  chr_error error = make_abi_error();
  ASSERT_EQ(store_->open_group(to_abi("test/0"), &group, &error), CHR_OK);
  ASSERT_EQ(put(group), CHR_PENDING);
  wait_until([this] { return written_ == 1; });
  host_->wait_until_blocking_threads_idle();
  host_->on_alloc = [this] {
    std::unique_lock lock(mutex_);
    ++stuck_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return let_go_; });
  };
  std::vector<chr_slice> values(2 * kThreads);
  for (chr_slice& value : values) {
    begin([&](uint64_t token) { return store_->get(group, to_abi("key"), &value, token, &error); });
  }
  ASSERT_EQ(put(group), CHR_PENDING);
  wait_until([this] { return written_ == 2 || stuck_ == kThreads; });
  EXPECT_EQ(written_, 2) << "all " << stuck_ << " threads wait for reads";
  note([this] { let_go_ = true; });
  wait_until([&] { return done_ == static_cast<int>(values.size()) + 1; });
  for (const chr_slice& value : values) value.lease->ops->release(value.lease);
}

}  // namespace
}  // namespace chronik::storage_lmdb
