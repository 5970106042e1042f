// chronik.host.files/1 of the server, over real files: what each function does.
#include "host/files/descriptor.h"
#include "tests/unit/host/files/fixture.h"

#include <fcntl.h>
#include <sys/file.h>

#include <atomic>
#include <latch>
#include <thread>

namespace chronik::host {
namespace {

using FilesDo = FilesOn;
CHRONIK_ON_EACH_BACKEND(FilesDo);

TEST_P(FilesDo, WriteFromAShardAndCompleteThere) {
  start_files();
  const File file = open("journal-0");
  EXPECT_EQ(file.info().block, 1u);
  EXPECT_EQ(file.info().direct, 0u);
  EXPECT_EQ(file.info().size, 0u);
  EXPECT_TRUE(write_on(1, file, 0, {slice_of("hello, "), slice_of(""), slice_of("world")}, CHR_FILE_DURABLE));
  EXPECT_TRUE(write_on(0, file, 12, {slice_of("!")}));
  EXPECT_EQ(read(file, 0, 13), "hello, world!");
  EXPECT_TRUE(file.write(7, "World", 5, CHR_FILE_DURABLE));  // without a token
  EXPECT_EQ(read(file, 6, 7), " World!");
}

TEST_P(FilesDo, WriteWhereAnotherThreadGivesTheToken) {
  start_files();
  const File file = open("journal-0");
  std::promise<int32_t> shard;
  uint64_t token = 0;
  const auto done = [](void* context, const chr_done* answer) {
    EXPECT_EQ(answer->code, CHR_OK);
    static_cast<std::promise<int32_t>*>(context)->set_value(1);
  };
  on(1, [&] { token = runtime_->op_begin(done, &shard); });
  const auto* const table = host_.find<chr_files_v1>(CHR_FILES_ID);
  uint64_t handle = 0;
  chr_file_info info{};
  info.struct_size = sizeof info;
  ASSERT_EQ(table->open(host_.self(), to_abi("other"), CHR_FILE_CREATE, &handle, &info, nullptr), CHR_OK);
  const chr_slice slice = slice_of("from no shard");
  const chr_file_write args{handle, 0, &slice, 1, CHR_FILE_DURABLE, token};
  EXPECT_EQ(table->write(host_.self(), &args, nullptr), CHR_PENDING);
  EXPECT_EQ(shard.get_future().get(), 1);
  table->close(host_.self(), handle);
  EXPECT_EQ(read(open("other"), 0, slice.n), "from no shard");
}

TEST_P(FilesDo, TakeManyWritesAtOnce) {
  start_files();
  constexpr uint64_t kEach = 700;  // more than a ring takes
  const File file = open("journal-0", CHR_FILE_CREATE | CHR_FILE_DIRECT);
  const uint64_t block = file.info().block;
  EXPECT_GE(block, 512u);
  EXPECT_EQ(block & (block - 1), 0u);
  ASSERT_TRUE(file.zero(0, 2 * kEach * block));
  std::vector<Aligned> blocks;
  for (int i = 0; i < 26; ++i) blocks.emplace_back(block, static_cast<char>('a' + i));
  std::latch all(2 * kEach);
  std::atomic<uint64_t> good{0};
  for (const uint32_t shard : {0u, 1u}) {
    host_.post(shard, [&, shard] {
      for (uint64_t i = 0; i < kEach; ++i) {
        const uint64_t at = (2 * i + shard) * block;
        const chr_slice slice = blocks[at / block % 26].slice();
        file.write(at, std::span(&slice, 1), i % 3 == 0 ? CHR_FILE_DURABLE : 0, [&](const Status& status) {
          if (status) ++good;
          all.count_down();
        });
      }
    });
  }
  all.wait();
  EXPECT_EQ(good, 2 * kEach);
  Aligned read_back(2 * kEach * block);
  ASSERT_TRUE(file.read(0, read_back.p(), 2 * kEach * block));
  for (uint64_t i = 0; i < 2 * kEach * block; ++i)
    ASSERT_EQ(read_back.p()[i], 'a' + i / block % 26) << "at " << i;
}

TEST_P(FilesDo, SyncSeveralInOneCall) {
  start_files();
  std::vector<File> opened;
  std::vector<const File*> all;
  for (int i = 0; i < 50; ++i) {
    opened.push_back(open("segment-" + std::to_string(i)));
    ASSERT_TRUE(opened.back().write(0, "text", 4));
  }
  for (const File& file : opened) all.push_back(&file);
  std::vector<chr_status> each(all.size(), CHR_E_IO);
  EXPECT_TRUE(files_.sync_files(all, each));
  EXPECT_EQ(std::ranges::count(each, CHR_OK), 50);
  EXPECT_TRUE(files_.sync_files({}, {}));
  EXPECT_NE(metrics_.expose().find("chronik_files_syncs_total 50\n"), std::string::npos);

  const auto* const table = host_.find<chr_files_v1>(CHR_FILES_ID);
  const uint64_t unknown[] = {77};
  EXPECT_EQ(table->sync_files(host_.self(), unknown, 1, each.data(), nullptr), CHR_E_INVALID_ARGUMENT);
}

// Whoever waits for his syncs does not wait for a thread that is free to help.
TEST_P(FilesDo, SyncWhereNoThreadIsFree) {
  start_files();
  constexpr ptrdiff_t kCalls = 40;  // more than there are blocking threads
  std::vector<File> opened;
  for (int i = 0; i < 4 * kCalls; ++i) opened.push_back(open("segment-" + std::to_string(i)));
  std::latch all(kCalls);
  std::atomic<int> good{0};
  for (size_t i = 0; i < kCalls; ++i) {
    host_.blocking([&, i] {
      std::vector<const File*> own;
      for (size_t n = 0; n < 4; ++n) own.push_back(&opened[4 * i + n]);
      std::vector<chr_status> each(own.size());
      if (files_.sync_files(own, each)) ++good;
      all.count_down();
    });
  }
  all.wait();
  EXPECT_EQ(good, kCalls);
}

TEST_P(FilesDo, AppendBehindWhatIsInFlight) {
  start_files();
  const File file = open("segment");
  const std::vector<std::string> texts = {"one ", "two ", "three ", "four"};
  std::latch all(static_cast<ptrdiff_t>(texts.size()));
  on(1, [&] {
    uint64_t at = 0;
    for (const std::string& text : texts) {
      const chr_slice slice = slice_of(text);
      file.write(at, std::span(&slice, 1), CHR_FILE_DURABLE, [&](const Status& status) {
        EXPECT_TRUE(status);
        all.count_down();
      });
      at += text.size();
    }
  });
  all.wait();
  EXPECT_EQ(read(file, 0, 18), "one two three four");
}

TEST_P(FilesDo, WriteAThousandSlicesAndNoMore) {
  start_files();
  const File file = open("segment");
  std::string text(CHR_FILE_MAX_SLICES, 'x');
  std::vector<chr_slice> slices;
  for (size_t i = 0; i < text.size(); ++i) {
    text[i] = static_cast<char>('a' + i % 26);
    slices.push_back(slice_of(std::string_view(text).substr(i, 1)));
  }
  EXPECT_TRUE(write_on(0, file, 0, slices));
  EXPECT_EQ(read(file, 0, text.size()), text);
  slices.push_back(slices.front());
  EXPECT_EQ(write_on(0, file, 0, slices).error().code, Code::kInvalidArgument);
  EXPECT_EQ(file.write(0, slices).error().code, Code::kInvalidArgument);
}

TEST_P(FilesDo, HoldLeasesUntilAWriteHasEndedAndNoLonger) {
  start_files();
  const File file = open("segment");
  CountedLease lease;
  std::promise<int> at_the_end;
  on(0, [&] {
    chr_slice slices[] = {slice_of("abc"), slice_of("def")};
    slices[0].lease = slices[1].lease = &lease.base;
    file.write(0, slices, 0, [&](const Status& status) {
      EXPECT_TRUE(status);
      at_the_end.set_value(lease.references);
    });
  });
  EXPECT_EQ(at_the_end.get_future().get(), 1);
  lease.released.get_future().wait();  // it had been retained
}

TEST_P(FilesDo, SyncWithATokenAndWithout) {
  start_files();
  const File file = open("segment");
  ASSERT_TRUE(file.write(0, "abc", 3));
  std::promise<Status> done;
  on(1, [&] { file.sync([&](const Status& status) { done.set_value(status); }); });
  EXPECT_TRUE(done.get_future().get());
  EXPECT_TRUE(file.sync());
  EXPECT_TRUE(files_.sync_names());
  const std::string metrics = metrics_.expose();
  EXPECT_NE(metrics.find("chronik_files_syncs_total 2\n"), std::string::npos) << metrics;
}

TEST_P(FilesDo, CloseAfterWhatIsInFlight) {
  start_files();
  constexpr int kWrites = 300;
  const std::string text(10'000, 'z');
  std::atomic<int> good{0};
  std::latch all(kWrites);
  on(0, [&] {
    auto file = std::make_unique<File>();
    std::thread([&] { *file = open("segment"); }).join();
    for (int i = 0; i < kWrites; ++i) {
      const chr_slice slice = slice_of(text);
      file->write(static_cast<uint64_t>(i) * text.size(), std::span(&slice, 1), 0, [&](const Status& status) {
        if (status) ++good;
        all.count_down();
      });
    }
    file.reset();
  });
  const File again = open("segment", 0);  // waits for them
  EXPECT_EQ(again.info().size, kWrites * text.size());
  all.wait();
  EXPECT_EQ(good, kWrites);
  EXPECT_EQ(read(again, kWrites * text.size() - 3, 3), "zzz");
}

TEST_P(FilesDo, CompleteWhatIsInFlightBeforeTheRuntimeHasStopped) {
  start_files();
  constexpr int kWrites = 500;
  const std::string text(5'000, 'z');
  std::atomic<int> good{0};
  File file = open("segment");
  on(1, [&] {
    for (int i = 0; i < kWrites; ++i) {
      const chr_slice slice = slice_of(text);
      file.write(static_cast<uint64_t>(i) * text.size(), std::span(&slice, 1), 0, [&](const Status& status) {
        if (status) ++good;
      });
    }
  });
  runtime_->stop();
  EXPECT_EQ(good, kWrites);
  EXPECT_EQ(std::filesystem::file_size(folder_ + "/segment"), kWrites * text.size());
}

TEST_P(FilesDo, FillWithZerosAndGrow) {
  start_files();
  const File file = open("ring");
  ASSERT_TRUE(file.write(0, "abcdef", 6));
  EXPECT_TRUE(file.zero(2, 3'000'000));  // more than a piece
  EXPECT_EQ(std::filesystem::file_size(folder_ + "/ring"), 3'000'002u);
  EXPECT_EQ(read(file, 0, 3'000'002), "ab" + std::string(3'000'000, '\0'));
  EXPECT_TRUE(file.zero(3'000'002, 0));
  EXPECT_EQ(file.zero(3'000'003, 1).error().code, Code::kOutOfRange);
}

TEST_P(FilesDo, CutAndGrowByZeros) {
  start_files();
  const File file = open("segment");
  ASSERT_TRUE(file.write(0, "abcdef", 6));
  EXPECT_TRUE(file.resize(3));
  EXPECT_EQ(file.write(4, "x", 1).error().code, Code::kOutOfRange);
  EXPECT_TRUE(file.resize(5));
  EXPECT_EQ(read(file, 0, 5), std::string("abc\0\0", 5));
  EXPECT_TRUE(file.write(5, "x", 1));
  EXPECT_TRUE(file.sync());
}

TEST_P(FilesDo, ShowAFileAsMemory) {
  start_files();
  auto file = std::make_unique<File>(open("segment"));
  std::string text(9'000, 'a');
  ASSERT_TRUE(file->write(0, text.data(), text.size()));
  EXPECT_TRUE(file->load(0, text.size()));
  EXPECT_TRUE(file->load(5'000, 0));
  EXPECT_TRUE(file->is_loaded(100, 8'900));
  EXPECT_FALSE(file->is_loaded(100, 8'901));  // beyond the end
  auto mapped = file->map(4096, 1 << 20);     // so far beyond as wanted
  ASSERT_TRUE(mapped) << mapped.error().message;
  const auto* const p = reinterpret_cast<const char*>(mapped->p);
  EXPECT_EQ(mapped->n, 1u << 20);
  EXPECT_EQ(std::string_view(p, 4'904), text.substr(4096));
  ASSERT_TRUE(file->write(9'000, "later", 5));
  EXPECT_EQ(std::string_view(p + 4'904, 5), "later");
  file.reset();
  ASSERT_TRUE(files_.remove("segment"));
  mapped->lease->ops->retain(mapped->lease);
  mapped->lease->ops->release(mapped->lease);
  EXPECT_EQ(std::string_view(p, 4), "aaaa");  // it outlives both
  on(1, [&] { mapped->lease->ops->release(mapped->lease); });
}

TEST_P(FilesDo, BringADirectFileIntoMemoryAndShowWhatIsWrittenThen) {
  start_files();
  const File file = open("ring", CHR_FILE_CREATE | CHR_FILE_DIRECT);
  if (file.info().direct == 0) GTEST_SKIP() << "no O_DIRECT in " << folder_;
  const uint64_t n = 256 * uint64_t{file.info().block};
  const Aligned before(n, 'a');
  const Aligned after(n, 'b');
  ASSERT_TRUE(write_on(0, file, 0, {before.slice()}, CHR_FILE_DURABLE));
  EXPECT_FALSE(file.is_loaded(0, n));  // it went past the page cache
  EXPECT_TRUE(file.load(n / 2, 1));
  EXPECT_TRUE(file.is_loaded(n / 2, 1));
  for (const uint64_t at : {n / 4, n / 2 + 8192})
    EXPECT_FALSE(file.is_loaded(at, 1));  // nobody asked for that
  EXPECT_TRUE(file.load(0, n));
  EXPECT_TRUE(file.is_loaded(0, n));
  const auto mapped = file.map(0, n);
  ASSERT_TRUE(mapped);
  const std::string_view shown(reinterpret_cast<const char*>(mapped->p), n);
  EXPECT_EQ(shown, before.text());
  ASSERT_TRUE(write_on(1, file, 0, {after.slice()}, CHR_FILE_DURABLE));
  EXPECT_EQ(shown, after.text());
  mapped->lease->ops->release(mapped->lease);
}

TEST_P(FilesDo, AMapOutlivesTheRuntime) {
  start_files();
  chr_slice slice{};
  {
    const File file = open("segment");
    ASSERT_TRUE(file.write(0, "abc", 3));
    auto mapped = file.map(0, 3);
    ASSERT_TRUE(mapped);
    slice = *mapped;
  }
  runtime_->stop();
  plugin_.reset();
  service_.reset();
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(slice.p), 3), "abc");
  slice.lease->ops->release(slice.lease);
}

TEST_P(FilesDo, RenameRemoveAndListByName) {
  start_files();
  File one = open("b-new");
  ASSERT_TRUE(one.write(0, "new", 3));
  {
    const File old = open("b");
    ASSERT_TRUE(old.write(0, "older", 5));
    EXPECT_TRUE(files_.rename("b-new", "b"));
    EXPECT_EQ(read(old, 0, 5), "older");  // it stays with its file
  }
  open("a.1").close();
  std::filesystem::create_directory(folder_ + "/lost+found");
  ::close(::creat((folder_ + "/.hidden").c_str(), 0600));
  ::close(::creat((folder_ + "/Other").c_str(), 0600));
  std::string listed;
  EXPECT_TRUE(files_.list([&](std::string_view name, uint64_t size) {
    listed += std::string(name) + "=" + std::to_string(size) + " ";
  }));
  EXPECT_EQ(listed, "a.1=0 b=3 ");
  EXPECT_TRUE(one.write(3, "er", 2));
  EXPECT_EQ(read(one, 0, 5), "newer");
  EXPECT_TRUE(files_.remove("b"));
  EXPECT_EQ(read(one, 0, 5), "newer");  // until it is closed
  const File again = open("b");
  EXPECT_EQ(again.info().size, 0u);
  EXPECT_TRUE(files_.sync_names());
  const auto free_bytes = files_.free_bytes();
  ASSERT_TRUE(free_bytes);
  EXPECT_GT(*free_bytes, 0u);
}

// Writes that io_uring still has of a killed process keep the file locked, as they use its description.
TEST_P(FilesDo, WaitForWhatAKilledProcessHasInFlight) {
  start_files();
  const auto is_free = [this] {
    const Descriptor other(::open((folder_ + "/segment").c_str(), O_RDWR | O_CLOEXEC));
    return ::flock(other.get(), LOCK_EX | LOCK_NB) == 0;
  };
  {
    const File file = open("segment");
    EXPECT_FALSE(is_free());
  }
  EXPECT_TRUE(is_free()) << "it is closed, and nothing in flight";
  Descriptor killed(::open((folder_ + "/segment").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(killed.get(), LOCK_EX), 0);
  for (const uint32_t flags : {0u, uint32_t{CHR_FILE_READ}}) {
    std::atomic<bool> is_open{false};
    std::thread opener([&] {
      const File file = open("segment", flags);
      is_open = true;
    });
    const std::string line = "Waiting for a file that is locked";
    const size_t before = log_.text().find(line) == std::string::npos ? 0 : log_.text().rfind(line) + 1;
    while (log_.text().find(line, before) == std::string::npos && !is_open) std::this_thread::yield();
    EXPECT_FALSE(is_open);
    ::flock(killed.get(), LOCK_UN);
    opener.join();
    EXPECT_EQ(::flock(killed.get(), LOCK_EX | LOCK_NB), 0);
  }
}

TEST_P(FilesDo, CountWhatTheyDo) {
  start_files();
  const File file = open("segment");
  ASSERT_TRUE(file.write(0, "abc", 3, CHR_FILE_DURABLE));
  ASSERT_TRUE(write_on(0, file, 3, {slice_of("defg")}, CHR_FILE_DURABLE));
  ASSERT_TRUE(write_on(0, file, 7, {slice_of("h")}));
  const std::string metrics = metrics_.expose();
  EXPECT_NE(metrics.find("chronik_files_writes_total 3\n"), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("chronik_files_written_bytes_total 8\n"), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("chronik_files_in_flight 0\n"), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("chronik_files_durable_write_seconds_count 2\n"), std::string::npos) << metrics;
}

}  // namespace
}  // namespace chronik::host
