// chronik.host.files/1 of the server: what it refuses, and what a disk refuses.
#include "tests/unit/host/files/fixture.h"

#include <sys/mount.h>
#include <sys/resource.h>

#include <csignal>

namespace chronik::host {
namespace {

using FilesRefuse = FilesOn;
CHRONIK_ON_EACH_BACKEND(FilesRefuse);

// The largest size that a file may have, for as long as it stands.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) {
    before_handler_ = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, before_handler_);
  }

 private:
  rlimit before_{};
  sighandler_t before_handler_;
};

// A small file system in memory. Empty: this process may not mount one.
class SmallDisk {
 public:
  SmallDisk(const std::string& at, const std::string& options) {
    std::filesystem::create_directory(at);
    if (::mount("tmpfs", at.c_str(), "tmpfs", 0, options.c_str()) == 0) at_ = at;
  }
  ~SmallDisk() {
    if (mounted()) ::umount2(at_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return !at_.empty(); }

 private:
  std::string at_;
};

TEST_P(FilesRefuse, NamesThatBreakTheRule) {
  start_files();
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string(".hidden"), std::string("a/b"),
        std::string("Upper"), std::string("a b"), std::string("a\0b", 3), std::string(101, 'a')}) {
    EXPECT_EQ(files_.open(name, CHR_FILE_CREATE).error().code, Code::kInvalidArgument) << name;
    EXPECT_EQ(files_.remove(name).error().code, Code::kInvalidArgument) << name;
    EXPECT_EQ(files_.rename(name, "a").error().code, Code::kInvalidArgument) << name;
    EXPECT_EQ(files_.rename("a", name).error().code, Code::kInvalidArgument) << name;
  }
  EXPECT_TRUE(open(std::string(100, 'a')));
  EXPECT_TRUE(open("0_.-9"));
}

TEST_P(FilesRefuse, WhatIsNotThere) {
  start_files();
  const auto absent = files_.open("absent", 0);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Code::kNotFound);
  EXPECT_EQ(absent.error().message, "cannot open absent: No such file or directory");
  EXPECT_EQ(files_.open("absent", CHR_FILE_DIRECT).error().code, Code::kNotFound);
  EXPECT_EQ(files_.remove("absent").error().code, Code::kNotFound);
  EXPECT_EQ(files_.rename("absent", "other").error().code, Code::kNotFound);
}

// None of them may be waited for: nobody writes into the pipe.
TEST_P(FilesRefuse, WhatIsNoRegularFile) {
  start_files();
  const auto path = [&](const std::string& name) { return folder_ + "/" + name; };
  const auto make = [&](const std::string& name) {
    if (name == "folder") return std::filesystem::create_directory(path(name));
    if (name == "link") return ::symlink("/dev/null", path(name).c_str()) == 0;
    return ::mknod(path(name).c_str(), (name == "pipe" ? S_IFIFO : S_IFSOCK) | 0600, 0) == 0;
  };
  const std::pair<const char*, const char*> kinds[] = {
      {"folder", "a folder"}, {"link", "a symbolic link"}, {"pipe", "a named pipe"}, {"socket", "a socket"}};
  for (const auto& [name, kind] : kinds) {
    ASSERT_TRUE(make(name)) << name;
    const std::string told = std::string(name) + " is " + kind + ", not a regular file: move it away";
    for (const auto flags :
         {0u, unsigned{CHR_FILE_CREATE}, unsigned{CHR_FILE_READ}, unsigned{CHR_FILE_DIRECT}}) {
      const auto opened = files_.open(name, flags);
      ASSERT_FALSE(opened) << name;
      EXPECT_EQ(opened.error().code, Code::kIo);
      EXPECT_EQ(opened.error().message.substr(0, told.size()), told) << flags;
    }
    const Status listed = files_.list([](std::string_view, uint64_t) {});
    ASSERT_FALSE(listed) << name;
    EXPECT_EQ(listed.error().code, Code::kIo);
    EXPECT_EQ(listed.error().message.substr(0, told.size()), told);
    std::filesystem::remove(path(name));
  }
  EXPECT_TRUE(files_.list([](std::string_view, uint64_t) {}));
}

TEST_P(FilesRefuse, AFileThatIsOpenAndFlagsThatNobodyKnows) {
  start_files();
  File file = open("a");
  const auto twice = files_.open("a", 0);
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, Code::kInvalidArgument);
  EXPECT_EQ(twice.error().message, "a is open already");
  ASSERT_TRUE(files_.rename("a", "b"));
  EXPECT_EQ(files_.open("b", 0).error().code, Code::kInvalidArgument);
  file.close();
  EXPECT_TRUE(open("b", 0));
  EXPECT_EQ(files_.open("c", 8).error().code, Code::kInvalidArgument);
  EXPECT_EQ(files_.open("c", 0).error().code, Code::kNotFound);  // it was not made
}

TEST_P(FilesRefuse, HandlesThatWereClosedOrNeverWere) {
  start_files();
  const auto* const table = host_.find<chr_files_v1>(CHR_FILES_ID);
  const File file = open("a");
  ASSERT_TRUE(file.write(0, "abc", 3));
  const chr_slice slice = slice_of("abc");
  uint8_t byte = 0;
  chr_slice out{};
  for (const uint64_t unknown : {uint64_t{0}, uint64_t{77}, UINT64_MAX}) {
    const chr_file_write args{unknown, 0, &slice, 1, 0, 0};
    chr_error error = make_abi_error();
    EXPECT_EQ(table->write(host_.self(), &args, &error), CHR_E_INVALID_ARGUMENT);
    EXPECT_NE(std::string(error.message).find("there is no open file"), std::string::npos) << error.message;
    EXPECT_EQ(table->sync(host_.self(), unknown, 0, nullptr), CHR_E_INVALID_ARGUMENT);
    EXPECT_EQ(table->read(host_.self(), unknown, 0, &byte, 1, nullptr), CHR_E_INVALID_ARGUMENT);
    EXPECT_EQ(table->zero(host_.self(), unknown, 0, 1, nullptr), CHR_E_INVALID_ARGUMENT);
    EXPECT_EQ(table->resize(host_.self(), unknown, 1, nullptr), CHR_E_INVALID_ARGUMENT);
    EXPECT_EQ(table->map(host_.self(), unknown, 0, 1, &out, nullptr), CHR_E_INVALID_ARGUMENT);
    EXPECT_EQ(table->load(host_.self(), unknown, 0, 1, nullptr), CHR_E_INVALID_ARGUMENT);
    EXPECT_EQ(table->is_loaded(host_.self(), unknown, 0, 1), 0);
    table->close(host_.self(), unknown);
  }
  EXPECT_TRUE(file.sync());
}

TEST_P(FilesRefuse, RangesThatAFileDoesNotHave) {
  start_files();
  const File file = open("a");
  ASSERT_TRUE(file.write(0, "abc", 3));
  char out[8];
  const Status read = file.read(1, out, 3);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kOutOfRange);
  EXPECT_EQ(read.error().message, "a read of 3 bytes at 1 of a, which ends at 3");
  EXPECT_EQ(file.load(1, 3).error().code, Code::kOutOfRange);
  EXPECT_EQ(file.write(4, "x", 1).error().message, "a write at 4 would leave a hole in a, which has 3 bytes");
  EXPECT_EQ(write_on(0, file, 4, {slice_of("x")}).error().code, Code::kOutOfRange);
  EXPECT_EQ(file.write(0, std::span<const chr_slice>()).error().code, Code::kInvalidArgument);
  EXPECT_EQ(file.write(0, "", 0).error().code, Code::kInvalidArgument);
  EXPECT_EQ(file.write(0, "x", 1, 2).error().code, Code::kInvalidArgument);
  for (const uint64_t huge : {UINT64_MAX, uint64_t{1} << 63}) {
    EXPECT_EQ(file.read(huge, out, 1).error().code, Code::kInvalidArgument);
    EXPECT_EQ(file.write(huge, "x", 1).error().code, Code::kInvalidArgument);
    EXPECT_EQ(file.zero(1, huge).error().code, Code::kInvalidArgument);
    EXPECT_EQ(file.resize(huge).error().code, Code::kInvalidArgument);
    EXPECT_EQ(file.load(huge, 1).error().code, Code::kInvalidArgument);
    EXPECT_EQ(file.map(0, huge).error().code, Code::kInvalidArgument);
    EXPECT_FALSE(file.is_loaded(huge, huge));
  }
  EXPECT_EQ(file.map(0, 0).error().code, Code::kInvalidArgument);
  EXPECT_EQ(file.map(512, 100).error().code, Code::kInvalidArgument);
  EXPECT_TRUE(write_on(1, file, 3, {slice_of("d")}));
}

class FilesAlign : public FilesOn {
 protected:
  // On a file system that takes O_DIRECT, and where it does not: the same.
  void expect_the_rule() {
    start_files();
    const File file = open("ring", CHR_FILE_CREATE | CHR_FILE_DIRECT);
    const uint64_t block = file.info().block;
    ASSERT_GE(block, 512u);
    const Aligned bytes(2 * block, 'x');
    EXPECT_TRUE(file.zero(0, 4 * block));
    EXPECT_EQ(file.zero(0, block + 1).error().code, Code::kInvalidArgument);
    EXPECT_EQ(file.zero(1, block).error().code, Code::kInvalidArgument);
    EXPECT_TRUE(file.write(block, bytes.p(), 2 * block, CHR_FILE_DURABLE));
    EXPECT_EQ(file.write(1, bytes.p(), block).error().code, Code::kInvalidArgument);
    const Status size = file.write(0, bytes.p(), block - 1);
    EXPECT_EQ(size.error().code, Code::kInvalidArgument);
    EXPECT_EQ(size.error().message, "a size of ring is " + std::to_string(block - 1) +
                                        ", which is no multiple of its block, " + std::to_string(block));
    EXPECT_EQ(write_on(0, file, 0, {{bytes.p() + 8, block, nullptr}}).error().code, Code::kInvalidArgument);
    EXPECT_EQ(file.read(0, bytes.p() + 1, block).error().code, Code::kInvalidArgument);
    EXPECT_TRUE(file.resize(4 * block + 5));
    EXPECT_EQ(file.read(4 * block, bytes.p(), block).error().code, Code::kOutOfRange);
    EXPECT_TRUE(file.read(3 * block, bytes.p(), block));
    EXPECT_EQ(bytes.text().substr(0, block), std::string(block, '\0'));
    EXPECT_TRUE(file.read(2 * block, bytes.p(), block));
    EXPECT_EQ(bytes.text().substr(0, block), std::string(block, 'x'));
    EXPECT_TRUE(file.load(3 * block, block + 5));
  }
};
CHRONIK_ON_EACH_BACKEND(FilesAlign);

TEST_P(FilesAlign, OnADisk) { expect_the_rule(); }

TEST_P(FilesAlign, InMemory) {
  if (!std::filesystem::is_directory("/dev/shm")) GTEST_SKIP() << "no /dev/shm";
  move_to("/dev/shm");
  expect_the_rule();
}

TEST_P(FilesRefuse, DirectWritesWhereTheFileSystemIsMemoryAndSaysSoOnce) {
  if (!std::filesystem::is_directory("/dev/shm")) GTEST_SKIP() << "no /dev/shm";
  move_to("/dev/shm");
  start_files();
  const File one = open("one", CHR_FILE_CREATE | CHR_FILE_DIRECT);
  const File two = open("two", CHR_FILE_CREATE | CHR_FILE_DIRECT);
  EXPECT_EQ(one.info().direct, 0u);
  EXPECT_GE(one.info().block, 512u);
  const Aligned bytes(one.info().block, 'x');
  EXPECT_TRUE(write_on(0, one, 0, {bytes.slice()}, CHR_FILE_DURABLE));
  const std::string log = log_.text();
  const std::string line = "does not take O_DIRECT; writes go through the page cache";
  ASSERT_NE(log.find(line), std::string::npos) << log;
  EXPECT_EQ(log.find(line), log.rfind(line)) << log;
  EXPECT_NE(log.find("folder=" + folder_), std::string::npos) << log;
}

TEST_P(FilesRefuse, WritesBeyondTheLimitOfSizes) {
  start_files();
  const File file = open("journal-0");
  ASSERT_TRUE(file.write(0, std::string(60'000, 'a').data(), 60'000));
  const std::string text(10'000, 'b');
  {
    const FileLimit limit(65'536);
    // In part, and then refused.
    const Status by_token = write_on(0, file, 60'000, {slice_of(text)}, CHR_FILE_DURABLE);
    ASSERT_FALSE(by_token);
    EXPECT_EQ(by_token.error().code, Code::kNoSpace);
    EXPECT_NE(by_token.error().message.find("cannot write journal-0: File too large"), std::string::npos)
        << by_token.error().message;
    EXPECT_EQ(file.write(65'536, "x", 1).error().code, Code::kNoSpace);
    EXPECT_EQ(file.zero(65'000, 1'000).error().code, Code::kNoSpace);
    EXPECT_EQ(file.resize(100'000).error().code, Code::kNoSpace);
    EXPECT_EQ(file.write(65'537, "x", 1).error().code, Code::kOutOfRange);  // it has not grown
    EXPECT_TRUE(write_on(1, file, 60'000, {slice_of("c")}, CHR_FILE_DURABLE));
  }
  EXPECT_TRUE(write_on(1, file, 60'001, {slice_of(text)}, CHR_FILE_DURABLE));
  EXPECT_EQ(read(file, 60'000, 3), "cbb");
}

TEST_P(FilesRefuse, DirectWritesBeyondTheLimitOfSizes) {
  start_files();
  const File file = open("journal-0", CHR_FILE_CREATE | CHR_FILE_DIRECT);
  const uint64_t block = file.info().block;
  const Aligned bytes(8 * block, 'x');
  {
    const FileLimit limit(4 * block);
    const Status full = write_on(0, file, 0, {bytes.slice()}, CHR_FILE_DURABLE);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, Code::kNoSpace) << full.error().message;
    EXPECT_TRUE(write_on(1, file, 0, {{bytes.p(), block, nullptr}}, CHR_FILE_DURABLE));
  }
  EXPECT_TRUE(write_on(1, file, block, {bytes.slice()}, CHR_FILE_DURABLE));
}

TEST_P(FilesRefuse, MemoryThatIsNotThere) {
  start_files();
  const uint64_t n = 1 << 16;
  void* const nothing = ::mmap(nullptr, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(nothing, MAP_FAILED);
  const chr_slice slice{static_cast<const uint8_t*>(nothing), n, nullptr};
  for (const uint32_t flags : {0u, unsigned{CHR_FILE_DIRECT}}) {
    const File file = open("file-" + std::to_string(flags), CHR_FILE_CREATE | flags);
    for (const uint32_t durable : {unsigned{CHR_FILE_DURABLE}, 0u}) {
      const Status refused = write_on(0, file, 0, {slice}, durable);
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code, Code::kIo);
      EXPECT_NE(refused.error().message.find("Bad address"), std::string::npos) << refused.error().message;
    }
    const Aligned bytes(n, 'x');
    EXPECT_TRUE(write_on(0, file, 0, {bytes.slice()}, CHR_FILE_DURABLE));  // the ring goes on
  }
  ::munmap(nothing, n);
}

TEST_P(FilesRefuse, WritesToAFullDisk) {
  std::filesystem::remove_all(folder_);
  const SmallDisk disk(folder_, "size=1m");
  if (!disk.mounted()) GTEST_SKIP() << "may not mount a small file system";
  start_files();
  const File file = open("journal-0");
  EXPECT_TRUE(file.zero(0, 900'000));
  EXPECT_LT(*files_.free_bytes(), 200'000u);
  const std::string text(400'000, 'b');
  const Status full = write_on(0, file, 900'000, {slice_of(text)}, CHR_FILE_DURABLE);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::kNoSpace);
  EXPECT_NE(full.error().message.find("cannot write journal-0: No space left on device"), std::string::npos);
  EXPECT_TRUE(file.write(0, text.data(), text.size()));  // where there are blocks already
  EXPECT_TRUE(files_.remove("journal-0"));
}

TEST_P(FilesRefuse, WritesToWhatWasOpenedToRead) {
  start_files();
  EXPECT_TRUE(open("journal-0").write(0, "abc", 3));
  EXPECT_EQ(files_.open("journal-1", CHR_FILE_READ).error().code, Code::kNotFound);
  EXPECT_EQ(files_.open("journal-1", CHR_FILE_READ | CHR_FILE_CREATE).error().code, Code::kInvalidArgument);
  const File file = open("journal-0", CHR_FILE_READ);
  EXPECT_EQ(read(file, 0, 3), "abc");
  for (const Status& refused : {file.write(0, "x", 1), file.resize(1), file.zero(0, 3),
                                write_on(0, file, 0, {slice_of("x")}, CHR_FILE_DURABLE)}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_EQ(refused.error().message, "journal-0 was opened to read only");
  }
  EXPECT_EQ(read(file, 0, 3), "abc");
  const Files to_read = files_.to_read();
  for (const Status& refused :
       {to_read.rename("journal-0", "journal-2"), to_read.remove("journal-0"), to_read.sync_names()})
    EXPECT_FALSE(refused);
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/journal-0"));
}

TEST_P(FilesRefuse, NothingToReadWhatMayNotBeWritten) {
  std::filesystem::remove_all(folder_);
  const SmallDisk disk(folder_, "size=1m");
  if (!disk.mounted()) GTEST_SKIP() << "may not mount a small file system";
  start_files();
  EXPECT_TRUE(open("journal-0").write(0, "abc", 3));
  ASSERT_EQ(::mount(nullptr, folder_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  EXPECT_FALSE(files_.open("journal-0", 0));
  for (const uint32_t flags : {0u, unsigned{CHR_FILE_DIRECT}}) {
    const File file = open("journal-0", CHR_FILE_READ | flags);
    EXPECT_EQ(file.info().size, 3u);
    ASSERT_TRUE(file.load(0, 3)) << flags;
  }
}

TEST_P(FilesRefuse, CallsThatMayBlockOnAShard) {
  start_files();
  const File file = open("a");
  on(1, [&] {
    char byte = 0;
    EXPECT_EQ(file.write(0, "x", 1).error().code, Code::kInvalidArgument);
    EXPECT_EQ(file.sync().error().code, Code::kInvalidArgument);
    EXPECT_EQ(file.read(0, &byte, 1).error().code, Code::kInvalidArgument);
    EXPECT_EQ(file.zero(0, 1).error().code, Code::kInvalidArgument);
    EXPECT_EQ(file.resize(1).error().code, Code::kInvalidArgument);
    EXPECT_EQ(file.load(0, 0).error().code, Code::kInvalidArgument);
    EXPECT_EQ(files_.open("b", CHR_FILE_CREATE).error().code, Code::kInvalidArgument);
    EXPECT_EQ(files_.rename("a", "b").error().code, Code::kInvalidArgument);
    EXPECT_EQ(files_.remove("a").error().code, Code::kInvalidArgument);
    EXPECT_EQ(files_.sync_names().error().code, Code::kInvalidArgument);
    EXPECT_EQ(files_.list([](std::string_view, uint64_t) {}).error().code, Code::kInvalidArgument);
    EXPECT_EQ(files_.free_bytes().error().code, Code::kInvalidArgument);
  });
  ASSERT_EQ(fatals_.size(), 12u);
  EXPECT_NE(fatals_[0].find("files.write without a token was called on a shard"), std::string::npos)
      << fatals_[0];
  EXPECT_TRUE(log_.has("comp=test-plugin"));
}

}  // namespace
}  // namespace chronik::host
