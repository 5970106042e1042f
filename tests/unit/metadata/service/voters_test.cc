// Who votes in __meta: at most seven, the other nodes learn.
#include <chronik/draft/features.h>

#include "metadata/catalog/features.h"
#include "metadata/wire/codec.h"
#include "tests/unit/metadata/service/cluster.h"

namespace chronik::metadata::test {
namespace {

using Ids = std::vector<int32_t>;

Ids up_to(int32_t last) {
  Ids out;
  for (int32_t id = 1; id <= last; ++id) out.push_back(id);
  return out;
}

// One node that leads; the others are what the test says.
class VotersTest : public ::testing::Test {
 protected:
  void start(int32_t self, int32_t size) {
    node_.emplace(self, up_to(size));
    node_->start();
  }
  void elect() { node_->elect(); }
  void form(int32_t self, int32_t size) {
    start(self, size);
    elect();
    for (int32_t id = 1; id <= size; ++id)
      if (id != self) comes(id);
    node_->host.advance(1s);
  }
  // A node is linked, and says who it is.
  void comes(int32_t id) {
    node_->host.set_link("metadata", id, true);
    Uuid own;
    own.bytes[0] = static_cast<uint8_t>(id);
    const Node record{id, "h" + std::to_string(id), 9092, "", own, "raft" + std::to_string(id) + ":7", false};
    node_->host.deliver("metadata", id, encode(Frame{SyncFrame{++batch_, {{}, {record}}}}));
    node_->host.advance(10ms);
  }
  std::string ask(std::string_view method, std::string_view path, std::string_view body = {}) {
    const uint64_t id = node_->host.request(method, path, body);
    for (int i = 0; i < 100 && node_->host.response(id) == nullptr; ++i) node_->host.advance(1ms);
    return node_->host.response(id) == nullptr ? "" : node_->host.response(id)->body;
  }
  const Ids& voters() { return node_->consensus.group("__meta").voters; }
  Ids learners() {
    Ids out;
    for (const int32_t id : node_->consensus.group("__meta").learners)
      if (std::ranges::count(voters(), id) == 0) out.push_back(id);
    return out;
  }

  std::optional<TestNode> node_;
  uint64_t batch_ = 0;
};

TEST_F(VotersTest, SevenVoteOfNineThatFormACluster) {
  form(1, 9);
  EXPECT_EQ(voters(), up_to(7));
  EXPECT_EQ(learners(), (Ids{8, 9}));
  EXPECT_NE(ask("GET", "/v1/nodes/7").find(R"("voter":true,"learner":false)"), std::string::npos);
  EXPECT_NE(ask("GET", "/v1/nodes/8").find(R"("voter":false,"learner":true)"), std::string::npos);
}

TEST_F(VotersTest, AllVoteWhereTheyAreFew) {
  form(1, 7);
  EXPECT_EQ(voters(), up_to(7));
  EXPECT_EQ(node_->consensus.group("__meta").learners, Ids{});
}

TEST_F(VotersTest, WhoLeadsVotesOn) {
  form(9, 9);
  EXPECT_EQ(voters(), (Ids{1, 2, 3, 4, 5, 6, 9}));
  EXPECT_EQ(learners(), (Ids{7, 8}));
}

// It is not in the catalog: no leader to come could know of it.
TEST_F(VotersTest, AllVoteUntilEachHasRegistered) {
  start(1, 9);
  elect();
  for (int32_t id = 2; id <= 8; ++id) comes(id);
  node_->host.advance(1s);
  EXPECT_EQ(voters(), up_to(9));
  comes(9);
  node_->host.advance(10ms);
  EXPECT_EQ(voters(), up_to(7));
}

TEST_F(VotersTest, WhoIsDownGoesFirst) {
  start(1, 9);
  elect();
  for (int32_t id = 2; id <= 8; ++id) comes(id);
  node_->host.set_link("metadata", 3, false);
  comes(9);
  node_->host.advance(1s);
  EXPECT_EQ(voters(), (Ids{1, 2, 4, 5, 6, 7, 8}));
  EXPECT_EQ(learners(), (Ids{3, 9}));
  node_->host.set_link("metadata", 3, true);
  node_->host.set_link("metadata", 4, false);
  node_->host.advance(10s);
  EXPECT_EQ(voters(), (Ids{1, 2, 4, 5, 6, 7, 8})) << "who votes may be away";
}

TEST_F(VotersTest, AnEighthNodeLearns) {
  form(1, 7);
  EXPECT_NE(ask("POST", "/v1/nodes", R"({"id": 8, "raft": "eight.example:9093"})"), "");
  EXPECT_EQ(learners(), Ids{8});
  EXPECT_NE(ask("GET", "/v1/nodes/8").find(R"("voter":false,"learner":false)"), std::string::npos);
  comes(8);
  EXPECT_EQ(voters(), up_to(7));
  EXPECT_EQ(learners(), Ids{8});
  EXPECT_NE(ask("GET", "/v1/nodes/8").find(R"("voter":false,"learner":true)"), std::string::npos);
}

TEST_F(VotersTest, ALearnerVotesWhereAVoterLeft) {
  form(1, 9);
  node_->host.set_link("metadata", 8, false);
  ask("DELETE", "/v1/nodes/3");
  node_->host.advance(3s);
  EXPECT_EQ(voters(), (Ids{1, 2, 4, 5, 6, 7, 9})) << "one that is linked";
  EXPECT_EQ(learners(), Ids{8});
  node_->host.set_link("metadata", 8, true);
  ask("DELETE", "/v1/nodes/9");
  node_->host.advance(3s);
  EXPECT_EQ(voters(), (Ids{1, 2, 4, 5, 6, 7, 8}));
  EXPECT_EQ(learners(), Ids{});
  EXPECT_NE(ask("GET", "/v1/nodes/9").find(R"("state":"removed")"), std::string::npos);
}

// It was linked when it was chosen, and is gone before it votes.
TEST_F(VotersTest, AnotherLearnerVotesWhereOneDiesOnItsWay) {
  form(1, 9);
  node_->consensus.hold_changes(true);
  ask("DELETE", "/v1/nodes/3");
  node_->host.advance(1s);
  node_->consensus.hold_changes(false);
  EXPECT_EQ(voters(), up_to(7)) << "node 8 has yet to catch up";
  node_->host.set_link("metadata", 8, false);
  node_->host.advance(3s);
  EXPECT_EQ(voters(), (Ids{1, 2, 4, 5, 6, 7, 9}));
  EXPECT_NE(ask("GET", "/v1/nodes/3").find(R"("state":"removed")"), std::string::npos);
}

// A leader of a build of before would make voters of all of them again.
TEST_F(VotersTest, BelowTheLevelAllVote) {
  start(1, 9);
  chr_entry_header header{};
  header.index = header.term = 1;
  header.kind = CHR_ENTRY_COMMAND;
  node_->consensus.receive("__meta", header, encode(Command{{}, InitCluster{"of-before", {}}}));
  elect();
  for (int32_t id = 2; id <= 9; ++id) comes(id);
  node_->host.advance(1s);
  EXPECT_EQ(voters(), up_to(9));
  EXPECT_EQ(node_->consensus.group("__meta").learners, Ids{});
  for (int32_t id = 2; id <= 9; ++id)
    node_->host.deliver("metadata", id,
                        encode(Frame{FeaturesFrame{{{std::string(kOwnFeature), 1, kRecordsLevel}}, true}}));
  void* self = nullptr;
  const auto* features = static_cast<const chr_features_v1*>(node_->service(CHR_FEATURES_ID, &self));
  const chr_feature_update up{to_abi(kOwnFeature), kRecordsLevel, CHR_FEATURE_UPGRADE, 0};
  const auto done = node_->begin(1, [&](chr_change_result* results, uint64_t token) {
    return features->update(self, &up, 1, 0, 5 * kSecond, results, token, nullptr);
  });
  node_->host.advance(1s);
  ASSERT_EQ(done->code(), CHR_OK) << done->message();
  EXPECT_EQ(voters(), up_to(7));
  EXPECT_EQ(learners(), (Ids{8, 9}));
}

class Nine : public Cluster {
 protected:
  Nine() : Cluster(10'000, 9) {}
};

TEST_F(Nine, ALearnerServesAsTheOthersDo) {
  settle();
  advance(1s);
  const auto made = node(9).create("t", 2, 3);
  advance(100ms);
  ASSERT_TRUE(made->done);
  EXPECT_EQ(made->code(), CHR_OK);
  EXPECT_TRUE(node(9).topic("t").has_value());
  EXPECT_EQ(node(9).table->controller(node(9).self), 1);
  node(9).role("t", 0, 1, 9);  // it leads a partition
  advance(100ms);
  EXPECT_EQ(node(2).leader("t"), (std::pair<int32_t, uint64_t>(9, 1)));
  std::vector<chr_quorum_member> members(16);
  chr_quorum quorum{};
  quorum.struct_size = sizeof quorum;
  quorum.members = members.data();
  quorum.n_members = 16;
  const auto asked = node(9).begin(0, [&](chr_change_result*, uint64_t token) {
    return node(9).table->describe_quorum(node(9).self, 5 * kSecond, &quorum, token, nullptr);
  });
  advance(100ms);
  ASSERT_TRUE(asked->done);
  ASSERT_EQ(quorum.n_members, 9u);
  for (uint32_t i = 0; i < quorum.n_members; ++i)
    EXPECT_EQ(members[i].voter, members[i].id <= 7 ? 1u : 0u) << members[i].id;
}

TEST_F(Nine, ANewLeaderNamesThemAnew) {
  settle();
  advance(1s);
  EXPECT_EQ(node(1).consensus.group("__meta").learners, (Ids{2, 3, 4, 5, 6, 7, 8, 9}));
  elect(2);
  advance(1s);
  EXPECT_EQ(node(1).consensus.group("__meta").learners, Ids{});
  EXPECT_EQ(node(2).consensus.group("__meta").learners, (Ids{1, 3, 4, 5, 6, 7, 8, 9}));
}

}  // namespace
}  // namespace chronik::metadata::test
