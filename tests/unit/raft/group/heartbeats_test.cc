// Heartbeats between two nodes, by hand: what is told, what is told again, and what not.
#include "raft/group/heartbeats.h"
#include "raft/group/leader_claims.h"

#include <gtest/gtest.h>

namespace chronik::raft::test {
namespace {

constexpr Nanos kMillisecond = 1'000'000;

class TwoNodes : public ::testing::Test {
 protected:
  TwoNodes() {
    one_.start({71, 2, 600 * kMillisecond});
    two_.start({72, 1, 600 * kMillisecond});
    one_.link(2, true);
    two_.link(1, true);
    alive();
  }
  void alive() {
    one_.shard_alive(0, now_);
    one_.shard_alive(1, now_);
    two_.shard_alive(0, now_);
  }
  // A heartbeat from 1 arrives at 2; "group/term group/term".
  std::string arrive(const Heartbeat& heartbeat) {
    std::string out;
    for (const auto& stream : two_.received(1, heartbeat, now_).streams) {
      if (stream.whole) out += "whole ";
      for (const LeaderClaim& claim : stream.claims)
        out += std::to_string(claim.group) + "/" + std::to_string(claim.term) + " ";
    }
    return out;
  }
  std::string carry_heartbeat() { return arrive(one_.next(2, now_)); }
  ReceivedClaims answer() { return one_.received(2, two_.next(1, now_), now_); }

  Nanos now_ = 1000 * kMillisecond;
  Heartbeats one_;
  Heartbeats two_;
};

TEST_F(TwoNodes, TellWhatChanged) {
  one_.set_claim(0, 2, 10, 1);
  one_.set_claim(1, 2, 11, 1);
  EXPECT_EQ(carry_heartbeat(), "whole 10/1 whole 11/1 ");
  answer();
  EXPECT_EQ(carry_heartbeat(), "");
  one_.set_claim(0, 2, 10, 2);
  one_.set_claim(0, 2, 12, 1);
  EXPECT_EQ(carry_heartbeat(), "10/2 12/1 ");
  answer();
  one_.set_claim(0, 2, 10, 0);
  EXPECT_EQ(carry_heartbeat(), "10/0 ");
  answer();
  one_.set_claim(0, 2, 10, 0);
  EXPECT_EQ(carry_heartbeat(), "");
  EXPECT_LT(one_.next(2, now_).streams[0].claims.size(), 1u);
}

TEST_F(TwoNodes, TellAgainWhatWasLost) {
  one_.set_claim(0, 2, 10, 1);
  (void)one_.next(2, now_);
  EXPECT_EQ(carry_heartbeat(), "whole 10/1 ");
  answer();
  one_.set_claim(0, 2, 11, 1);
  (void)one_.next(2, now_);
  one_.set_claim(0, 2, 12, 1);
  one_.set_claim(0, 2, 10, 0);
  EXPECT_EQ(carry_heartbeat(), "11/1 12/1 10/0 ");
  // The answer is lost: the same comes again, and is known already.
  EXPECT_EQ(one_.next(2, now_).streams[0].claims.size(), 3u);
  EXPECT_EQ(carry_heartbeat(), "");
}

TEST_F(TwoNodes, IgnoreWhatIsLateOrDoubled) {
  one_.set_claim(0, 2, 10, 1);
  const Heartbeat early = one_.next(2, now_);
  one_.set_claim(0, 2, 10, 2);
  EXPECT_EQ(carry_heartbeat(), "whole 10/2 ");
  EXPECT_EQ(arrive(early), "");
  EXPECT_TRUE(two_.received(1, early, now_).empty());
}

TEST_F(TwoNodes, StartOverWithAnotherProcess) {
  one_.set_claim(0, 2, 10, 1);
  carry_heartbeat();
  answer();
  Heartbeats reborn;
  reborn.start({73, 2, 600 * kMillisecond});
  reborn.shard_alive(0, now_);
  reborn.link(2, true);
  reborn.set_claim(0, 2, 11, 3);
  const ReceivedClaims news = two_.received(1, reborn.next(2, now_), now_);
  EXPECT_TRUE(news.forget);
  ASSERT_EQ(news.streams.size(), 1u);
  EXPECT_TRUE(news.streams[0].whole);
  EXPECT_EQ(news.streams[0].claims, (std::vector<LeaderClaim>{{11, 3}}));
}

TEST_F(TwoNodes, FindOutThatTheyDiffer) {
  one_.set_claim(0, 2, 10, 1);
  one_.set_claim(0, 2, 11, 1);
  Heartbeat damaged = one_.next(2, now_);
  damaged.streams[0].claims[1].group = 99;
  EXPECT_EQ(arrive(damaged), "whole 10/1 99/1 ");
  answer();
  EXPECT_EQ(carry_heartbeat(), "whole 10/1 11/1 ");
  answer();
  EXPECT_EQ(carry_heartbeat(), "");
}

TEST_F(TwoNodes, KnowWhenTheOtherWasHeard) {
  EXPECT_EQ(two_.heard(1, 0), 0u);
  carry_heartbeat();
  EXPECT_EQ(two_.heard(1, 0), now_);
  EXPECT_EQ(one_.answered(2), 0u);
  const Nanos sent = now_;
  now_ += 40 * kMillisecond;
  EXPECT_TRUE(answer().returned);
  EXPECT_EQ(one_.answered(2), sent);  // that is when it was surely connected both ways
  // An answer that echoes what was never sent counts for nothing.
  Heartbeat forged = two_.next(1, now_);
  forged.heard_sent = now_ + 5000 * kMillisecond;
  one_.received(2, forged, now_);
  EXPECT_EQ(one_.answered(2), sent);
  two_.link(1, false);
  EXPECT_EQ(two_.heard(1, 0), 0u);
}

TEST_F(TwoNodes, LeaveOutAShardThatHangs) {
  carry_heartbeat();
  const Nanos both = now_;
  now_ += 700 * kMillisecond;
  one_.shard_alive(0, now_);
  carry_heartbeat();
  EXPECT_EQ(two_.heard(1, 0), now_);
  EXPECT_EQ(two_.heard(1, 1), both);
}

TEST_F(TwoNodes, NameTheGroupsInWhichTheyDoNotFollow) {
  carry_heartbeat();
  two_.set_rejections(0, 1, {{10, 0}, {11, 5}});
  ReceivedClaims news = answer();
  EXPECT_TRUE(news.has_rejections);
  EXPECT_EQ(news.rejections, (std::vector<LeaderClaim>{{10, 0}, {11, 5}}));
  two_.set_rejections(0, 1, {});
  news = answer();
  EXPECT_TRUE(news.has_rejections);  // that there are none any more
  EXPECT_TRUE(news.rejections.empty());
  EXPECT_TRUE(answer().empty());
}

TEST(LeaderClaims, SayWhatIsOtherThanBefore) {
  LeaderClaims claims;
  std::string changes;
  const auto take = [&](const ReceivedClaims& news) {
    changes.clear();
    claims.apply_received(news, [&](uint64_t group, Term term, const LeaderClaims::Known& before) {
      changes += std::to_string(group) + ":" + std::to_string(before.term) + ">" + std::to_string(term) + " ";
    });
    return changes;
  };
  ReceivedClaims news;
  news.peer = 2;
  news.streams = {{0, true, {{10, 1}, {11, 1}}}, {1, true, {{12, 4}}}};
  EXPECT_EQ(take(news), "10:0>1 11:0>1 12:0>4 ");
  news.streams = {{0, false, {{10, 0}, {13, 2}}}};
  EXPECT_EQ(take(news), "10:1>0 13:0>2 ");
  // A group that moved to another shard of the peer is still claimed.
  news.streams = {{0, true, {{12, 4}, {13, 3}}}};
  EXPECT_EQ(take(news), "13:2>3 11:1>0 ");
  EXPECT_EQ(claims.find(2, 12)->stream, 0u);
  news.forget = true;
  news.streams = {{0, true, {{13, 3}}}};
  EXPECT_EQ(take(news), "12:4>0 ");
  EXPECT_EQ(claims.find(3, 13), nullptr);
}

}  // namespace
}  // namespace chronik::raft::test
