// Leases that outlive what they were given for, queues that fill and stores that are full.
#include "storage_fixture.hpp"

namespace chronik::conformance {
namespace {

TEST_F(StorageConformance, LeasesOutliveWhatHappensLater) {
  const uint64_t g = group("g");
  const auto entries = maker_.batch(20, 50'000);
  write(to(g).append(entries).put("k", "value"));
  const Got got = store_->read(store_->all_of(g));
  const Got value = store_->get(g, "k");
  ASSERT_EQ(got.entries.size(), 20u);
  write(to(g).truncate(5).put("k", "other"));
  maker_.resume(&entries[3]);
  for (int i = 0; i < 50; ++i) write(to(g).append(maker_.batch(10, 20'000)).trim(maker_.next_index() - 10));
  write(to(g).drop());
  for (size_t i = 0; i < entries.size(); ++i) EXPECT_TRUE(got.holds(i, entries[i])) << "entry " << i;
  EXPECT_EQ(value.value, "value");
}

TEST_F(StorageConformance, ALeaseOutlivesTheInstance) {
  const uint64_t g = group("g");
  const auto entries = maker_.batch(3, 50'000);
  write(to(g).append(entries));
  Got got = store_->read(store_->all_of(g));
  store_->host().run();
  store_.reset();
  EXPECT_TRUE(got.holds(2, entries[2]));
  got.lease = Lease();
}

TEST_F(StorageConformance, PayloadSlicesCarryTheLease) {
  const uint64_t g = group("g");
  const auto entries = maker_.batch(3, 50'000);
  write(to(g).append(entries));
  Got got = store_->read(store_->all_of(g));
  const chr_slice payload = got.payload(1);
  ASSERT_NE(payload.lease, nullptr);
  const Lease kept = Lease::share(payload.lease);
  got.lease = Lease();
  EXPECT_TRUE(got.holds(1, entries[1]));
}

TEST_F(StorageConformance, BoundsWhatIsQueued) {
  const uint64_t g = group("g");
  store_->host().hold_blocking(true);
  std::vector<std::vector<chr_done>> done;
  chr_status status = CHR_PENDING;
  size_t accepted = 0;
  std::vector<std::unique_ptr<std::vector<chr_done>>> outcomes;
  for (; accepted < 1000; ++accepted) {
    auto& outcome = outcomes.emplace_back(std::make_unique<std::vector<chr_done>>());
    status = store_->queue({to(g).append({maker_.next(1 << 20)})}, outcome.get());
    if (status != CHR_PENDING) break;
  }
  EXPECT_EQ(status, CHR_E_OVERLOADED) << "1 GB was queued while the disk stood still";
  EXPECT_GT(accepted, 0u);
  store_->host().hold_blocking(false);
  store_->host().run();
  for (size_t i = 0; i < accepted; ++i) EXPECT_EQ(outcome_of((*outcomes[i])[0]), CHR_OK);
  EXPECT_EQ(store_->bounds(g).entries, accepted);
  write(to(g).put("k", "v"));
}

TEST_F(StorageConformance, AFullStoreRefusesAndRecovers) {
  if (Subject::get().small.empty()) GTEST_SKIP() << "no settings for a small store (--small KEY=VALUE)";
  store_.reset();
  open(Store::Settings::kSmall);
  const uint64_t g = group("g");
  const uint64_t h = group("h");
  write(to(h).put("k", "v"));
  chr_status status = CHR_OK;
  uint64_t written = 0;
  for (; written < 4000 && status == CHR_OK; ++written)
    status = store_->write(to(g).append({maker_.next(50'000)}));
  ASSERT_EQ(status, CHR_E_NO_SPACE);
  EXPECT_EQ(store_->usage().full, 1u);
  const uint64_t last = store_->bounds(g).last_index;
  EXPECT_EQ(last, written - 1) << "nothing of the refused write is there";
  EXPECT_EQ(store_->read(store_->all_of(g)).entries.size(), last) << "reads go on";
  EXPECT_EQ(store_->get(h, "k").value, "v");

  // Votes, membership and trims must still be written, or nobody could ever make room: small keys, and
  // entries without records, of another group.
  EntryMaker control(2);
  EXPECT_EQ(store_->write(to(h).put("vote", "2").append({control.next(100, 0)})), CHR_OK);
  EXPECT_EQ(store_->write(to(h).append({control.next(50'000, 1)})), CHR_E_NO_SPACE) << "data waits";

  // An append behind the refused one must not leave a hole, not even where it would fit.
  TestEntry small = maker_.next(1);
  EXPECT_EQ(store_->write(to(g).append({small})), CHR_E_NO_SPACE);
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(store_->write(to(g).trim(store_->bounds(g).first_index + 40)), CHR_OK)
        << "a full store can still shrink";
    const Got tail = store_->find(g, CHR_FIND_OFFSET, INT64_MAX - 1);
    EXPECT_EQ(tail.code, CHR_E_NOT_FOUND);
    EXPECT_EQ(store_->write(to(g).append({small})), CHR_E_NO_SPACE) << "the hole is still there";
    store_->host().advance(std::chrono::seconds(1));
    const TestEntry last_entry = store_->read(store_->all_of(g)).last();  // and no lease kept
    maker_.resume(&last_entry);
    status = CHR_OK;
    int refilled = 0;
    for (; refilled < 100 && status == CHR_OK; ++refilled)
      status = store_->write(to(g).append({maker_.next(50'000)}));
    EXPECT_EQ(status, CHR_E_NO_SPACE);
    EXPECT_GT(refilled, 10) << "the space that was trimmed can be used again";
    small = maker_.next(1);
  }
  EXPECT_EQ(store_->write(to(g).truncate(store_->bounds(g).last_index)), CHR_OK);
  EXPECT_EQ(store_->write(to(g).drop()), CHR_OK);
  store_->host().run();
  EXPECT_EQ(store_->write(to(h).put("large", std::string(500'000, 'x'))), CHR_OK);
  EXPECT_EQ(store_->usage().full, 0u);
}

}  // namespace
}  // namespace chronik::conformance
