// What chronik.storage/1 promises of one store, one property a test.
#include "storage_fixture.hpp"

namespace chronik::conformance {
namespace {

using Indexes = std::vector<uint64_t>;

TEST_F(StorageConformance, GroupsHaveStableIds) {
  const uint64_t a = group("a");
  const uint64_t b = group("b");
  EXPECT_NE(a, 0u);
  EXPECT_NE(b, 0u);
  EXPECT_NE(a, b);
  EXPECT_EQ(group("a"), a);
  EXPECT_TRUE(store_->groups().empty()) << "a group exists durably from its first write on";
  write(to(b).put("k", "v"));
  write(to(a).put("k", "v"));
  const std::vector<std::pair<std::string, uint64_t>> both = {{"a", a}, {"b", b}};
  auto listed = store_->groups();
  EXPECT_TRUE(std::is_sorted(listed.begin(), listed.end(),
                             [](const auto& x, const auto& y) { return x.second < y.second; }));
  std::sort(listed.begin(), listed.end());
  EXPECT_EQ(listed, both);
  if (!Subject::get().is_durable) return;
  reopen();
  EXPECT_EQ(group("a"), a);
  EXPECT_EQ(group("b"), b);
  EXPECT_EQ(store_->groups().size(), 2u);
}

TEST_F(StorageConformance, NamesHaveOneTo255Bytes) {
  uint64_t id = 0;
  chr_error error = make_abi_error();
  EXPECT_EQ(store_->table().open_group(store_->self(), to_abi(""), &id, &error), CHR_E_INVALID_ARGUMENT);
  EXPECT_NE(*error.message, '\0');
  const std::string longest(255, 'x');
  EXPECT_EQ(store_->table().open_group(store_->self(), to_abi(longest), &id, &error), CHR_OK);
  EXPECT_EQ(store_->table().open_group(store_->self(), to_abi(longest + "x"), &id, &error),
            CHR_E_INVALID_ARGUMENT);
}

TEST_F(StorageConformance, AppendsToManyGroupsAndReadsThemBack) {
  constexpr uint64_t kGroups = 60;
  std::vector<std::vector<TestEntry>> expected(kGroups);
  std::vector<EntryMaker> makers;
  std::vector<uint64_t> ids;
  for (uint64_t g = 0; g < kGroups; ++g) {
    makers.emplace_back(g);
    ids.push_back(group("group-" + std::to_string(g)));
  }
  for (uint64_t round = 0; round < 5; ++round) {
    std::vector<TestWrite> writes;
    for (uint64_t g = 0; g < kGroups; ++g) {
      auto batch = makers[g].batch(1 + g % 3, (g * 977 + round * 331) % 9000);
      expected[g].insert(expected[g].end(), batch.begin(), batch.end());
      writes.push_back(to(ids[g]).append(std::move(batch)));
    }
    std::vector<chr_done> done;
    ASSERT_EQ(store_->queue(writes, &done), CHR_PENDING);
    store_->host().run();
    for (const chr_done& one : done) ASSERT_EQ(outcome_of(one), CHR_OK);
  }
  for (uint64_t g = 0; g < kGroups; ++g) {
    const Got got = store_->read(store_->all_of(ids[g]));
    ASSERT_EQ(got.code, CHR_OK);
    ASSERT_EQ(got.entries.size(), expected[g].size());
    for (size_t i = 0; i < expected[g].size(); ++i) expect_same(got.entries.at(i), expected[g][i]);
  }
}

TEST_F(StorageConformance, IndexesMayHaveGaps) {
  const uint64_t g = group("g");
  maker_.skip_indexes(9);
  auto entries = maker_.batch(2, 10);  // 10, 11
  maker_.skip_indexes(1000);
  entries.push_back(maker_.next(20));  // 1012
  write(to(g).append(entries));
  maker_.skip_indexes(uint64_t{1} << 40);
  write(to(g).append({maker_.next(30)}));
  const uint64_t last = maker_.next_index() - 1;
  EXPECT_EQ(indexes_of(g), (Indexes{10, 11, 1012, last}));
  chr_storage_read args = store_->all_of(g);
  args.from = 12;
  EXPECT_EQ(indexes(store_->read(args)), (Indexes{1012, last}));
  args.to = 1012;
  EXPECT_TRUE(store_->read(args).entries.empty());
}

TEST_F(StorageConformance, ReadsKeepToTheirLimits) {
  const uint64_t g = group("g");
  std::vector<TestEntry> entries;
  for (const uint64_t bytes : {100, 200, 300, 0, 400}) entries.push_back(maker_.next(bytes));
  write(to(g).append(entries));
  chr_storage_read args = store_->all_of(g);
  args.max_bytes = 0;
  EXPECT_EQ(indexes(store_->read(args)), (Indexes{1})) << "the first entry comes whole";
  args.max_bytes = 299;
  EXPECT_EQ(indexes(store_->read(args)), (Indexes{1}));
  args.max_bytes = 300;
  EXPECT_EQ(indexes(store_->read(args)), (Indexes{1, 2}));
  args.max_bytes = 600;
  EXPECT_EQ(indexes(store_->read(args)), (Indexes{1, 2, 3, 4}));
  args.max_entries = 2;
  EXPECT_EQ(indexes(store_->read(args)), (Indexes{1, 2}));
  args = store_->all_of(g);
  args.from = 2;
  args.to = 4;
  EXPECT_EQ(indexes(store_->read(args)), (Indexes{2, 3}));
  args.from = 6;
  args.to = 0;
  const Got none = store_->read(args);
  EXPECT_EQ(none.code, CHR_OK);
  EXPECT_TRUE(none.entries.empty());
  args.from = 4;
  args.to = 4;
  EXPECT_EQ(store_->read(args).code, CHR_OK);
}

TEST_F(StorageConformance, HeadersOnlyLeavesPayloadsOut) {
  const uint64_t g = group("g");
  const auto entries = maker_.batch(5, 5000);
  write(to(g).append(entries));
  chr_storage_read args = store_->all_of(g);
  args.headers_only = 1;
  args.max_bytes = 1;
  const Got got = store_->read(args);
  ASSERT_EQ(got.entries.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(std::memcmp(&got.entries.at(i).header, &entries[i].header, sizeof(chr_entry_header)), 0);
    EXPECT_EQ(got.payload(i).n, 0u);
  }
}

TEST_F(StorageConformance, EmptyAndUnknownGroups) {
  const uint64_t g = group("g");
  const Got empty = store_->read(store_->all_of(g));
  EXPECT_EQ(empty.code, CHR_OK);
  EXPECT_TRUE(empty.entries.empty());
  EXPECT_EQ(store_->bounds(g).entries, 0u);
  EXPECT_EQ(store_->find(g, CHR_FIND_OFFSET, 0).code, CHR_E_NOT_FOUND);
  EXPECT_EQ(store_->find(g, CHR_FIND_MAX_TIMESTAMP, 0).code, CHR_E_NOT_FOUND);
  EXPECT_EQ(store_->get(g, "k").code, CHR_E_NOT_FOUND);
  EXPECT_EQ(store_->read(store_->all_of(g + 1000)).code, CHR_E_NOT_FOUND);
  EXPECT_EQ(store_->get(g + 1000, "k").code, CHR_E_NOT_FOUND);
}

TEST_F(StorageConformance, TruncateRemovesTheEnd) {
  const uint64_t g = group("g");
  auto entries = maker_.batch(10, 3000);
  write(to(g).append(entries));
  write(to(g).truncate(11));
  EXPECT_EQ(store_->bounds(g).last_index, 10u);
  write(to(g).truncate(7));
  EXPECT_EQ(store_->bounds(g).last_index, 6u);
  // Another history from there on, in the same write that truncates.
  maker_.resume(&entries[3]);
  const auto others = maker_.batch(2, 100);
  write(to(g).truncate(5).append(others));
  EXPECT_EQ(indexes_of(g), (Indexes{1, 2, 3, 4, 5, 6}));
  expect_same(store_->read(store_->all_of(g)).entries.at(4), others[0]);
  write(to(g).truncate(0));
  EXPECT_TRUE(indexes_of(g).empty());
  EXPECT_EQ(store_->bounds(g).bytes, 0u);
  maker_.resume(nullptr);
  write(to(g).append(maker_.batch(2, 10)));
  EXPECT_EQ(indexes_of(g), (Indexes{1, 2}));
}

TEST_F(StorageConformance, TrimRemovesTheStart) {
  const uint64_t g = group("g");
  write(to(g).append(maker_.batch(10, 3000)));
  write(to(g).trim(1));
  EXPECT_EQ(store_->bounds(g).first_index, 1u);
  write(to(g).trim(4));
  EXPECT_EQ(indexes_of(g), (Indexes{4, 5, 6, 7, 8, 9, 10}));
  write(to(g).trim(100).append(maker_.batch(1, 5)));
  EXPECT_EQ(indexes_of(g), (Indexes{11}));
  EXPECT_EQ(store_->bounds(g).bytes, 5u);
}

TEST_F(StorageConformance, LongTrimsAreWholeAtOnce) {
  const uint64_t g = group("g");
  constexpr uint64_t kEntries = 5000;
  for (uint64_t i = 0; i < 5; ++i) write(to(g).append(maker_.batch(kEntries / 5, 20)));
  std::vector<chr_done> done;
  store_->queue({to(g).trim(kEntries - 1)}, &done);
  store_->host().run();
  ASSERT_EQ(outcome_of(done[0]), CHR_OK);
  EXPECT_EQ(indexes_of(g), (Indexes{kEntries - 1, kEntries}));
  EXPECT_EQ(store_->bounds(g).entries, 2u);
  if (Subject::get().is_durable) {
    reopen();
    EXPECT_EQ(indexes_of(g), (Indexes{kEntries - 1, kEntries}));
  }
  // Lower indexes may come again once the log is empty; nothing of the old log comes back with them.
  write(to(g).truncate(0));
  maker_.resume(nullptr);
  maker_.skip_indexes(99);
  write(to(g).append(maker_.batch(2, 20)));
  EXPECT_EQ(indexes_of(g), (Indexes{100, 101}));
}

// As a replica that leaves does it.
TEST_F(StorageConformance, ATrimOfAllLeavesAnEmptyLog) {
  const uint64_t g = group("g");
  write(to(g).append(maker_.batch(10, 300)));
  write(to(g).trim(UINT64_MAX));
  const auto expect_empty = [&] {
    EXPECT_EQ(store_->bounds(g).first_index, 0u);
    EXPECT_EQ(store_->bounds(g).last_index, 0u);
    EXPECT_EQ(store_->bounds(g).entries, 0u);
    EXPECT_EQ(store_->bounds(g).bytes, 0u);
  };
  expect_empty();
  if (Subject::get().is_durable) {
    reopen();
    expect_empty();
  }
  maker_.resume(nullptr);
  write(to(g).append(maker_.batch(3, 100)));
  EXPECT_EQ(indexes_of(g), (Indexes{1, 2, 3}));
  if (!Subject::get().is_durable) return;
  reopen();
  EXPECT_EQ(indexes_of(g), (Indexes{1, 2, 3}));
}

TEST_F(StorageConformance, Keys) {
  const uint64_t a = group("a");
  const uint64_t b = group("b");
  const std::string longest(255, 'k');
  const std::string large(1 << 20, 'v');
  write(to(a).put("term", "1").put("empty", "").put(longest, large));
  write(to(b).put("term", "2"));
  EXPECT_EQ(store_->get(a, "term").value, "1");
  EXPECT_EQ(store_->get(a, "empty").code, CHR_OK);
  EXPECT_EQ(store_->get(a, "empty").value, "");
  EXPECT_EQ(store_->get(a, longest).value, large);
  EXPECT_EQ(store_->get(b, "term").value, "2");
  EXPECT_EQ(store_->get(a, "ter").code, CHR_E_NOT_FOUND);
  write(to(a).put("term", "a longer value").remove("empty").remove("absent"));
  EXPECT_EQ(store_->get(a, "term").value, "a longer value");
  EXPECT_EQ(store_->get(a, "empty").code, CHR_E_NOT_FOUND);
  write(to(a).put("x", "1").remove("x").put("x", "2"));
  EXPECT_EQ(store_->get(a, "x").value, "2");
}

TEST_F(StorageConformance, AWriteIsAtomic) {
  const uint64_t g = group("g");
  const auto entries = maker_.batch(5, 100);
  write(to(g).append(entries).put("k", "old"));
  // The append fails as index 5 is there already: nothing of the write may have happened.
  EXPECT_EQ(store_->write(to(g).put("k", "new").put("other", "x").append({entries[4]})),
            CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(store_->write(to(g).trim(3).truncate(5).append({entries[3]})), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(store_->get(g, "k").value, "old");
  EXPECT_EQ(store_->get(g, "other").code, CHR_E_NOT_FOUND);
  EXPECT_EQ(indexes_of(g), (Indexes{1, 2, 3, 4, 5}));
}

TEST_F(StorageConformance, WritesOfAGroupKeepTheirOrder) {
  const uint64_t g = group("g");
  const uint64_t h = group("h");
  std::vector<TestWrite> writes;
  for (int i = 0; i < 50; ++i) {
    writes.push_back(to(g).put("k", std::to_string(i)).append(maker_.batch(1, 10)));
    writes.push_back(to(h).put("k", std::to_string(i)));
  }
  const auto entries = writes[48].steps[1].entries;
  writes.push_back(to(g).truncate(25).append(entries));  // the 25th again, alone
  std::vector<chr_done> first;
  std::vector<chr_done> second;
  ASSERT_EQ(store_->queue(writes, &first), CHR_PENDING);
  ASSERT_EQ(store_->queue({to(g).put("k", "last").trim(25)}, &second), CHR_PENDING);
  store_->host().run();
  for (const chr_done& one : first) ASSERT_EQ(outcome_of(one), CHR_OK);
  ASSERT_EQ(outcome_of(second[0]), CHR_OK);
  EXPECT_EQ(store_->get(g, "k").value, "last");
  EXPECT_EQ(store_->get(h, "k").value, "49");
  EXPECT_EQ(indexes_of(g), (Indexes{25}));
}

TEST_F(StorageConformance, ABadWriteHarmsNoOther) {
  const uint64_t g = group("g");
  const uint64_t h = group("h");
  const auto entries = maker_.batch(3, 10);
  std::vector<chr_done> done;
  const TestWrite again = to(g).append({entries[0]});
  ASSERT_EQ(
      store_->queue({to(g).append(entries), again, to(h).append({entries[0]}), to(g).put("k", "v")}, &done),
      CHR_PENDING);
  store_->host().run();
  EXPECT_EQ(outcome_of(done[0]), CHR_OK);
  EXPECT_EQ(outcome_of(done[1]), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(outcome_of(done[2]), CHR_OK);
  EXPECT_EQ(outcome_of(done[3]), CHR_OK);
}

TEST_F(StorageConformance, NotReadableBeforeItIsComplete) {
  const uint64_t g = group("g");
  write(to(g).append(maker_.batch(1, 10)));
  store_->host().hold_blocking(true);
  std::vector<chr_done> done;
  ASSERT_EQ(store_->queue({to(g).append(maker_.batch(1, 10))}, &done), CHR_PENDING);
  store_->host().run();
  if (done[0].code == CHR_PENDING) {
    EXPECT_EQ(store_->bounds(g).last_index, 1u);
  }
  store_->host().hold_blocking(false);
  store_->host().run();
  EXPECT_EQ(outcome_of(done[0]), CHR_OK);
  EXPECT_EQ(store_->bounds(g).last_index, 2u);
}

TEST_F(StorageConformance, RefusesInvalidArguments) {
  const uint64_t g = group("g");
  TestEntry lies = maker_.next(10);
  lies.header.bytes = 11;
  TestEntry zero = maker_.next(10);
  zero.header.index = 0;
  const auto entries = maker_.batch(2, 10);
  EXPECT_EQ(store_->write(to(0).put("k", "v")), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(store_->write(to(g)), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(store_->write(to(g).append({lies})), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(store_->write(to(g).append({zero})), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(store_->write(to(g).append({entries[1], entries[0]})), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(store_->write(to(g).put("", "v")), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(store_->write(to(g).put(std::string(256, 'k'), "v")), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(store_->write(to(g).put("k", std::string((1 << 20) + 1, 'v'))), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(store_->write(to(g).drop().put("k", "v")), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(store_->write(to(g + 1000).put("k", "v")), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(store_->find(g, 99, 0).code, CHR_E_INVALID_ARGUMENT);
  EXPECT_TRUE(indexes_of(g).empty());
}

TEST_F(StorageConformance, DropRemovesAGroup) {
  const uint64_t a = group("a");
  const uint64_t b = group("b");
  write(to(a).append(maker_.batch(3000, 50)).put("k", "v"));
  maker_.resume(nullptr);
  write(to(b).append(maker_.batch(10, 50)).put("k", "v"));
  write(to(a).drop());
  ASSERT_EQ(store_->groups().size(), 1u);
  EXPECT_EQ(store_->groups().at(0).second, b);
  EXPECT_EQ(store_->read(store_->all_of(a)).code, CHR_E_NOT_FOUND);
  EXPECT_EQ(store_->write(to(a).put("k", "v")), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(indexes_of(b).size(), 10u);
  const uint64_t again = group("a");
  EXPECT_NE(again, a) << "an id is not used again";
  EXPECT_TRUE(indexes_of(again).empty());
  EXPECT_EQ(store_->get(again, "k").code, CHR_E_NOT_FOUND);
  write(to(again).put("k", "new"));
  if (!Subject::get().is_durable) return;
  reopen();
  EXPECT_EQ(group("a"), again);
  EXPECT_EQ(store_->get(again, "k").value, "new");
  EXPECT_GT(group("c"), again);
  EXPECT_EQ(store_->read(store_->all_of(a)).code, CHR_E_NOT_FOUND);
}

TEST_F(StorageConformance, BoundsAndUsage) {
  const uint64_t g = group("g");
  const uint64_t before = store_->usage().used_bytes;
  write(to(g).append(maker_.batch(100, 10'000)));
  chr_storage_bounds bounds = store_->bounds(g);
  EXPECT_EQ(bounds.first_index, 1u);
  EXPECT_EQ(bounds.last_index, 100u);
  EXPECT_EQ(bounds.entries, 100u);
  EXPECT_EQ(bounds.bytes, 1'000'000u);
  chr_storage_usage usage = store_->usage();
  EXPECT_GE(usage.used_bytes, before + 1'000'000);
  EXPECT_GT(usage.capacity_bytes, usage.used_bytes);
  EXPECT_EQ(usage.full, 0u);
  write(to(g).trim(51).truncate(91));
  bounds = store_->bounds(g);
  EXPECT_EQ(bounds.first_index, 51u);
  EXPECT_EQ(bounds.last_index, 90u);
  EXPECT_EQ(bounds.entries, 40u);
  EXPECT_EQ(bounds.bytes, 400'000u);
  EXPECT_LT(store_->usage().used_bytes, usage.used_bytes - 400'000);
  if (!Subject::get().is_durable) return;
  reopen();
  EXPECT_EQ(store_->bounds(g).entries, 40u);
  EXPECT_EQ(store_->bounds(g).bytes, 400'000u);
  EXPECT_GT(store_->usage().file_bytes, 0u);
}

// A signal ends a node that has not started yet. Nothing of the instance may be freed before the start has ended.
TEST_F(StorageConformance, AStopDuringTheStartWaitsForIt) {
  const uint64_t g = group("g");
  write(to(g).append({maker_.next(100)}).put("vote", "x"));
  const uint64_t bytes = store_->bounds(g).bytes;
  store_.reset();
  {
    Store starting(disk_, Store::Settings::kUsual, Store::Life::kStopped);
    const auto ended = starting.start_and_stop();
    ASSERT_EQ(ended.size(), 2u);
    EXPECT_EQ(ended[0].first, "start");
    EXPECT_EQ(ended[0].second, CHR_OK);
    EXPECT_EQ(ended[1].first, "stop");
    EXPECT_EQ(ended[1].second, CHR_OK);
  }
  open();
  ASSERT_EQ(store_->failure(), "");
  EXPECT_EQ(store_->bounds(group("g")).bytes, Subject::get().is_durable ? bytes : 0);
}

TEST_F(StorageConformance, ReopensAsItWas) {
  if (!Subject::get().is_durable) GTEST_SKIP() << "a volatile store";
  const uint64_t a = group("a");
  const uint64_t b = group("b");
  const auto entries = maker_.batch(30, 700);
  write(to(a).append(entries).put("k", "v"));
  write(to(a).trim(5).truncate(28));
  maker_.resume(nullptr);
  write(to(b).append(maker_.batch(3, 70'000)));
  const std::string digest_a = store_->content(a, {"k"}).digest();
  const std::string digest_b = store_->content(b, {"k"}).digest();
  for (int i = 0; i < 3; ++i) {
    reopen();
    EXPECT_EQ(store_->content(a, {"k"}).digest(), digest_a);
    EXPECT_EQ(store_->content(b, {"k"}).digest(), digest_b);
    EXPECT_EQ(store_->bounds(a).entries, 23u);
  }
  maker_.resume(&entries[26]);
  write(to(a).append(maker_.batch(2, 10)));
  EXPECT_EQ(store_->bounds(a).last_index, 29u);
}

}  // namespace
}  // namespace chronik::conformance
