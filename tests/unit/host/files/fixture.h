// A plugin's files in a folder of their own, through the ABI, on either back end.
#pragma once

#include "host/files/file_folder.h"
#include "host/files/file_service.h"
#include "host/files/uring_probe.h"
#include "tests/unit/host/abi/fixture.h"

#include <chronik/files.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::host {

// Memory that a DIRECT file takes.
class Aligned {
 public:
  static constexpr size_t kAlignment = 1 << 16;
  explicit Aligned(uint64_t n, char fill = 0)
      : n_(n),
        p_(static_cast<uint8_t*>(std::aligned_alloc(kAlignment, (n + kAlignment - 1) & ~(kAlignment - 1)))) {
    std::fill_n(p_.get(), n, static_cast<uint8_t>(fill));
  }
  uint8_t* p() const { return p_.get(); }
  chr_slice slice() const { return {p_.get(), n_, nullptr}; }
  std::string text() const { return {reinterpret_cast<const char*>(p_.get()), n_}; }

 private:
  struct Free {
    void operator()(uint8_t* p) const { std::free(p); }
  };
  uint64_t n_;
  std::unique_ptr<uint8_t, Free> p_;
};

inline chr_slice slice_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size(), nullptr};
}

class FilesTest : public RuntimeTest {
 protected:
  FilesTest() : folder_(make_folder(::testing::TempDir())) {}
  ~FilesTest() override { std::filesystem::remove_all(folder_); }
  static std::string make_folder(const std::string& in) {
    std::string pattern = in + "/files-XXXXXX";
    return ::mkdtemp(pattern.data());
  }
  // To another file system, before the start.
  void move_to(const std::string& in) {
    std::filesystem::remove_all(folder_);
    folder_ = make_folder(in);
  }

  void prepare(PluginHostOptions& plugin) override {
    if (service_ == nullptr) {
      auto opened = FileService::open(*runtime_, io_);
      ASSERT_TRUE(opened) << opened.error().message;
      service_ = std::move(*opened);
    }
    auto folder = service_->open_folder(plugin.id, folder_);
    ASSERT_TRUE(folder) << folder.error().message;
    plugin.files = std::move(*folder);
  }
  void start_files() {
    start();
    auto files = Files::of(host_);
    ASSERT_TRUE(files);
    files_ = *files;
  }
  File open(std::string_view name, uint32_t flags = CHR_FILE_CREATE) {
    auto file = files_.open(name, flags);
    EXPECT_TRUE(file) << file.error().message;
    return file ? std::move(*file) : File();
  }
  // A write with a token, from a shard.
  Status write_on(uint32_t shard, const File& file, uint64_t at, std::vector<chr_slice> slices,
                  uint32_t flags = 0) {
    std::promise<Status> done;
    host_.post(shard, [&] {
      file.write(at, slices, flags, [&](const Status& status) {
        EXPECT_EQ(host_.current_shard(), static_cast<int32_t>(shard));
        done.set_value(status);
      });
    });
    return done.get_future().get();
  }
  static std::string read(const File& file, uint64_t at, uint64_t n) {
    std::string out(n, '?');
    const Status status = file.read(at, out.data(), n);
    EXPECT_TRUE(status) << status.error().message;
    return out;
  }

  std::string folder_;
  FileIo io_ = FileIo::kAuto;
  std::unique_ptr<FileService> service_;
  Files files_;
};

// The same on each back end.
class FilesOn : public FilesTest, public ::testing::WithParamInterface<FileIo> {
 protected:
  void SetUp() override {
    io_ = GetParam();
    if (io_ != FileIo::kUring) return;
    if (const Status usable = probe_uring(); !usable)
      GTEST_SKIP() << "no io_uring: " << usable.error().message;
  }
};

inline std::string io_name(const ::testing::TestParamInfo<FileIo>& io) {
  return io.param == FileIo::kUring ? "IoUring" : "Threads";
}
#define CHRONIK_ON_EACH_BACKEND(suite) \
  INSTANTIATE_TEST_SUITE_P(Io, suite, ::testing::Values(FileIo::kUring, FileIo::kThreads), io_name)

}  // namespace chronik::host
