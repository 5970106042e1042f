// What a start makes of the folder that it finds.
#include "store_fixture.h"

#include <fstream>

namespace chronik::storage_log {
namespace {

using Kind = testing::FakeFiles::Kind;

class LogStart : public StoreFixture {
 protected:
  void make_file(const std::string& name, const std::string& bytes, uint64_t size) const {
    std::ofstream(files_.path(name), std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    std::filesystem::resize_file(files_.path(name), size);
  }
  std::string content(const std::string& name) const {
    std::ifstream file(files_.path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // Of the only checkpoint.
  std::string checkpoint() const {
    for (const auto& entry : std::filesystem::directory_iterator(files_.directory())) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("checkpoint-")) return name;
    }
    return "";
  }

  chr_done done_{};
};

TEST_F(LogStart, NamesAreDurableBeforeAnythingIsBuiltOnThem) {
  put("1", &done_);
  stop();
  std::vector<Kind> calls;
  files_.fault = [&](const testing::FakeFiles::Call& call) {
    calls.push_back(call.kind);
    return CHR_OK;
  };
  start();
  ASSERT_FALSE(calls.empty());
  EXPECT_EQ(calls.front(), Kind::kSyncNames);
  stop();
}

TEST_F(LogStart, OnlyTheNameThatIsWrittenIsOurs) {
  stop();
  for (const char* name : {"journal-00", "checkpoint-01", "checkpoint-07.new"}) {
    make_file(name, "x", 1);
    const chr_done refused = try_start();
    EXPECT_EQ(refused.code, CHR_E_CORRUPT) << name;
    EXPECT_NE(from_abi(refused.message).find(name), std::string_view::npos) << from_abi(refused.message);
    EXPECT_TRUE(std::filesystem::exists(files_.path(name)));
    std::filesystem::remove(files_.path(name));
  }
  start();
  stop();
}

TEST_F(LogStart, ASparseCheckpointTakesNoMemory) {
  put("1", &done_);
  stop();
  const std::string name = checkpoint();
  const std::string bytes = content(name);
  constexpr uint64_t kHuge = 1ull << 42;
  make_file(name, "", kHuge);
  EXPECT_EQ(try_start().code, CHR_E_CORRUPT);
  std::string grown = bytes;
  const uint64_t claimed = kHuge;
  std::memcpy(grown.data() + 24, &claimed, sizeof claimed);
  make_file(name, grown, grown.size());
  EXPECT_EQ(try_start().code, CHR_OK) << "the second copy is whole";
  stop();
}

TEST_F(LogStart, OneCopyOfACheckpointThatCannotBeReadCostsNothing) {
  put("1", &done_);
  stop();
  const std::string name = checkpoint();
  files_.fault = [&](const testing::FakeFiles::Call& call) {
    return call.kind == Kind::kRead && call.name == name && call.at == 0 ? CHR_E_IO : CHR_OK;
  };
  start();
  EXPECT_EQ(value(), "1");
  stop();
}

TEST_F(LogStart, ACheckpointThatFindsNoRoomLeavesTheRoomThatItTook) {
  put("1", &done_);
  append(1, &done_);
  files_.fault = [](const testing::FakeFiles::Call& call) {
    return call.kind == Kind::kWrite && call.name.ends_with(".new") ? CHR_E_NO_SPACE : CHR_OK;
  };
  stop();
  EXPECT_EQ(count_files(".new"), 0u);
  start();
  EXPECT_EQ(count_files(".new"), 0u);
  EXPECT_EQ(value(), "1");
  stop();
}

}  // namespace
}  // namespace chronik::storage_log
