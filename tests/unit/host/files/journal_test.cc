// chronik.host.files/1 of the server, on a file system with a journal: how many transactions syncs take.
#include "tests/unit/host/files/fixture.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fstream>

namespace chronik::host {
namespace {

// ext4 with a journal, on a loop device whose image is in memory.
class JournalledDisk {
 public:
  explicit JournalledDisk(const std::string& at) : memory_(at + "/memory"), at_(at + "/disk") {
    std::filesystem::create_directories(memory_);
    std::filesystem::create_directories(at_);
    if (::mount("tmpfs", memory_.c_str(), "tmpfs", 0, "size=80m") != 0) return;
    has_memory_ = true;
    const std::string image = memory_ + "/image";
    std::ofstream(image).close();
    std::filesystem::resize_file(image, 64 << 20);
    is_mounted_ = run("mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 " + image) &&
                  run("mount -o loop " + image + " " + at_);
  }
  ~JournalledDisk() {
    if (is_mounted_ && ::umount(at_.c_str()) != 0) ::umount2(at_.c_str(), MNT_DETACH);
    if (has_memory_) ::umount2(memory_.c_str(), MNT_DETACH);
  }
  // nullopt: this process may not mount it, or the kernel does not tell.
  std::optional<int> transactions() const {
    struct stat status{};
    if (!is_mounted_ || ::stat(at_.c_str(), &status) != 0) return std::nullopt;
    const std::string number =
        std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev));
    std::error_code none;
    const std::string device = std::filesystem::read_symlink("/sys/dev/block/" + number, none).filename();
    std::ifstream info("/proc/fs/jbd2/" + device + "-8/info");
    int transactions = 0;
    return info >> transactions ? std::optional(transactions) : std::nullopt;
  }

 private:
  static bool run(const std::string& command) { return std::system((command + " 2>/dev/null").c_str()) == 0; }
  const std::string memory_, at_;
  bool has_memory_ = false, is_mounted_ = false;
};

TEST_F(FilesTest, SyncsOfOneCallTakeFewTransactions) {
  constexpr int kFiles = 64;
  const std::string mounts = make_folder(::testing::TempDir());
  const std::string own = std::exchange(folder_, mounts + "/disk");
  std::optional<int> before;
  {
    const JournalledDisk disk(mounts);
    if (disk.transactions()) {
      start_files();
      std::vector<File> opened;
      std::vector<const File*> all;
      for (int i = 0; i < kFiles; ++i) {
        opened.push_back(open("segment-" + std::to_string(i)));
        ASSERT_TRUE(opened.back().resize(16 << 10));
        ASSERT_TRUE(opened.back().write(0, "text", 4));
      }
      for (const File& file : opened) all.push_back(&file);
      std::vector<chr_status> each(all.size());
      before = disk.transactions();
      EXPECT_TRUE(files_.sync_files(all, each));
      EXPECT_LE(*disk.transactions() - *before, kFiles / 8);
      opened.clear();
      runtime_->stop();
    }
  }
  folder_ = own;
  std::filesystem::remove_all(mounts);
  if (!before) GTEST_SKIP() << "this process may not mount a loop device with a journal that tells of itself";
}

}  // namespace
}  // namespace chronik::host
