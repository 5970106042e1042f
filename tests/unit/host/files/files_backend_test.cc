// Which back end a node gets, and what a device that fails means.
#include "tests/unit/host/files/fixture.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>

namespace chronik::host {
namespace {

// From here on the kernel refuses these calls to each thread of this process, as in many a container.
void refuse_calls(const std::vector<long>& calls, int error) {
  std::vector<sock_filter> code = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const long call : calls) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call), 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(error)));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0) {
    std::fprintf(stderr, "no seccomp: %s\n", std::strerror(errno));
    std::_Exit(3);
  }
}

class FilesChoose : public FilesTest {
 public:
  // Runs in a child: 0 when all is as it should be.
  int without_io_uring(int error, std::string_view why) {
    refuse_calls({SYS_io_uring_setup}, error);
    start();
    const bool told_early = log_.has("no io_uring");  // who does not use it hears nothing
    files_ = *Files::of(host_);
    (void)Files::of(host_);
    const File file = open("journal-0");
    const Status written = write_on(1, file, 0, {slice_of("hello")}, CHR_FILE_DURABLE);
    const std::string log = log_.text();
    std::fprintf(stderr, "%s", log.c_str());
    const size_t line = log.find("no io_uring, so threads write files: " + std::string(why));
    const bool good = !told_early && written && line != std::string::npos &&
                      log.find("no io_uring", line + 1) == std::string::npos && read(file, 0, 5) == "hello";
    runtime_->stop();
    std::filesystem::remove_all(folder_);
    return good ? 0 : 1;
  }
  // The same where the configuration wants nothing else.
  int io_uring_or_nothing() {
    refuse_calls({SYS_io_uring_setup}, EPERM);
    Runtime runtime(RuntimeOptions(), logger_, metrics_);
    const auto opened = FileService::open(runtime, FileIo::kUring);
    std::filesystem::remove_all(folder_);
    if (opened) return 1;
    std::fprintf(stderr, "%s\n", opened.error().message.c_str());
    return 0;
  }
  // Writes and syncs of shards go where no thread calls for them.
  int without_system_calls_for_writes() {
    io_ = FileIo::kUring;
    start_files();
    const File file = open("journal-0");
    refuse_calls({SYS_pwritev, SYS_pwritev2, SYS_fdatasync}, EPERM);
    const bool refused = !file.write(0, "x", 1);  // of this process, without a token
    const bool written = write_on(1, file, 0, {slice_of("hello")}, CHR_FILE_DURABLE).has_value();
    std::promise<Status> synced;
    on(0, [&] { file.sync([&](const Status& status) { synced.set_value(status); }); });
    const bool good = refused && written && synced.get_future().get() && read(file, 0, 5) == "hello";
    runtime_->stop();
    std::filesystem::remove_all(folder_);
    return good ? 0 : 1;
  }
  void TestBody() override {}
};

TEST(FilesChooseDeathTest, ThreadsWhereTheKernelRefusesIoUring) {
  EXPECT_EXIT(std::_Exit(FilesChoose().without_io_uring(EPERM, "")), ::testing::ExitedWithCode(0),
              "no io_uring");
  EXPECT_EXIT(std::_Exit(FilesChoose().without_io_uring(ENOSYS, "the kernel has none")),
              ::testing::ExitedWithCode(0), "no io_uring");
  EXPECT_EXIT(std::_Exit(FilesChoose().without_io_uring(ENOMEM, "no memory for it")),
              ::testing::ExitedWithCode(0), "no io_uring");
}

TEST(FilesChooseDeathTest, NothingWhereIoUringIsAMustAndRefused) {
  EXPECT_EXIT(std::_Exit(FilesChoose().io_uring_or_nothing()), ::testing::ExitedWithCode(0),
              "file_io is \"io_uring\", which this node cannot have: .*set it to \"auto\"");
}

TEST(FilesChooseDeathTest, IoUringWithoutAThreadWhereItCan) {
  if (const Status usable = probe_uring(); !usable) GTEST_SKIP() << "no io_uring: " << usable.error().message;
  EXPECT_EXIT(std::_Exit(FilesChoose().without_system_calls_for_writes()), ::testing::ExitedWithCode(0), "");
}

TEST_F(FilesTest, APluginWithoutAFolderIsToldThatThereAreNone) {
  start();
  PluginHostOptions options;
  options.id = "other";
  PluginHost other(*runtime_, health_, std::move(options));
  const auto files = Files::of(Host(other.core()));
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().code, Code::kUnsupported);
}

// A device that fails as it is told, for what has a token.
class FailingDevice final : public FileBackend {
 public:
  FailingDevice(FileCompleter& completer, FileBackend& threads, std::atomic<int>& error)
      : completer_(completer), threads_(threads), error_(error) {}
  void start(std::unique_ptr<FileOp> op) override {
    const int error = error_.load();
    if (error == 0) return threads_.start(std::move(op));
    ASSERT_TRUE(op->note(-error));
    completer_.end(std::move(op));
  }

 private:
  FileCompleter& completer_;
  FileBackend& threads_;
  std::atomic<int>& error_;
};

class FilesOnAFailingDevice : public FilesTest {
 protected:
  void prepare(PluginHostOptions& plugin) override {
    service_ = std::make_unique<FileService>(*runtime_, [&](FileCompleter& completer, FileBackend& threads) {
      return std::make_unique<FailingDevice>(completer, threads, error_);
    });
    FilesTest::prepare(plugin);
  }
  std::atomic<int> error_{0};
};

TEST_F(FilesOnAFailingDevice, WritesAndSyncsFailWithTheNameOfTheFileAndNothingElseStops) {
  start_files();
  const File file = open("journal-0");
  ASSERT_TRUE(write_on(0, file, 0, {slice_of("hello")}, CHR_FILE_DURABLE));
  error_ = EIO;
  CountedLease lease;
  chr_slice leased = slice_of("world");
  leased.lease = &lease.base;
  const Status write = write_on(1, file, 5, {leased}, CHR_FILE_DURABLE);
  ASSERT_FALSE(write);
  EXPECT_EQ(write.error().code, Code::kIo);
  EXPECT_EQ(
      write.error().message,
      "cannot write journal-0: Input/output error; look into the kernel's log, the disk may be failing");
  EXPECT_EQ(lease.references, 1);
  std::promise<Status> synced;
  on(1, [&] { file.sync([&](const Status& status) { synced.set_value(status); }); });
  const Status sync = synced.get_future().get();
  ASSERT_FALSE(sync);
  EXPECT_EQ(sync.error().code, Code::kIo);
  EXPECT_EQ(sync.error().message.find("cannot sync journal-0: "), 0u) << sync.error().message;
  error_ = EDQUOT;
  EXPECT_EQ(write_on(0, file, 5, {slice_of("world")}).error().code, Code::kNoSpace);
  error_ = 0;
  EXPECT_EQ(write_on(0, file, 6, {slice_of("x")}).error().code, Code::kOutOfRange);  // it has not grown
  EXPECT_TRUE(write_on(0, file, 5, {slice_of("world")}));
  EXPECT_EQ(read(file, 0, 10), "helloworld");
  EXPECT_NE(metrics_.expose().find("chronik_files_written_bytes_total 10\n"), std::string::npos);
}

// The memory of this process as a file: address 0 holds nothing, so that the kernel says EIO.
TEST_F(FilesTest, WhatTheDiskCannotReadIsAnErrorOfTheCall) {
  if (!std::filesystem::exists("/proc/self/mem")) GTEST_SKIP() << "no /proc";
  const std::string mine = std::exchange(folder_, "/proc/self");
  io_ = FileIo::kThreads;
  start_files();
  folder_ = mine;
  const File file = open("mem", 0);
  char byte = 0;
  const Status read = file.read(0, &byte, 1);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kIo);
  EXPECT_EQ(read.error().message.find("cannot read mem: Input/output error"), 0u) << read.error().message;
  EXPECT_EQ(file.write(0, "x", 1).error().code, Code::kIo);
  EXPECT_EQ(write_on(0, file, 0, {slice_of("x")}, CHR_FILE_DURABLE).error().code, Code::kIo);
}

}  // namespace
}  // namespace chronik::host
