// Groups on a partition: commits, what replicas make of them, snapshots and restarts.
#include "kafka-proto/group/shard.h"

#include "group/group_testing.h"
#include "kafka-proto/records/builder.h"

namespace chronik::kafka::testing {
namespace {

TEST_F(GroupShardTest, ACommitIsThereOnceItIsAnswered) {
  consensus.hold_commits(true);
  commit("g", 5);
  host.run();
  EXPECT_EQ(committed("g"), -1);
  EXPECT_TRUE(answers.empty());
  consensus.commit(group());
  host.run();
  EXPECT_EQ(committed("g"), 5);
  EXPECT_EQ(answers, (std::vector<ErrorCode>{ErrorCode::kNone}));
}

TEST_F(GroupShardTest, CommitsOfAGroupAreWrittenTogether) {
  consensus.hold_commits(true);
  for (int64_t offset = 1; offset <= 5; ++offset) commit("g", offset);
  host.run();
  consensus.commit(group());
  host.run();
  EXPECT_EQ(batches(), 1u);
  EXPECT_EQ(answers.size(), 5u);
  EXPECT_EQ(committed("g"), 5);
}

TEST_F(GroupShardTest, NoGenerationIsKnownOfAGroupThatIsNotThere) {
  commit("g", 5, 3);
  host.run();
  EXPECT_EQ(answers.back(), ErrorCode::kIllegalGeneration);
  commit("g", 5);
  host.run();
  commit("g", 6, 3);
  host.run();
  EXPECT_EQ(answers.back(), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(committed("g"), 5);
}

TEST_F(GroupShardTest, AFollowerHasWhatTheLeaderCommitted) {
  commit("g", 5);
  host.run();
  const std::string payload = *log().log.back().payload;
  GroupPartition other;
  other.follow(7);
  chr_entry_header header = log().log.back().header;
  header.index = other.log().log.back().header.index + 1;
  other.consensus.receive(other.group(), header, payload);
  other.host.run();
  EXPECT_FALSE(other.shard->leads());
  EXPECT_EQ(other.shard->table().find("g")->offsets.find("orders", 0)->offset, 5);
}

TEST_F(GroupShardTest, ARestartFindsTheSnapshotAndWhatCameAfterIt) {
  for (const std::string id : {"a", "b"}) commit(id, 5);
  host.run();
  close();
  EXPECT_NE(log().snapshot.find("groups"), std::string::npos);
  open_partition();
  commit("c", 6);
  host.run();
  EXPECT_EQ(committed("a"), 5);
  EXPECT_EQ(committed("b"), 5);
  EXPECT_EQ(committed("c"), 6);
  EXPECT_EQ(answers.back(), ErrorCode::kNone);
}

TEST_F(GroupShardTest, ATrimmedLogLosesNothing) {
  topic.segment_bytes = 1;
  partition->set_config(std::make_shared<const TopicConfig>(topic));
  commit("g", 5);
  host.run();
  partition->upkeep();
  host.run();
  EXPECT_EQ(batches(), 0u);
  close();
  open_partition();
  EXPECT_EQ(committed("g"), 5);
}

TEST_F(GroupShardTest, EqualStatesHaveEqualSections) {
  const auto saved = [this] {
    std::vector<uint8_t> section;
    shard->save(section);
    return section;
  };
  EXPECT_TRUE(saved().empty());
  for (const std::string id : {"b", "a"}) commit(id, 5);
  host.run();
  const std::vector<uint8_t> section = saved();
  commit("a", 6);
  host.run();
  EXPECT_NE(saved(), section);
  ASSERT_TRUE(shard->load(section));
  EXPECT_EQ(saved(), section);
  ASSERT_TRUE(shard->load({}));
  EXPECT_TRUE(saved().empty());
}

TEST_F(GroupShardTest, DamagedAndNewerSectionsAreRefused) {
  commit("a", 5);
  host.run();
  std::vector<uint8_t> section;
  shard->save(section);
  for (size_t n = 1; n < section.size(); ++n) {
    if (n == sizeof(int16_t)) continue;  // none, which is not damaged
    EXPECT_FALSE(shard->load(Bytes(section.data(), n))) << n;
  }
  section[1] = 2;
  const Status newer = shard->load(section);
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().message, "a snapshot of groups has format 2, this node reads up to 1; upgrade it");
}

// A group with so long a name that its offsets do not go into one batch.
class LongNameTest : public GroupShardTest {
 protected:
  LongNameTest() {
    topic.max_message_bytes = 50'000;
    partition->set_config(std::make_shared<const TopicConfig>(topic));
    for (int32_t i = 0; i < 200; ++i) {
      GroupShard::CommitRequest request;
      request.group = name;
      request.offsets.push_back({name, "orders", i, group::OffsetCommitRecord::Value{7, 2, "m", 9, -1, {}}});
      shard->commit_offsets(std::move(request), [](const GroupShard::CommitResult&) {});
    }
    host.run();
    EXPECT_EQ(shard->table().find(name)->offsets.topics().at("orders").size(), 200u);
  }
  const std::string name = std::string(1'000, 'g');
};

TEST_F(LongNameTest, ADeletedTopicIsForgottenInSeveralWrites) {
  shard->forget_topics({{"orders", {chr_uuid{}}}});
  host.advance(std::chrono::seconds(1));
  EXPECT_EQ(shard->table().find(name), nullptr);
}

TEST_F(GroupShardTest, OtherTopicsAreNotForgotten) {
  commit("g", 5);
  host.run();
  shard->forget_topics({{"other", {chr_uuid{}}}});
  host.advance(std::chrono::seconds(1));
  EXPECT_EQ(committed("g"), 5);
  shard->forget_topics({{"orders", {chr_uuid{}}}});
  host.advance(std::chrono::seconds(1));
  EXPECT_EQ(committed("g"), -1);
}

TEST_F(LongNameTest, AGroupIsDeletedInSeveralWrites) {
  shard->remove(name, [this](ErrorCode error) { answers.push_back(error); });
  host.run();
  EXPECT_EQ(answers, (std::vector<ErrorCode>{ErrorCode::kNone}));
  EXPECT_EQ(shard->table().find(name), nullptr);
}

// As a leader would have: a record of a kind to come.
void receive(GroupPartition& at, const std::string& key) {
  BatchBuilder builder;
  builder.add(0, bytes_of(key), bytes_of("v"));
  Codecs codecs;
  const std::vector<uint8_t> batch = builder.finish(codecs).value();
  chr_entry_header header{};
  header.index = at.log().log.back().header.index + 1;
  header.term = at.log().term;
  header.kind = CHR_ENTRY_DATA;
  header.records = 1;
  header.base_offset = at.log().log_end;
  at.consensus.receive(at.group(), header, {reinterpret_cast<const char*>(batch.data()), batch.size()});
}

// Whoever lacks what others have must not go on.
TEST_F(GroupShardTest, ARecordOfANewerKindEndsTheNodeAndIsNamed) {
  follow(2);
  receive(*this, std::string("\0\x63", 2));
  host.run();
  ASSERT_EQ(host.fatals().size(), 1u);
  const auto logged = std::ranges::find_if(host.logs(), [](const auto& line) {
    return line.message == "a record of a group has the type 99, which this node does not know; upgrade it";
  });
  ASSERT_NE(logged, host.logs().end());
  EXPECT_NE(logged->fields.find("partition=t/0"), std::string::npos);
}

}  // namespace
}  // namespace chronik::kafka::testing
