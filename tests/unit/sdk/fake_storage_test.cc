// FakeStorage keeps what storage.h promises, so that a plugin that passes on it meets nothing new on a real one.
#include <chronik/storage.hpp>
#include <chronik/testing/fake_storage.hpp>

#include <gtest/gtest.h>

namespace chronik::testing {
namespace {

class FakeStorageTest : public ::testing::Test {
 protected:
  // Of one record each, with the timestamp 100 * index.
  static chr_entry entry(uint64_t index, std::string_view payload) {
    chr_entry out{};
    out.header.index = index;
    out.header.base_offset = static_cast<int64_t>(index) - 1;
    out.header.max_timestamp = static_cast<int64_t>(100 * index);
    out.header.records = 1;
    out.header.bytes = payload.size();
    out.payload = {reinterpret_cast<const uint8_t*>(payload.data()), payload.size(), nullptr};
    return out;
  }
  static chr_storage_step append(const std::vector<chr_entry>& entries) {
    chr_storage_step step{};
    step.type = CHR_STORAGE_APPEND;
    step.n = static_cast<uint32_t>(entries.size());
    step.entries = entries.data();
    return step;
  }
  static chr_storage_step cut(uint32_t type, uint64_t index = 0) {
    chr_storage_step step{};
    step.type = type;
    step.index = index;
    return step;
  }
  static chr_storage_step put(std::string_view key, std::string_view value) {
    chr_storage_step step{};
    step.type = CHR_STORAGE_PUT;
    step.key = to_abi(key);
    step.value = {reinterpret_cast<const uint8_t*>(value.data()), value.size(), nullptr};
    return step;
  }
  // What it came to; FAILED: nothing yet.
  std::shared_ptr<Code> start(const chr_storage_step& step) {
    auto code = std::make_shared<Code>(Code::kFailed);
    host_.on_shard(0, [&] {
      storage_.write(group_, {&step, 1},
                     [code](const Status& done) { *code = done ? Code{} : done.error().code; });
    });
    return code;
  }
  Code write(const chr_storage_step& step) {
    const std::shared_ptr<Code> code = start(step);
    host_.run();
    return *code;
  }
  // Payloads, each with a space behind it.
  std::string read(uint64_t from, uint64_t to, uint64_t max_bytes, uint32_t max_entries = 0,
                   uint32_t headers_only = 0) {
    std::string out;
    chr_storage_read args{};
    args.group = group_;
    args.from = from;
    args.to = to;
    args.max_bytes = max_bytes;
    args.max_entries = max_entries;
    args.headers_only = headers_only;
    storage_.read(args, [&](const Result<StoredEntries>& entries) {
      ASSERT_TRUE(entries) << entries.error().message;
      for (const chr_entry& entry : entries->all())
        out.append(reinterpret_cast<const char*>(entry.payload.p), entry.payload.n).append(" ");
    });
    return out;
  }
  std::string read_all() { return read(1, 0, 1 << 20); }
  uint64_t find(int32_t by, int64_t value) {
    uint64_t index = 0;
    storage_.find(group_, by, value, [&](const Result<chr_entry_header>& header) {
      if (header) index = header->index;
    });
    return index;
  }

  static constexpr Code kOk{};
  FakeHost host_;
  FakeStorage fake_{&host_};
  Storage storage_ = *Storage::acquire(Host(host_.core()));
  uint64_t group_ = *storage_.open_group("orders/3");
};

TEST_F(FakeStorageTest, ALogIsAppendedReadCutAndSearched) {
  EXPECT_EQ(write(append({entry(1, "a"), entry(2, "bb"), entry(5, "ccc")})), kOk);
  EXPECT_EQ(read_all(), "a bb ccc ");
  EXPECT_EQ(read(2, 5, 100), "bb ");
  EXPECT_EQ(read(1, 0, 0), "a ") << "the first is whole, however large it is";
  EXPECT_EQ(read(1, 0, 100, 2), "a bb ");
  EXPECT_EQ(read(1, 0, 100, 0, 1), "   ");
  EXPECT_EQ(find(CHR_FIND_OFFSET, 2), 5u);
  EXPECT_EQ(find(CHR_FIND_TIMESTAMP, 101), 2u);
  EXPECT_EQ(find(CHR_FIND_MAX_TIMESTAMP, 0), 5u);
  EXPECT_EQ(find(CHR_FIND_OFFSET, 5), 0u);
  EXPECT_EQ(write(append({entry(5, "x")})), Code::kInvalidArgument);
  EXPECT_EQ(write(cut(CHR_STORAGE_TRUNCATE, 5)), kOk);
  EXPECT_EQ(write(cut(CHR_STORAGE_TRIM, 2)), kOk);
  EXPECT_EQ(read_all(), "bb ");
  const chr_storage_bounds bounds = *storage_.bounds(group_);
  EXPECT_EQ(bounds.first_index, 2u);
  EXPECT_EQ(bounds.last_index, 2u);
  EXPECT_EQ(bounds.bytes, 2u);
}

TEST_F(FakeStorageTest, KeysAndGroupsComeAndGo) {
  const auto get = [&] {
    std::string out = "none";
    storage_.get(group_, "vote", [&](const Result<StoredValue>& value) {
      if (value && value->found) out = value->text();
    });
    return out;
  };
  const auto names = [&] {
    std::string out;
    storage_.list_groups([&](std::string_view name, uint64_t) { out += name; });
    return out;
  };
  EXPECT_EQ(names(), "") << "a name without a write is not durable";
  EXPECT_EQ(write(put("vote", "2")), kOk);
  EXPECT_EQ(names(), "orders/3");
  EXPECT_EQ(get(), "2");
  EXPECT_EQ(write(cut(CHR_STORAGE_DROP)), kOk);
  EXPECT_EQ(names(), "");
  EXPECT_EQ(storage_.bounds(group_).error().code, Code::kNotFound);
  EXPECT_EQ(write(put("vote", "3")), Code::kInvalidArgument);
  EXPECT_NE(*storage_.open_group("orders/3"), group_);
}

TEST_F(FakeStorageTest, AWriteIsDurableWhenTheDiskHasAnswered) {
  host_.hold_blocking(true);
  const std::shared_ptr<Code> code = start(append({entry(1, "a")}));
  host_.run();
  EXPECT_EQ(*code, Code::kFailed);
  EXPECT_EQ(read_all(), "");
  host_.hold_blocking(false);
  host_.run();
  EXPECT_EQ(*code, kOk);
  EXPECT_EQ(read_all(), "a ");
}

TEST_F(FakeStorageTest, AFullStoreRefusesDataAndLeavesNoHole) {
  fake_.set_capacity(4);
  ASSERT_EQ(write(append({entry(1, "aa")})), kOk);
  EXPECT_EQ(write(append({entry(2, "bbb")})), Code::kNoSpace);
  EXPECT_EQ(storage_.usage()->full, 1u);
  EXPECT_EQ(write(append({entry(3, "c")})), Code::kNoSpace) << "it would leave a hole at 2";
  EXPECT_EQ(write(put("vote", "1234")), kOk) << "what makes room has room";
  EXPECT_EQ(write(append({entry(2, "b")})), Code::kNoSpace);
  EXPECT_EQ(write(cut(CHR_STORAGE_TRIM, 2)), kOk);
  fake_.set_capacity(16);
  EXPECT_EQ(write(append({entry(2, "bbb")})), kOk);
  EXPECT_EQ(storage_.usage()->full, 0u);
  EXPECT_EQ(storage_.usage()->used_bytes, 3u + 4 + 4);
}

TEST_F(FakeStorageTest, WritesFailAsTheTestSays) {
  fake_.fail_writes(CHR_E_IO);
  EXPECT_EQ(write(append({entry(1, "a")})), Code::kIo);
  fake_.fail_writes(CHR_OK);
  EXPECT_EQ(read_all(), "");
  EXPECT_EQ(write(append({entry(1, "a")})), kOk);
}

}  // namespace
}  // namespace chronik::testing
