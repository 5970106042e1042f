// Who follows a partition's log, what they are told, and their sections in snapshots: by themselves, and in a
// whole Partition on fakes.
#include "kafka-proto/partition/observers.h"

#include "kafka-proto/partition/partition.h"
#include "kafka-proto/records/batch.h"
#include "partition/part_testing.h"

namespace chronik::kafka::testing {
namespace {

// Keeps the offsets of what was applied, and writes down what it was told.
class TestObserver final : public PartitionObserver {
 public:
  explicit TestObserver(std::string name) : name_(std::move(name)) {}

  std::string_view section() const override { return name_; }
  Status applied(const chr_entry& entry, const BatchHeader& header) override {
    EXPECT_GE(entry.payload.n, header.size());
    offsets.push_back(static_cast<uint8_t>(entry.header.base_offset));
    told.push_back("applied " + std::to_string(entry.header.base_offset));
    return {};
  }
  void led(uint64_t term) override { told.push_back("led " + std::to_string(term)); }
  void lost() override { told.emplace_back("lost"); }
  void truncated(uint64_t index) override { told.push_back("truncated " + std::to_string(index)); }
  void trimmed(int64_t offset) override { told.push_back("trimmed " + std::to_string(offset)); }
  void save(std::vector<uint8_t>& section) const override {
    section.insert(section.end(), offsets.begin(), offsets.end());
  }
  Status load(Bytes section) override {
    offsets.assign(section.begin(), section.end());
    told.push_back("loaded " + std::to_string(section.size()));
    return {};
  }

  std::vector<uint8_t> offsets;
  std::vector<std::string> told;

 private:
  const std::string name_;
};

using Told = std::vector<std::string>;

class ObserversTest : public ::testing::Test {
 protected:
  ObserversTest() {
    producers->offsets = {0, 1, 7};  // begins with its version, as the state of producers does
    other->offsets = {5};
    observers.add_observer(producers);
    observers.add_observer(other);
  }

  std::shared_ptr<TestObserver> producers = std::make_shared<TestObserver>("producers");
  std::shared_ptr<TestObserver> other = std::make_shared<TestObserver>("other");
  Observers observers;
};

TEST_F(ObserversTest, BelowTheLevelProducersAlone) {
  other->offsets.clear();
  EXPECT_EQ(observers.save(1), (std::vector<uint8_t>{0, 1, 7}));
  EXPECT_EQ(observers.save(2), (std::vector<uint8_t>{0, 1, 7}));
  const std::vector<uint8_t> saved = observers.save(2);
  ASSERT_TRUE(observers.load(saved));
  EXPECT_EQ(producers->offsets, (std::vector<uint8_t>{0, 1, 7}));
  EXPECT_TRUE(other->offsets.empty());  // it begins anew
}

// This node has not heard of the level yet that the entries were written at.
TEST_F(ObserversTest, WhatHasAStateIsNeverLeftOut) { EXPECT_EQ(observers.save(2), observers.save(3)); }

TEST_F(ObserversTest, FromTheLevelOnASectionEach) {
  const std::vector<uint8_t> saved = observers.save(3);
  std::string expected("\0\2\0\2\11producers\0\0\0\0\0\0\0\3\0\1\7\5other\0\0\0\0\0\0\0\1\5", 40);
  EXPECT_EQ(std::string(saved.begin(), saved.end()), expected);
  producers->offsets.clear();
  other->offsets.clear();
  ASSERT_TRUE(observers.load(saved));
  EXPECT_EQ(producers->offsets, (std::vector<uint8_t>{0, 1, 7}));
  EXPECT_EQ(other->offsets, (std::vector<uint8_t>{5}));
}

// What a build of before makes of it: a version of producers' state that it does not know.
TEST_F(ObserversTest, BuildsOfBeforeRefuseItByItsNumber) {
  const Result<ProducerStates> loaded = ProducerStates::load(observers.save(3));
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message, "a snapshot of producers has version 2, this program reads 1");
}

TEST_F(ObserversTest, UnknownSectionsAndFormatsAreRefusedByName) {
  Observers fewer;
  fewer.add_observer(producers);
  const Status unknown = fewer.load(observers.save(3));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::kUnsupported);
  EXPECT_EQ(unknown.error().message,
            "a snapshot of a partition has the section 'other', which this node does not know; upgrade it");
  const std::vector<uint8_t> newer = {0, 3, 0, 0};
  const Status refused = observers.load(newer);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "a snapshot of a partition has format 3, this node reads up to 2; upgrade it");
}

TEST_F(ObserversTest, DamagedOnesAreRefused) {
  const std::vector<uint8_t> saved = observers.save(3);
  for (size_t n = 0; n < saved.size(); ++n) {
    const Status cut = observers.load(Bytes(saved.data(), n));
    ASSERT_FALSE(cut) << n;
    EXPECT_EQ(cut.error().code, Code::kCorrupt) << n;
  }
  std::vector<uint8_t> longer = saved;
  longer.push_back(0);
  EXPECT_FALSE(observers.load(longer));
  Observers twice;
  twice.add_observer(other);
  twice.add_observer(other);
  EXPECT_FALSE(twice.load(twice.save(3)));
}

// A Partition with one more observer, and the fakes that it stands on.
class ObservedPartitionTest : public ::testing::Test, public TestReplica {
 protected:
  ObservedPartitionTest() {
    context.members_changed = [](const std::shared_ptr<Partition>&, const std::vector<int32_t>&) {};
    open_partition();
  }
  // Again, it recovers what was there.
  void open_partition() {
    observer = std::make_shared<TestObserver>("test");
    partition =
        std::make_shared<Partition>(context, PartitionId{{}, 0, "t"}, PartitionMembers{{1, 2, 3}, {}, {}},
                                    std::make_shared<const TopicConfig>());
    partition->add_observer(observer);
    partition->open([](const Status& status) { EXPECT_TRUE(status); });
    host.run();
  }
  void close() {
    partition->close(Partition::Log::kStays, [] {});
    host.run();
  }
  void append(int64_t producer = kNoProducerId, int32_t sequence = kNoSequence) {
    batches.push_back(std::make_unique<TestBatch>(producer, sequence));
    partition->append(batches.back()->batch, batches.back()->frame, 1, Origin::kClient, answers.next());
    host.run();
  }
  Told told() { return std::exchange(observer->told, {}); }

  std::shared_ptr<TestObserver> observer;
  std::shared_ptr<Partition> partition;
  std::vector<std::unique_ptr<TestBatch>> batches;
  Answers answers;
};

TEST_F(ObservedPartitionTest, SeesWhatIsAppliedAndWhoLeads) {
  EXPECT_EQ(told(), (Told{"led 1"}));
  append();
  append();
  EXPECT_EQ(told(), (Told{"applied 0", "applied 1"}));
  consensus.follow(group(), 2, 2);
  consensus.follow(group(), 3, 3);
  EXPECT_EQ(told(), (Told{"lost"}));
  consensus.elect(group());
  host.run();
  consensus.elect(group());
  host.run();
  EXPECT_EQ(told(), (Told{"led 4", "lost", "led 5"}));
  close();
  EXPECT_EQ(told(), (Told{"lost"}));
}

TEST_F(ObservedPartitionTest, SeesTruncationsAndTrims) {
  append();
  told();
  consensus.hold_commits(true);
  append();
  consensus.follow(group(), 2, 2);
  consensus.drop_uncommitted(group());
  EXPECT_EQ(told(), (Told{"lost", "truncated 3"}));
  consensus.hold_commits(false);
  consensus.trim(group(), 1);
  EXPECT_EQ(told(), (Told{"trimmed 1"}));
}

TEST_F(ObservedPartitionTest, ItsSectionSurvivesARestart) {
  append(7, 0);
  append(7, 1);
  close();
  EXPECT_EQ(consensus.group(group()).snapshot.substr(0, 14), std::string("\0\2\0\2\11producers", 14));
  open_partition();
  EXPECT_EQ(observer->offsets, (std::vector<uint8_t>{0, 1}));
  EXPECT_EQ(told()[0], "loaded 2");
  append(7, 3);
  EXPECT_EQ(answers.all.back().error,
            ErrorCode::kNotLeaderOrFollower);  // out of order: the producer is known
  append(7, 2);
  EXPECT_EQ(answers.all.back().error, ErrorCode::kNone);
}

TEST_F(ObservedPartitionTest, BelowTheLevelItHasNoSection) {
  level = 2;
  append(7, 0);
  observer->offsets.clear();
  close();
  EXPECT_TRUE(
      ProducerStates::load(Bytes(reinterpret_cast<const uint8_t*>(consensus.group(group()).snapshot.data()),
                                 consensus.group(group()).snapshot.size())));
  open_partition();
  EXPECT_TRUE(observer->offsets.empty());
}

// A follower that was too far behind gets the state of another node.
TEST_F(ObservedPartitionTest, ASnapshotReplacesItsState) {
  append();
  append();
  close();
  const FakeConsensus::Group from = consensus.group(group());
  open_partition();
  append();
  consensus.follow(group(), 2, 9);
  EXPECT_EQ(observer->offsets, (std::vector<uint8_t>{0, 1, 2}));
  told();
  consensus.install(group(), from);
  EXPECT_EQ(told(), (Told{"loaded 2"}));
  EXPECT_EQ(observer->offsets, (std::vector<uint8_t>{0, 1}));
}

}  // namespace
}  // namespace chronik::kafka::testing
