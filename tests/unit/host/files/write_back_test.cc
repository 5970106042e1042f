// chronik.host.files/1 of the server, when the kernel cannot write back what it has in its cache: a sync says so, whatever a durable
// write was told before.
#include "tests/unit/host/files/fixture.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>

namespace chronik::host {
namespace {

// A disk without room, under a file system that gave it out: ext4 on a loop device, whose image has holes and lies on a full tmpfs.
class OvercommittedDisk {
 public:
  explicit OvercommittedDisk(const std::string& at) : small_(at + "/small"), at_(at + "/disk") {
    std::filesystem::create_directories(small_);
    std::filesystem::create_directories(at_);
    if (::mount("tmpfs", small_.c_str(), "tmpfs", 0, "size=8m") != 0) return;
    has_small_ = true;
    const std::string image = small_ + "/image";
    std::ofstream(image).close();
    std::filesystem::resize_file(image, 64 << 20);
    is_mounted_ = run("mkfs.ext4 -q -O ^has_journal " + image) && run("mount -o loop " + image + " " + at_);
  }
  ~OvercommittedDisk() {
    if (is_mounted_ && ::umount(at_.c_str()) != 0) ::umount2(at_.c_str(), MNT_DETACH);
    if (has_small_) ::umount2(small_.c_str(), MNT_DETACH);
  }
  bool is_mounted() const { return is_mounted_; }
  const std::string& folder() const { return at_; }
  void fill() const {
    std::ofstream rest(small_ + "/rest");
    const std::string bytes(4096, 'x');
    while (rest.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush()) {
    }
  }
  // As the kernel does after some seconds by itself.
  void write_back() const {
    const int fd = ::open(at_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)::syncfs(fd);
    ::close(fd);
  }

 private:
  static bool run(const std::string& command) { return std::system((command + " 2>/dev/null").c_str()) == 0; }
  const std::string small_, at_;
  bool has_small_ = false, is_mounted_ = false;
};

// The descriptors of this process that are of a file.
std::vector<int> descriptors_of(const std::string& path) {
  std::vector<int> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone) == path)
      found.push_back(std::stoi(entry.path().filename().string()));
  }
  return found;
}

class FilesWriteBack : public FilesOn {
 protected:
  Status sync_on(uint32_t shard, const File& file) {
    std::promise<Status> synced;
    on(shard, [&] { file.sync([&](const Status& status) { synced.set_value(status); }); });
    return synced.get_future().get();
  }
};
CHRONIK_ON_EACH_BACKEND(FilesWriteBack);

TEST_P(FilesWriteBack, IsToldToASyncAfterItWasToldToADurableWrite) {
  const std::string mounts = make_folder(::testing::TempDir());
  const std::string own = std::exchange(folder_, mounts + "/disk");
  {
    const OvercommittedDisk disk(mounts);
    if (disk.is_mounted()) {
      start_files();
      const File file = open("segment");
      const File bystander = open("bystander");
      const std::string moved(32 << 10,
                              'm');  // little enough that it is left to the kernel when it goes to the disk
      ASSERT_TRUE(file.resize(2 << 20));
      for (uint64_t at = 0; at < 1 << 20; at += moved.size())
        ASSERT_TRUE(file.write(at, moved.data(), moved.size()));
      disk.fill();
      disk.write_back();
      EXPECT_EQ(write_on(0, file, 1 << 20, {slice_of("direct")}, CHR_FILE_DURABLE).error().code,
                Code::kNoSpace);
      const Status synced = GetParam() == FileIo::kUring ? sync_on(1, file) : file.sync();
      ASSERT_FALSE(synced);
      EXPECT_EQ(synced.error().code, Code::kNoSpace) << synced.error().message;
      EXPECT_TRUE(sync_on(0, bystander));
      runtime_->stop();
    } else {
      folder_ = own;
    }
  }
  const bool ran = std::exchange(folder_, own) != own;
  std::filesystem::remove_all(mounts);
  if (!ran) GTEST_SKIP() << "this process may not mount a loop device";
}

// The same without a disk: another file in place of what a sync asks fails it, and nothing else.
TEST_P(FilesWriteBack, IsAskedForByADescriptionThatOnlySyncsUse) {
  if (!std::filesystem::exists("/proc/self/fd")) GTEST_SKIP() << "no /proc";
  start_files();
  const File file = open("segment");
  const std::string path = std::filesystem::canonical(folder_).string() + "/segment";
  const std::vector<int> both = descriptors_of(path);
  ASSERT_EQ(both.size(), 2u);
  const auto reads_only = [](int fd) { return (::fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY; };
  const auto of_syncs = std::ranges::find_if(both, reads_only);
  ASSERT_NE(of_syncs, both.end());
  ASSERT_TRUE(sync_on(0, file));
  const int cannot_sync = ::eventfd(0, EFD_CLOEXEC);
  ASSERT_EQ(::dup3(cannot_sync, *of_syncs, O_CLOEXEC), *of_syncs);
  ::close(cannot_sync);
  EXPECT_TRUE(write_on(0, file, 0, {slice_of("direct")}, CHR_FILE_DURABLE));
  EXPECT_TRUE(file.write(6, "waits", 5, CHR_FILE_DURABLE));
  EXPECT_EQ(sync_on(1, file).error().code, Code::kIo);
  EXPECT_EQ(file.sync().error().code, Code::kIo);
  const File before = open("before");
  const File behind = open("behind");
  const std::vector<const File*> all = {&before, &file, &behind};
  std::vector<chr_status> each(all.size(), CHR_PENDING);
  const Status synced = files_.sync_files(all, each);
  ASSERT_FALSE(synced);
  EXPECT_EQ(synced.error().code, Code::kIo);
  EXPECT_NE(synced.error().message.find("sync segment"), std::string::npos) << synced.error().message;
  EXPECT_EQ(each, (std::vector<chr_status>{CHR_OK, CHR_E_IO, CHR_OK}));
}

TEST_F(FilesTest, WhatIsOnlyReadTakesOneDescriptorAndNoneIsLeft) {
  start_files();
  const std::string path = std::filesystem::canonical(folder_).string() + "/segment";
  {
    ASSERT_TRUE(open("segment").write(0, "x", 1));
  }
  EXPECT_TRUE(descriptors_of(path).empty());
  const File file = open("segment", CHR_FILE_READ);
  EXPECT_EQ(descriptors_of(path).size(), 1u);
}

}  // namespace
}  // namespace chronik::host
