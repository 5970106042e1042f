// Reads that wait for the disk: what they leave behind when they end.
#include "storage-log/reads.h"

#include <gtest/gtest.h>
#include <chronik/testing/fake_files.hpp>

namespace chronik::storage_log {
namespace {

// The store may be gone as soon as the turn ends in which a stop, or a failure, hears of the last read.
TEST(LogReads, AReadHoldsNothingOfTheStoreWhenItEnds) {
  testing::FakeHost fake;
  testing::FakeFiles files(fake);
  StoreParts parts(Host(fake.core()), *Files::of(Host(fake.core())), {});
  const uint64_t group = parts.groups.open("g").value();
  const std::shared_ptr<GroupLog> log = parts.groups.find(group)->log;
  chr_entry entry{};
  entry.header.index = 1;
  std::vector<PlacedEntry> placed;
  ASSERT_TRUE(log->accept_append({&entry, 1}, &placed));
  placed[0].in_segment = true;  // in a file that is not there: the disk has to be asked
  log->publish_append(placed);

  const long users = log.use_count();
  int turns = 0;
  Reads reads(parts, [&](const std::function<void(Turn&)>& step) {
    EXPECT_FALSE(reads.is_idle()) << "the store waits for it";
    Turn turn;
    step(turn);
    EXPECT_TRUE(reads.is_idle());
    EXPECT_EQ(log.use_count(), users);
    ++turns;
  });
  chr_storage_read args{};
  args.group = group;
  args.from = 1;
  chr_entries out{};
  chr_done done{};
  EXPECT_EQ(reads.read(&args, &out, fake.begin(&done), nullptr), CHR_PENDING);
  reads.stop();
  fake.run();
  EXPECT_EQ(done.code, CHR_E_CORRUPT);
  EXPECT_EQ(turns, 1);
}

}  // namespace
}  // namespace chronik::storage_log
