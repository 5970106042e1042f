// Beats between two nodes, by hand: what is told, what is told again, and what not.
#include "raft/group/beats.h"
#include "raft/group/claims.h"

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
  // A beat from 1 arrives at 2; "group/term group/term".
  std::string arrive(const Beat& beat) {
    std::string out;
    for (const auto& stream : two_.received(1, beat, now_).streams) {
      if (stream.whole) out += "whole ";
      for (const Claim& claim : stream.claims)
        out += std::to_string(claim.group) + "/" + std::to_string(claim.term) + " ";
    }
    return out;
  }
  std::string beat() { return arrive(one_.next(2, now_)); }
  ClaimNews answer() { return one_.received(2, two_.next(1, now_), now_); }

  Nanos now_ = 1000 * kMillisecond;
  Beats one_;
  Beats two_;
};

TEST_F(TwoNodes, TellWhatChanged) {
  one_.claim(0, 2, 10, 1);
  one_.claim(1, 2, 11, 1);
  EXPECT_EQ(beat(), "whole 10/1 whole 11/1 ");
  answer();
  EXPECT_EQ(beat(), "");
  one_.claim(0, 2, 10, 2);
  one_.claim(0, 2, 12, 1);
  EXPECT_EQ(beat(), "10/2 12/1 ");
  answer();
  one_.claim(0, 2, 10, 0);
  EXPECT_EQ(beat(), "10/0 ");
  answer();
  one_.claim(0, 2, 10, 0);
  EXPECT_EQ(beat(), "");
  EXPECT_LT(one_.next(2, now_).streams[0].claims.size(), 1u);
}

TEST_F(TwoNodes, TellAgainWhatWasLost) {
  one_.claim(0, 2, 10, 1);
  (void)one_.next(2, now_);
  EXPECT_EQ(beat(), "whole 10/1 ");
  answer();
  one_.claim(0, 2, 11, 1);
  (void)one_.next(2, now_);
  one_.claim(0, 2, 12, 1);
  one_.claim(0, 2, 10, 0);
  EXPECT_EQ(beat(), "11/1 12/1 10/0 ");
  // The answer is lost: the same comes again, and is known already.
  EXPECT_EQ(one_.next(2, now_).streams[0].claims.size(), 3u);
  EXPECT_EQ(beat(), "");
}

TEST_F(TwoNodes, IgnoreWhatIsLateOrDoubled) {
  one_.claim(0, 2, 10, 1);
  const Beat early = one_.next(2, now_);
  one_.claim(0, 2, 10, 2);
  EXPECT_EQ(beat(), "whole 10/2 ");
  EXPECT_EQ(arrive(early), "");
  EXPECT_TRUE(two_.received(1, early, now_).empty());
}

TEST_F(TwoNodes, StartOverWithAnotherProcess) {
  one_.claim(0, 2, 10, 1);
  beat();
  answer();
  Beats reborn;
  reborn.start({73, 2, 600 * kMillisecond});
  reborn.shard_alive(0, now_);
  reborn.link(2, true);
  reborn.claim(0, 2, 11, 3);
  const ClaimNews news = two_.received(1, reborn.next(2, now_), now_);
  EXPECT_TRUE(news.forget);
  ASSERT_EQ(news.streams.size(), 1u);
  EXPECT_TRUE(news.streams[0].whole);
  EXPECT_EQ(news.streams[0].claims, (std::vector<Claim>{{11, 3}}));
}

TEST_F(TwoNodes, FindOutThatTheyDiffer) {
  one_.claim(0, 2, 10, 1);
  one_.claim(0, 2, 11, 1);
  Beat damaged = one_.next(2, now_);
  damaged.streams[0].claims[1].group = 99;
  EXPECT_EQ(arrive(damaged), "whole 10/1 99/1 ");
  answer();
  EXPECT_EQ(beat(), "whole 10/1 11/1 ");
  answer();
  EXPECT_EQ(beat(), "");
}

TEST_F(TwoNodes, KnowWhenTheOtherWasHeard) {
  EXPECT_EQ(two_.heard(1, 0), 0u);
  beat();
  EXPECT_EQ(two_.heard(1, 0), now_);
  EXPECT_EQ(one_.answered(2), 0u);
  const Nanos sent = now_;
  now_ += 40 * kMillisecond;
  EXPECT_TRUE(answer().returned);
  EXPECT_EQ(one_.answered(2), sent);  // that is when it was surely connected both ways
  // An answer that echoes what was never sent counts for nothing.
  Beat forged = two_.next(1, now_);
  forged.heard_sent = now_ + 5000 * kMillisecond;
  one_.received(2, forged, now_);
  EXPECT_EQ(one_.answered(2), sent);
  two_.link(1, false);
  EXPECT_EQ(two_.heard(1, 0), 0u);
}

TEST_F(TwoNodes, LeaveOutAShardThatHangs) {
  beat();
  const Nanos both = now_;
  now_ += 700 * kMillisecond;
  one_.shard_alive(0, now_);
  beat();
  EXPECT_EQ(two_.heard(1, 0), now_);
  EXPECT_EQ(two_.heard(1, 1), both);
}

TEST_F(TwoNodes, NameTheGroupsInWhichTheyDoNotFollow) {
  beat();
  two_.except(0, 1, {{10, 0}, {11, 5}});
  ClaimNews news = answer();
  EXPECT_TRUE(news.has_exceptions);
  EXPECT_EQ(news.exceptions, (std::vector<Claim>{{10, 0}, {11, 5}}));
  two_.except(0, 1, {});
  news = answer();
  EXPECT_TRUE(news.has_exceptions);  // that there are none any more
  EXPECT_TRUE(news.exceptions.empty());
  EXPECT_TRUE(answer().empty());
}

TEST(Claims, SayWhatIsOtherThanBefore) {
  Claims claims;
  std::string changes;
  const auto take = [&](const ClaimNews& news) {
    changes.clear();
    claims.take(news, [&](uint64_t group, Term term, const Claims::Known& before) {
      changes += std::to_string(group) + ":" + std::to_string(before.term) + ">" + std::to_string(term) + " ";
    });
    return changes;
  };
  ClaimNews news;
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
