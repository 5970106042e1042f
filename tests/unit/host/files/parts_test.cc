// What system calls give for a write or a sync, and what errno means to a plugin.
#include "host/files/file_error.h"
#include "host/files/file_map.h"
#include "host/files/file_op.h"
#include "host/observe/logger.h"
#include "host/observe/metrics.h"
#include "host/runtime/runtime.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>
#include <string>

namespace chronik::host {
namespace {

class FileOps : public ::testing::Test {
 protected:
  FileOps() {
    op_.file = std::make_shared<OpenFile>("journal",
                                          OpenFile::Descriptors{::memfd_create("journal", MFD_CLOEXEC), -1},
                                          OpenFile::Kind{}, 0, std::make_shared<FileReaper>(runtime_));
    op_.at = 100;
    op_.bytes = op_.left = 10;
    op_.parts = {{bytes_, 3}, {bytes_ + 3, 5}, {bytes_ + 8, 2}};
  }

  Logger logger_;
  Metrics metrics_;
  Runtime runtime_{RuntimeOptions(), logger_, metrics_};
  char bytes_[11] = "0123456789";
  FileOp op_;
};

TEST_F(FileOps, AWholeWriteHasEnded) {
  EXPECT_TRUE(op_.note(10));
  EXPECT_EQ(op_.error, 0);
  EXPECT_EQ(op_.left, 0u);
}

TEST_F(FileOps, AWriteInPartGoesOnBehindWhatIsWritten) {
  EXPECT_FALSE(op_.note(2));
  EXPECT_EQ(op_.at, 102u);
  EXPECT_EQ(op_.first_part, 0u);
  EXPECT_EQ(op_.parts[0].iov_base, bytes_ + 2);
  EXPECT_EQ(op_.parts[0].iov_len, 1u);
  EXPECT_FALSE(op_.note(1));  // to the end of a part
  EXPECT_EQ(op_.first_part, 1u);
  EXPECT_EQ(op_.parts[1].iov_len, 5u);
  EXPECT_FALSE(op_.note(6));  // over the end of one
  EXPECT_EQ(op_.first_part, 2u);
  EXPECT_EQ(op_.parts[2].iov_base, bytes_ + 9);
  EXPECT_EQ(op_.at, 109u);
  EXPECT_TRUE(op_.note(1));
  EXPECT_EQ(op_.error, 0);
}

TEST_F(FileOps, WhatWasInterruptedIsCalledForAgainButNotForEver) {
  EXPECT_FALSE(op_.note(-EINTR));
  EXPECT_FALSE(op_.note(-EAGAIN));
  EXPECT_EQ(op_.left, 10u);
  int calls = 0;
  while (!op_.note(-EAGAIN)) ASSERT_LT(++calls, 100'000);
  EXPECT_EQ(op_.error, EAGAIN);
}

TEST_F(FileOps, ErrorsAndAnswersThatCannotBeEndAWrite) {
  EXPECT_TRUE(op_.note(-ENOSPC));
  EXPECT_EQ(op_.error, ENOSPC);
  op_.error = 0;
  EXPECT_TRUE(op_.note(0));
  EXPECT_EQ(op_.error, EIO);
  op_.error = 0;
  EXPECT_TRUE(op_.note(11));
  EXPECT_EQ(op_.error, EIO);
}

TEST_F(FileOps, ASyncEndsWithItsFirstAnswer) {
  op_.is_sync = true;
  EXPECT_FALSE(op_.note(-EINTR));
  EXPECT_TRUE(op_.note(0));
  EXPECT_EQ(op_.error, 0);
  EXPECT_TRUE(op_.note(-EIO));
  EXPECT_EQ(op_.error, EIO);
}

TEST_F(FileOps, RunToItsEndABlockingWriteIsInTheFile) {
  op_.at = 0;
  op_.durable = true;
  run_file_op(op_);
  EXPECT_EQ(op_.error, 0);
  std::string read(10, ' ');
  ASSERT_EQ(::pread(op_.file->fd(), read.data(), 10, 0), 10);
  EXPECT_EQ(read, "0123456789");
}

TEST_F(FileOps, AFilesSizeCountsWhatIsInFlightAndIsAskedForAfterAFailure) {
  OpenFile& file = *op_.file;
  ASSERT_TRUE(file.begin_write(0, 10));
  ASSERT_TRUE(file.begin_write(10, 5));
  EXPECT_EQ(file.size(), 15u);
  EXPECT_EQ(file.begin_write(16, 1).error().code, Code::kOutOfRange);
  ASSERT_EQ(::pwrite(file.fd(), "abcd", 4, 0), 4);
  file.end(true);
  EXPECT_EQ(file.size(), 15u);  // the other one may come further
  file.end(false);
  EXPECT_EQ(file.size(), 4u);
}

TEST_F(FileOps, PagesAreReadWhereTheKernelCannotBringThemIn) {
  const OpenFile& file = *op_.file;
  ASSERT_EQ(::pwrite(file.fd(), std::string(10'000, 'x').data(), 10'000, 0), 10'000);
  EXPECT_TRUE(read_pages(file, 0, 10'000));
  EXPECT_TRUE(read_pages(file, 9'999, 1));
  const Status cut = read_pages(file, 0, 20'000);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, Code::kOutOfRange);
  EXPECT_EQ(cut.error().message, "journal was cut while it was read");
  EXPECT_EQ(load_file(file, 0, 20'000).error().code, Code::kOutOfRange);  // and no signal
}

TEST(FileErrors, SayWhatFailedAndWhatToDo) {
  const Error full = file_error(ENOSPC, "write", "journal-0");
  EXPECT_EQ(full.code, Code::kNoSpace);
  EXPECT_EQ(full.message, "cannot write journal-0: No space left on device; free some of the file system");
  EXPECT_EQ(file_error(EDQUOT, "write", "a").code, Code::kNoSpace);
  EXPECT_EQ(file_error(EFBIG, "write", "a").code, Code::kNoSpace);
  EXPECT_EQ(file_error(ENOENT, "open", "a").code, Code::kNotFound);
  EXPECT_EQ(file_error(EMFILE, "open", "a").code, Code::kOverloaded);
  const Error broken = file_error(EIO, "sync", "journal-0");
  EXPECT_EQ(broken.code, Code::kIo);
  EXPECT_EQ(broken.message,
            "cannot sync journal-0: Input/output error; look into the kernel's log, the disk may be failing");
  EXPECT_EQ(file_error(EINVAL, "write", "a").code, Code::kIo);
}

}  // namespace
}  // namespace chronik::host
