#include <gtest/gtest.h>
#include <chronik/testing/fake_consensus.hpp>

namespace chronik::testing {
namespace {

constexpr chr_state_machine_v1 kNothing = {
    sizeof kNothing,
    1,
    [](void*, const chr_entry*, uint32_t, uint64_t) -> chr_status { return CHR_OK; },
    [](void*, const chr_role*) {},
    [](void*, uint64_t, int64_t) {},
    [](void*, uint64_t, int64_t) {},
    [](void*, int64_t) {},
    [](void*, const chr_sink*) -> chr_status { return CHR_OK; },
    [](void*, const chr_slice*, uint32_t, chr_error*) -> chr_status { return CHR_OK; }};

class FakeConsensusMembers : public ::testing::Test {
 protected:
  FakeConsensusMembers() {
    const int32_t voters[] = {1, 2};
    chr_group_options options{};
    options.struct_size = sizeof options;
    options.id.name = options.id.label = to_abi("a");
    options.n_voters = 2;
    options.voters = voters;
    chr_error error = make_abi_error();
    void* self = nullptr;
    table_ = static_cast<const chr_consensus_v1*>(
        host_.core()->acquire(host_.core()->self, CHR_CONSENSUS_ID, &self));
    table_->open_group(self, &options, &kNothing, nullptr, &group_, host_.begin(&opened_), &error);
    host_.run();
  }

  chr_status change(const std::vector<int32_t>& voters, chr_done* done) {
    const chr_members_change change{sizeof change, static_cast<uint32_t>(voters.size()), voters.data()};
    chr_error error = make_abi_error();
    done->code = 99;
    return table_->change_members(group_, &change, host_.begin(done), &error);
  }
  // "1v 2vo 3l", and whether a change is under way.
  std::string members() {
    std::vector<chr_member> members(8);
    chr_group_status status{sizeof status, 8, members.data(), 0, 0, 0};
    EXPECT_EQ(table_->status(group_, &status), CHR_OK);
    std::string out;
    for (uint32_t i = 0; i < status.n_members; ++i) {
      out += std::to_string(members[i].id);
      if ((members[i].flags & CHR_MEMBER_VOTER) != 0) out += "v";
      if ((members[i].flags & CHR_MEMBER_OUTGOING) != 0) out += "o";
      if ((members[i].flags & CHR_MEMBER_LEARNER) != 0) out += "l";
      out += " ";
    }
    return out + (status.joint != 0 ? "joint" : "");
  }

  FakeHost host_;
  FakeConsensus consensus_{&host_};
  const chr_consensus_v1* table_ = nullptr;
  chr_group* group_ = nullptr;
  chr_done opened_{};
};

TEST_F(FakeConsensusMembers, ChangeInTheNextRun) {
  chr_done done{};
  EXPECT_EQ(change({1, 2}, &done), CHR_OK);
  EXPECT_EQ(change({3, 1}, &done), CHR_PENDING);
  EXPECT_EQ(members(), "1v 2v 3l ");
  host_.run();
  EXPECT_EQ(done.code, CHR_OK);
  EXPECT_EQ(members(), "3v 1v ");
}

TEST_F(FakeConsensusMembers, ChangeStepByStep) {
  consensus_.hold_changes(true);
  chr_done first{}, second{}, third{};
  EXPECT_EQ(change({1, 3}, &first), CHR_PENDING);
  EXPECT_EQ(change({1, 4}, &second), CHR_PENDING);
  host_.run();
  EXPECT_EQ(first.code, CHR_E_CANCELLED);
  consensus_.step_change("a");
  EXPECT_EQ(members(), "1vo 4v 2o joint");
  EXPECT_EQ(change({1, 2}, &third), CHR_E_CONFLICT);
  consensus_.step_change("a");
  host_.run();
  EXPECT_EQ(second.code, CHR_OK);
  EXPECT_EQ(members(), "1v 4v ");
}

TEST_F(FakeConsensusMembers, ALeaderThatLeavesHandsOver) {
  chr_done done{};
  EXPECT_EQ(change({2, 3}, &done), CHR_PENDING);
  host_.run();
  EXPECT_EQ(done.code, CHR_E_NOT_LEADER);
  EXPECT_EQ(members(), "2v 3v ");
  EXPECT_EQ(change({1}, &done), CHR_E_NOT_LEADER);
}

TEST_F(FakeConsensusMembers, FailAsTheTestSays) {
  chr_done done{};
  consensus_.refuse_changes(CHR_E_OVERLOADED);
  EXPECT_EQ(change({1, 3}, &done), CHR_E_OVERLOADED);
  consensus_.refuse_changes(CHR_OK);
  consensus_.hold_changes(true);
  EXPECT_EQ(change({1, 3}, &done), CHR_PENDING);
  consensus_.fail_change("a", CHR_E_NOT_LEADER);
  host_.run();
  EXPECT_EQ(done.code, CHR_E_NOT_LEADER);
  EXPECT_EQ(members(), "1v 2v ");
}

}  // namespace
}  // namespace chronik::testing
