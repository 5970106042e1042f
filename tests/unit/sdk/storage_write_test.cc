// chronik/storage_write.hpp: copies of writes, the order of appends, the fence behind a refused append.
#include "model.hpp"

#include <chronik/storage_write.hpp>
#include <chronik/testing/fake_host.hpp>

#include <gtest/gtest.h>

namespace chronik {
namespace {

using testing::FakeBuffer;

chr_storage_step truncate(uint64_t index) { return {CHR_STORAGE_TRUNCATE, 0, index, nullptr, {}, {}}; }
chr_storage_step trim(uint64_t index) { return {CHR_STORAGE_TRIM, 0, index, nullptr, {}, {}}; }

// Entries that live as long as the test.
chr_storage_step append(std::vector<chr_entry>& entries, std::initializer_list<uint64_t> indexes) {
  for (const uint64_t index : indexes) {
    chr_entry entry{};
    entry.header.index = index;
    entries.push_back(entry);
  }
  return {CHR_STORAGE_APPEND, static_cast<uint32_t>(entries.size()), 0, entries.data(), {}, {}};
}

OwnedWrite owned(const std::vector<chr_storage_step>& steps) {
  return OwnedWrite({1, 7, steps.data(), steps.size()});
}

TEST(OwnedWrite, OutlivesWhatItWasMadeFrom) {
  const chr_slice leased = FakeBuffer::copy("leased");
  std::string key = "key";
  std::string value = "unleased";
  std::vector<chr_entry> entries(2);
  entries[0].header.index = 1;
  entries[0].header.bytes = 6;
  entries[0].payload = leased;
  entries[1].header.index = 2;
  std::vector<chr_storage_step> steps(2);
  steps[0] = {CHR_STORAGE_APPEND, 2, 0, entries.data(), {}, {}};
  steps[1] = {CHR_STORAGE_PUT, 0,           0,
              nullptr,         to_abi(key), {reinterpret_cast<const uint8_t*>(value.data()), 8, nullptr}};
  OwnedWrite first({9, 7, steps.data(), 2});
  key = value = "gone";
  entries.assign(2, chr_entry{});
  leased.lease->ops->release(leased.lease);
  const OwnedWrite write(std::move(first));
  EXPECT_EQ(write.group(), 9u);
  EXPECT_EQ(write.token(), 7u);
  EXPECT_EQ(write.growth(), Growth::kControl) << "no entry takes offsets";
  ASSERT_EQ(write.steps().size(), 2u);
  EXPECT_EQ(write.steps()[0].entries[1].header.index, 2u);
  EXPECT_EQ(std::memcmp(write.steps()[0].entries[0].payload.p, "leased", 6), 0);
  EXPECT_EQ(from_abi(write.steps()[1].key), "key");
  EXPECT_EQ(std::memcmp(write.steps()[1].value.p, "unleased", 8), 0);
}

TEST(OwnedWrite, KnowsWhatItAsksOfAFullStore) {
  std::vector<chr_entry> none;
  std::vector<chr_entry> data;
  append(data, {1, 2});
  data[1].header.records = 3;
  chr_storage_step with_records{CHR_STORAGE_APPEND, 2, 0, data.data(), {}, {}};
  chr_storage_step put{CHR_STORAGE_PUT, 0, 0, nullptr, to_abi("k"), {}};
  EXPECT_EQ(owned({trim(1), truncate(3)}).growth(), Growth::kNone);
  EXPECT_EQ(owned({trim(1), append(none, {1})}).growth(), Growth::kControl);
  EXPECT_EQ(owned({put}).growth(), Growth::kControl);
  EXPECT_EQ(owned({put, with_records, trim(1)}).growth(), Growth::kData);
}

TEST(CheckAppends, LooksThroughTheStepsBefore) {
  std::vector<chr_entry> a;
  std::vector<chr_entry> b;
  const auto stored = [](uint64_t limit) -> uint64_t { return std::min<uint64_t>(limit - 1, 5); };  // 1 to 5
  EXPECT_TRUE(check_appends(owned({append(a, {6, 7}), append(b, {8})}), stored));
  b.clear();
  EXPECT_FALSE(check_appends(owned({append(b, {5})}), stored));
  a.clear();
  b.clear();
  EXPECT_TRUE(check_appends(owned({append(a, {6, 7}), truncate(7), append(b, {7})}), stored));
  a.clear();
  b.clear();
  EXPECT_FALSE(check_appends(owned({append(a, {6, 7}), truncate(7), append(b, {6})}), stored));
  b.clear();
  EXPECT_TRUE(check_appends(owned({truncate(3), append(b, {3})}), stored));
  b.clear();
  EXPECT_TRUE(check_appends(owned({trim(100), append(b, {2})}), stored)) << "an empty log takes any index";
}

TEST(AppendFence, RefusesWhatWouldLeaveAHole) {
  std::vector<chr_entry> five;
  std::vector<chr_entry> six;
  std::vector<chr_entry> four;
  const OwnedWrite refused = owned({append(five, {5})});
  const OwnedWrite behind = owned({append(six, {6})});
  const OwnedWrite before = owned({append(four, {4, 5})});
  AppendFence fence;
  EXPECT_FALSE(fence.refuses(behind));
  fence.refused(refused);
  EXPECT_TRUE(fence.refuses(behind));
  EXPECT_FALSE(fence.refuses(before));
  EXPECT_FALSE(fence.refuses(owned({trim(3)})));
  fence.applied(owned({trim(3)}));
  EXPECT_TRUE(fence.refuses(behind)) << "a trim below does not fill the hole";
  fence.applied(refused);
  EXPECT_FALSE(fence.refuses(behind));
}

TEST(AppendFence, IsLiftedByCutsAndTrimsThere) {
  std::vector<chr_entry> five;
  std::vector<chr_entry> six;
  const OwnedWrite refused = owned({append(five, {5})});
  const chr_storage_step behind = append(six, {6});
  for (const chr_storage_step& lift : {truncate(5), trim(6)}) {
    AppendFence fence;
    fence.refused(refused);
    EXPECT_TRUE(fence.refuses(owned({behind})));
    EXPECT_FALSE(fence.refuses(owned({lift, behind})));
    fence.applied(owned({lift}));
    EXPECT_FALSE(fence.refuses(owned({behind})));
  }
  AppendFence fence;
  fence.refused(refused);
  EXPECT_TRUE(fence.refuses(owned({truncate(6), behind})));
}

// The refused append was to replace the end of the log, which is still there.
TEST(AppendFence, IsNotLiftedByATrimOfWhatWasToBeReplaced) {
  std::vector<chr_entry> refused;
  std::vector<chr_entry> behind;
  AppendFence fence;
  fence.refused(owned({truncate(5), append(refused, {5, 6, 7})}));
  fence.applied(owned({trim(6)}));
  EXPECT_TRUE(fence.refuses(owned({append(behind, {8})}))) << "6 and 7 are missing";
  fence.applied(owned({trim(8)}));
  behind.clear();
  EXPECT_FALSE(fence.refuses(owned({append(behind, {8})})));
}

TEST(BatchFences, JudgeAWriteByThoseBeforeItInTheBatch) {
  std::vector<chr_entry> five;
  std::vector<chr_entry> six;
  std::vector<chr_entry> seven;
  const OwnedWrite refused = owned({append(five, {5})});
  const OwnedWrite behind = owned({append(six, {6})});
  const OwnedWrite last = owned({append(seven, {7})});
  AppendFence durable;
  durable.refused(refused);

  BatchFences lifted;
  EXPECT_FALSE(lifted.of(1, durable).refuses(refused));
  lifted.of(1, durable).applied(refused);
  EXPECT_FALSE(lifted.of(1, durable).refuses(behind)) << "it stands behind what fills the hole";
  EXPECT_FALSE(lifted.of(2, AppendFence()).refuses(last)) << "of another group";
  lifted.of(1, durable).refused(behind);
  EXPECT_TRUE(lifted.of(1, durable).refuses(last));
  EXPECT_TRUE(durable.refuses(behind)) << "not before the batch is durable";
  lifted.publish([&durable](uint64_t group, const AppendFence& fence) {
    if (group == 1) durable = fence;
  });
  EXPECT_FALSE(durable.refuses(behind));
  EXPECT_TRUE(durable.refuses(last)) << "a refusal of the same batch was forgotten";
}

}  // namespace
}  // namespace chronik
