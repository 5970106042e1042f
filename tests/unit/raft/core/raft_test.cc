// What scripts cannot say: hand-made messages to a single core, hostile ones too.
#include "unit/raft/core/harness.h"

#include <gtest/gtest.h>

namespace chronik::raft::test {
namespace {

Entry entry(Index index, Term term, int64_t offset, uint32_t records) {
  Entry e;
  e.header.index = index;
  e.header.term = term;
  e.header.base_offset = offset;
  e.header.records = records;
  e.header.kind = records == 0 ? CHR_ENTRY_NOOP : CHR_ENTRY_DATA;
  return e;
}

Message append(Term term, Index previous, Term previous_term, std::vector<Entry> entries) {
  Message m;
  m.type = MessageType::kAppend;
  m.from = 1;
  m.to = 3;
  m.term = term;
  m.index = previous;
  m.log_term = previous_term;
  m.entries = std::move(entries);
  return m;
}

class Follower : public testing::Test {
 protected:
  Follower() {
    Config config = usual_config();
    config.self = 3;
    raft_ = std::make_unique<Raft>(config, Membership{{1, 2, 3}, {}, {}}, HardState{}, StoredLog{});
    raft_->start(0);
  }

  Ready step(Message m) {
    raft_->step(0, std::move(m));
    return take();
  }
  Ready take() {
    Ready ready;
    raft_->take_ready(&ready);
    return ready;
  }

  std::unique_ptr<Raft> raft_;
};

// The write of a vote may pass where the entries before it are refused. Other entries may lie on disk in
// their place: what the hint covered of those would count as committed after a restart.
TEST_F(Follower, HintsAtACommitOnlyAsFarAsItIsDurable) {
  Message known = append(1, 0, 0, {entry(1, 1, 0, 0), entry(2, 1, 0, 1), entry(3, 1, 1, 1)});
  known.commit = 3;
  const StorageBatch entries = step(known).storage;
  EXPECT_EQ(raft_->log().committed(), 3u);
  EXPECT_EQ(entries.commit, 0u);
  Message newer = append(2, 3, 1, {});
  newer.type = MessageType::kHeartbeat;
  const StorageBatch vote = step(newer).storage;
  EXPECT_TRUE(vote.has_hard_state);
  EXPECT_EQ(vote.commit, 0u);
  raft_->storage_done(0, vote.ticket);
  newer.term = 3;
  EXPECT_EQ(step(newer).storage.commit, 3u);
}

TEST_F(Follower, WritesTermsWhereStorageHasNoRoomForEntries) {
  (void)step(append(1, 0, 0, {entry(1, 1, 0, 0), entry(2, 1, 0, 1)}));
  EXPECT_EQ(raft_->storage_refused(0), 0u);
  EXPECT_TRUE(raft_->full());
  Ready ready;
  raft_->take_ready(&ready, Room::kControl);
  EXPECT_EQ(ready.storage.truncate_from, 1u);  // storage may have taken something behind it
  EXPECT_TRUE(ready.storage.has_hard_state);
  ASSERT_EQ(ready.storage.entries.size(), 1u);  // the one without records
  raft_->storage_done(0, ready.storage.ticket);
  raft_->take_ready(&ready, Room::kControl);
  EXPECT_EQ(ready.storage.ticket, 0u);
  raft_->take_ready(&ready, Room::kAll);
  EXPECT_EQ(ready.storage.entries.size(), 1u);
  raft_->storage_done(0, ready.storage.ticket);
  EXPECT_FALSE(raft_->full());
}

// What storage is trying again may be committed without this node, and found room when the vote is asked for.
TEST_F(Follower, KeepsWhatStorageTriesAgainWhenItVotes) {
  (void)step(append(1, 0, 0, {entry(1, 1, 0, 0), entry(2, 1, 0, 1)}));
  EXPECT_EQ(raft_->storage_refused(0), 0u);
  raft_->storage_done(0, take().storage.ticket);  // the one without records goes first
  const StorageBatch again = take().storage;
  ASSERT_EQ(again.entries.size(), 1u);
  Message vote;
  vote.type = MessageType::kVote;
  vote.from = 2;
  vote.to = 3;
  vote.term = 2;
  vote.index = 2;
  vote.log_term = 1;
  vote.forced = true;
  (void)step(vote);
  raft_->storage_done(0, again.ticket);
  EXPECT_EQ(raft_->log().stable(), 2u);
  const StorageBatch voted = take().storage;
  EXPECT_TRUE(voted.has_hard_state);
  EXPECT_EQ(voted.truncate_from, 0u);
}

TEST_F(Follower, AcknowledgesAnEntryThatCameBackOnlyWhenItsLastWriteIsDone) {
  const Ticket first = step(append(1, 0, 0, {entry(1, 1, 0, 0), entry(2, 1, 0, 1)})).storage.ticket;
  Message other = append(2, 1, 1, {entry(2, 2, 0, 0)});
  other.from = 2;
  const Ticket second = step(other).storage.ticket;
  const Ticket third = step(append(3, 1, 1, {entry(2, 1, 0, 1), entry(3, 3, 1, 0)})).storage.ticket;

  raft_->storage_done(0, first);
  EXPECT_EQ(raft_->log().stable(), 1u);
  EXPECT_TRUE(take().messages.empty());
  raft_->storage_done(0, second);
  EXPECT_EQ(raft_->log().stable(), 1u);
  EXPECT_TRUE(take().messages.empty());
  raft_->storage_done(0, third);
  EXPECT_EQ(raft_->log().stable(), 3u);
  const Ready ready = take();
  ASSERT_EQ(ready.messages.size(), 1u);
  EXPECT_EQ(describe(ready.messages[0]), "3->1 append-response term=3 matched=3 commit=0");
}

// A follower that acknowledged up to 9 and found entry 5 damaged: others may rest on what it had.
TEST(Mending, VotesAsBeforeAndLeadsOnlyWithWhatItHad) {
  StoredLog log;
  log.terms = {{1, 1, 0}};
  for (Index index = 1; index < 5; ++index)
    log.entries.push_back(entry(index, 1, static_cast<int64_t>(index), 1));
  log.left = {1, 9};
  log.lost_from = 5;
  Config config = usual_config();
  config.self = 3;
  Raft raft(config, Membership{{1, 2, 3}, {}, {}}, HardState{1, kNobody}, std::move(log));
  raft.start(0);
  Ready ready;
  raft.tick(20'000'000'000);
  raft.take_ready(&ready);
  EXPECT_TRUE(ready.messages.empty()) << "it does not campaign";
  EXPECT_EQ(ready.storage.ticket, 0u) << "what storage has stays there, as long as nobody brings better";

  const auto asked = [&](Index last) {
    Message vote;
    vote.type = MessageType::kPreVote;
    vote.from = 2;
    vote.to = 3;
    vote.term = 2;
    vote.index = last;
    vote.log_term = 1;
    raft.step(20'000'000'000, std::move(vote));
    raft.take_ready(&ready);
    return !ready.messages.at(0).reject;
  };
  EXPECT_FALSE(asked(8)) << "what it acknowledged may be committed";
  EXPECT_TRUE(asked(9));

  raft.step(20'000'000'000, append(1, 9, 1, {}));
  raft.take_ready(&ready);
  ASSERT_EQ(ready.messages.size(), 2u) << "it says so unasked, for a leader may have nothing to send";
  for (const Message& message : ready.messages) {
    EXPECT_TRUE(message.reject);
    EXPECT_EQ(message.index, 9u);
    EXPECT_EQ(message.hint_index, 4u);
  }
  raft.step(20'000'000'000, append(1, 4, 1, {entry(5, 1, 5, 1), entry(6, 1, 6, 1)}));
  raft.take_ready(&ready);
  EXPECT_EQ(ready.storage.truncate_from, 5u);
  EXPECT_TRUE(ready.storage.has_hard_state) << "with it goes, in one write, what it had";
  EXPECT_EQ(raft.left(), (LogEnd{1, 9}));
  EXPECT_EQ(raft.lost_from(), 0u);
}

TEST_F(Follower, IgnoresMalformedAppends) {
  const Message bad[] = {
      append(1, 0, 0, {entry(1, 2, 0, 0)}),                     // of a later term than its message
      append(1, 0, 0, {entry(2, 1, 0, 0)}),                     // a gap above what is committed
      append(1, 0, 0, {entry(1, 1, 0, 1), entry(1, 1, 1, 1)}),  // twice the same index
      append(1, 0, 0, {entry(1, 1, 0, 1), entry(2, 1, 5, 1)}),  // offsets with a gap
      append(1, 0, 0, {entry(1, 1, -4, 1)}),                    // below zero
      append(1, 0, 0, {entry(1, 1, 7, 1)}),                     // does not follow the log's end
  };
  for (const Message& message : bad) step(message);
  EXPECT_EQ(raft_->log().last_index(), 0u);
  Message absent = append(1, 0, 0, {entry(1, 1, 0, 1)});
  absent.entries[0].header.bytes = 10;  // without the payload that its header promises
  step(absent);
  EXPECT_EQ(raft_->log().last_index(), 0u);
}

TEST_F(Follower, TakesCompactedLogsWithGaps) {
  Message gaps = append(1, 0, 0, {entry(1, 1, 0, 0), entry(5, 1, 9, 2), entry(6, 1, 11, 1)});
  gaps.commit = 5;
  const Ready ready = step(gaps);
  EXPECT_EQ(ready.storage.entries.size(), 3u);
  EXPECT_EQ(raft_->log().last_index(), 6u);
  EXPECT_EQ(raft_->log().committed(), 5u);
  EXPECT_EQ(raft_->log().committed_offset(), 11);
  EXPECT_EQ(raft_->log().find_offset(10)->header.index, 5u);
  EXPECT_EQ(raft_->log().find_offset(4), nullptr);
  EXPECT_EQ(raft_->log().term(3), std::optional<Term>(1));
}

TEST_F(Follower, KeepsWhatIsCommittedAgainstALeaderThatContradicts) {
  Message good = append(1, 0, 0, {entry(1, 1, 0, 0), entry(2, 1, 0, 1)});
  good.commit = 2;
  raft_->storage_done(0, step(good).storage.ticket);
  take();
  Message bad = append(2, 1, 1, {entry(2, 2, 0, 1), entry(3, 2, 5, 1)});
  step(bad);
  EXPECT_EQ(raft_->log().term(2), std::optional<Term>(1));
  EXPECT_EQ(raft_->log().last_index(), 2u);
}

// The only voter of its group, which leads it.
class Alone : public testing::Test {
 protected:
  Alone() {
    Config config = usual_config();
    config.self = 1;
    raft_ = std::make_unique<Raft>(config, Membership{{1}, {}, {}}, HardState{}, StoredLog{});
    raft_->start(0);
    raft_->campaign(0);
    while (raft_->log().committed() == 0) take(true);
  }

  Ready take(bool stored) {
    Ready ready;
    raft_->take_ready(&ready);
    if (stored && ready.storage.ticket != 0) raft_->storage_done(0, ready.storage.ticket);
    return ready;
  }
  Ready propose() {
    Proposal proposal;
    proposal.records = 1;
    proposal.payload = Payload::own("x");
    EXPECT_TRUE(raft_->propose(0, 0, {&proposal, 1}).has_value());
    return take(false);
  }

  std::unique_ptr<Raft> raft_;
};

TEST_F(Alone, DropsWhatAFullStorageRefuses) {
  propose();
  EXPECT_EQ(raft_->storage_refused(0), 2u);
  EXPECT_EQ(raft_->log().last_index(), 1u);
}

// A member that comes while entries are written that are refused then is asked from the end of what is left.
// It needs no snapshot, which a log that was never trimmed does not even have.
TEST_F(Alone, LooksForANewMemberWhereTheLogEndsNow) {
  propose();
  ASSERT_TRUE(raft_->change_members(0, {1, 2}).has_value());
  raft_->link_up(0, 2);
  EXPECT_EQ(raft_->storage_refused(0), 2u);
  const Ready asked = take(true);
  EXPECT_TRUE(asked.snapshot_reads.empty());
  ASSERT_EQ(asked.messages.size(), 1u);
  EXPECT_EQ(asked.messages[0].type, MessageType::kAppend);
  EXPECT_EQ(asked.messages[0].index, 1u);
  Message matched;
  matched.type = MessageType::kAppendResponse;
  matched.from = 2;
  matched.to = 1;
  matched.term = raft_->term();
  matched.index = 1;
  raft_->step(0, std::move(matched));
  EXPECT_TRUE(raft_->membership().joint()) << "it has all that there is";
}

// It may come back in this term, and find another entry where it has one.
TEST_F(Alone, KeepsWhatALearnerThatIsNoneAnyMoreWasSent) {
  raft_->storage_done(0, propose().storage.ticket);
  ASSERT_TRUE(raft_->change_members(0, {1, 2}).has_value());
  raft_->link_up(0, 2);
  take(true);
  Message matched;
  matched.type = MessageType::kAppendResponse;
  matched.from = 2;
  matched.to = 1;
  matched.term = raft_->term();
  matched.index = 1;  // it is not ready yet
  raft_->step(0, std::move(matched));
  const Ready sent = propose();
  ASSERT_TRUE(std::ranges::any_of(sent.messages, [](const Message& m) { return !m.entries.empty(); }));
  ASSERT_TRUE(raft_->change_members(0, {1}).has_value());
  EXPECT_EQ(raft_->storage_refused(0), 0u);
  EXPECT_EQ(raft_->log().last_index(), 3u);
}

}  // namespace
}  // namespace chronik::raft::test
