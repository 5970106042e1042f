// What the scripts do not show: answers that wait, writes that fail, what is allocated.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kafka-proto/group/core/consumer_commit.h"
#include "kafka-proto/group/core/consumer_describe.h"
#include "unit/kafka-proto/coordinator/allocations.h"
#include "unit/kafka-proto/group/core/consumer_testing.h"

namespace chronik::kafka::group::test {
namespace {

class Consumers : public ::testing::Test {
 protected:
  Consumers() { harness_.topics.add("t6", 6); }

  using Answer = std::shared_ptr<std::optional<ConsumerHeartbeatResult>>;

  Answer ask(ConsumerHeartbeatRequest request, Outcome& out) {
    auto answer = std::make_shared<std::optional<ConsumerHeartbeatResult>>();
    harness_.group->heartbeat(
        harness_.context(), std::move(request),
        [answer](ConsumerHeartbeatResult result) { *answer = std::move(result); }, out);
    return answer;
  }

  Answer ask(ConsumerHeartbeatRequest request) {
    Outcome out;
    Answer answer = ask(std::move(request), out);
    harness_.finish(out);
    return answer;
  }

  ConsumerHarness harness_;
};

// ---- waiting for a target ----

TEST_F(Consumers, AJoinWaitsForTheFirstTarget) {
  harness_.runs_steps = false;
  const Answer answer = ask(join("A", {"t6"}));
  EXPECT_FALSE(*answer);
  harness_.run_steps();
  ASSERT_TRUE(*answer);
  EXPECT_EQ(describe(*(*answer)->assignment, harness_.topics), "t6:0-5");
}

TEST_F(Consumers, WhoComesWhileATargetIsMadeDoesNotWait) {
  harness_.runs_steps = false;
  const Answer a = ask(join("A", {"t6"}));
  auto input = harness_.group->begin_assignment(harness_.context());
  ASSERT_TRUE(input);
  const Answer b = ask(join("B", {"t6"}));
  ASSERT_TRUE(*b);
  EXPECT_EQ((*b)->epoch, 1);
  EXPECT_FALSE(harness_.group->begin_assignment(harness_.context()));
  Outcome out;
  harness_.group->finish_assignment(harness_.context(), *input, *harness_.assignor.assign(*input), out);
  harness_.finish(out);
  ASSERT_TRUE(*a);
  EXPECT_EQ((*a)->epoch, 2);
  harness_.runs_steps = true;
  harness_.tick(1'000);
  EXPECT_EQ(harness_.state.target_epoch().epoch, 3);
}

TEST_F(Consumers, AMemberThatAsksTwiceIsAnsweredTwice) {
  harness_.runs_steps = false;
  const Answer first = ask(join("A", {"t6"}));
  const Answer second = ask(join("A", {"t6"}));
  harness_.run_steps();
  ASSERT_TRUE(*first && *second);
  EXPECT_EQ((*first)->epoch, 2);
  EXPECT_EQ((*second)->epoch, 2);
  EXPECT_TRUE((*second)->assignment);
}

TEST_F(Consumers, WhoWaitsIsToldThatTheAssignorFailed) {
  harness_.runs_steps = false;
  for (const bool nonsense : {false, true}) {
    const Answer answer = ask(join("A", {"t6"}));
    const auto input = harness_.group->begin_assignment(harness_.context());
    ASSERT_TRUE(input);
    Outcome out;
    harness_.group->finish_assignment(harness_.context(), *input,
                                      nonsense ? std::optional(AssignmentOwners(6, 17)) : std::nullopt, out);
    EXPECT_TRUE(out.records.empty());
    ASSERT_TRUE(*answer);
    EXPECT_EQ((*answer)->error, ErrorCode::kUnknownServerError);
    EXPECT_FALSE(harness_.group->begin_assignment(harness_.context()));
    harness_.now.monotonic_ms = harness_.group->next_deadline_ms(harness_.context());
  }
  harness_.run_steps();
  EXPECT_EQ(harness_.state.target_epoch().epoch, 2);
}

TEST_F(Consumers, WhoWaitsIsToldThatLeadershipIsOver) {
  harness_.runs_steps = false;
  const Answer waits = ask(join("A", {"t6"}));
  Outcome out;
  const Answer is_written = ask(join("B", {"t6"}), out);
  harness_.group.reset();
  ASSERT_TRUE(*waits);
  EXPECT_EQ((*waits)->error, ErrorCode::kNotCoordinator);
  for (const Outcome::Finish& finish : out.finish) finish(ErrorCode::kNone);
  ASSERT_TRUE(*is_written);
  EXPECT_EQ((*is_written)->error, ErrorCode::kNotCoordinator);
}

TEST_F(Consumers, WhoIsFencedWaitsForNothing) {
  harness_.runs_steps = false;
  const Answer answer = ask(join("A", {"t6"}));
  ask(alive("A", kLeaveEpoch));
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->error, ErrorCode::kUnknownMemberId);
}

TEST_F(Consumers, AStaticMemberThatIsReplacedWhileATargetIsMadeGetsIt) {
  harness_.runs_steps = false;
  ConsumerHeartbeatRequest request = join("A", {"t6"});
  request.instance_id = "i";
  ask(request);
  const auto input = harness_.group->begin_assignment(harness_.context());
  ASSERT_TRUE(input);
  ConsumerHeartbeatRequest away = alive("A", kStaticLeaveEpoch);
  away.instance_id = "i";
  ask(away);
  request.member_id = "B";
  ask(request);
  Outcome out;
  harness_.group->finish_assignment(harness_.context(), *input, *harness_.assignor.assign(*input), out);
  harness_.finish(out);
  ASSERT_NE(harness_.state.find_member("B"), nullptr);
  EXPECT_EQ(describe(harness_.state.find_member("B")->target, harness_.topics), "t6:0-5");
}

// ---- writes that fail ----

TEST_F(Consumers, AWriteThatFailsHasChangedNothing) {
  Outcome out;
  const Answer answer = ask(join("A", {"t6"}), out);
  harness_.finish(out, ErrorCode::kNotCoordinator);
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->error, ErrorCode::kNotCoordinator);
  EXPECT_TRUE(harness_.state.members().empty());
  EXPECT_EQ((*ask(join("A", {"t6"})))->epoch, 2);
}

TEST_F(Consumers, AnExpiryThatIsNotWrittenIsTriedAgain) {
  ask(join("A", {"t6"}));
  harness_.now.monotonic_ms += 45'000;
  Outcome out;
  harness_.group->expire(harness_.context(), out);
  EXPECT_FALSE(out.records.empty());
  harness_.finish(out, ErrorCode::kNotCoordinator);
  EXPECT_NE(harness_.state.find_member("A"), nullptr);
  harness_.tick(45'000);
  EXPECT_EQ(harness_.state.find_member("A"), nullptr);
}

// ---- topics ----

TEST_F(Consumers, TopicsThatChangeAreNoticedWithoutAHeartbeat) {
  ask(join("A", {"t6"}));
  Outcome out;
  harness_.group->refresh_topics(harness_.context(), out);
  EXPECT_TRUE(out.records.empty());
  harness_.topics.add("other", 1);
  harness_.group->refresh_topics(harness_.context(), out);
  EXPECT_TRUE(out.records.empty());
  harness_.topics.add("t6", 7);
  harness_.group->refresh_topics(harness_.context(), out);
  EXPECT_EQ(out.records.size(), 1u);
  EXPECT_TRUE(harness_.state.is_subscribed("t6"));
  EXPECT_FALSE(harness_.state.is_subscribed("other"));
}

TEST_F(Consumers, ASecondLeaderFindsTheSameHash) {
  ask(join("A", {"t6"}));
  harness_.new_leader();
  harness_.written.clear();
  EXPECT_EQ((*ask(alive("A", 2)))->epoch, 2);
  EXPECT_TRUE(harness_.written.empty());
}

TEST_F(Consumers, ASnapshotIsTheSameState) {
  ask(join("A", {"t6"}));
  ConsumerHeartbeatRequest request = join("B", {});
  request.topic_regex = "t.*";
  request.instance_id = "i";
  ask(request);
  harness_.tick(1'000);
  ask(alive("A", 2));
  std::vector<std::string> before, after;
  ConsumerState copy;
  const size_t count = harness_.state.each_record("g", [&](const Record& record) {
    before.push_back(describe(record, harness_.topics));
    std::visit(
        [&](const auto& one) {
          if constexpr (requires { copy.apply(one); }) copy.apply(one);
        },
        record);
  });
  EXPECT_EQ(count, before.size());
  copy.each_record("g", [&](const Record& record) { after.push_back(describe(record, harness_.topics)); });
  EXPECT_EQ(before, after);
  EXPECT_TRUE(copy.is_taken(topic_id(1), 5));
  EXPECT_EQ(copy.static_member("i")->first, "B");
  EXPECT_EQ(copy.members_of_regex("t.*"), 1);
}

TEST_F(Consumers, TombstonesLeaveNothing) {
  ask(join("A", {"t6"}));
  ConsumerHeartbeatRequest request = join("B", {});
  request.topic_regex = "t.*";
  ask(request);
  std::vector<Record> records;
  harness_.state.remove_all("g", records);
  for (const Record& record : records)
    std::visit(
        [&](const auto& one) {
          if constexpr (requires { harness_.state.apply(one); }) harness_.state.apply(one);
        },
        record);
  EXPECT_TRUE(harness_.state.is_gone());
  EXPECT_TRUE(harness_.state.members().empty());
  EXPECT_TRUE(harness_.state.topics().empty());
  EXPECT_FALSE(harness_.state.is_taken(topic_id(1), 0));
}

// ---- commits ----

TEST_F(Consumers, AnOldEpochCommitsWhatItHadByThen) {
  const chr_uuid t6 = topic_id(1);
  ask(join("A", {"t6"}));
  ask(join("B", {"t6"}));
  harness_.tick(1'000);
  ask(alive("A", 2));
  ConsumerHeartbeatRequest revoked = alive("A", 2);
  revoked.owned = parse_partitions("t6:0-2", harness_.topics);
  EXPECT_EQ((*ask(revoked))->epoch, 3);
  ask(alive("B", 2));
  EXPECT_EQ((*ask(alive("B", 3)))->epoch, 3);
  const auto check = [&](std::string member, int32_t epoch, int32_t partition) {
    const CommitCheck commit(harness_.state, {member, std::nullopt, epoch}, {});
    return commit.error() != ErrorCode::kNone ? commit.error() : commit.check(t6, partition);
  };
  EXPECT_EQ(check("A", 3, 0), ErrorCode::kNone);
  EXPECT_EQ(check("A", 2, 0), ErrorCode::kNone);
  EXPECT_EQ(check("A", 2, 3), ErrorCode::kStaleMemberEpoch);
  EXPECT_EQ(check("A", 1, 0), ErrorCode::kStaleMemberEpoch);
  EXPECT_EQ(check("A", 4, 0), ErrorCode::kStaleMemberEpoch);
  EXPECT_EQ(check("B", 2, 3), ErrorCode::kStaleMemberEpoch);
  EXPECT_EQ(check("B", 3, 3), ErrorCode::kNone);
  EXPECT_EQ(check("Z", 3, 3), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(check("", -1, 3), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(CommitCheck(harness_.state, {"A", std::nullopt, 3}, {.old_version = true}).error(),
            ErrorCode::kUnsupportedVersion);
  EXPECT_EQ(CommitCheck(harness_.state, {"", std::nullopt, -1}, {.transactional = true}).error(),
            ErrorCode::kNone);
  EXPECT_EQ(CommitCheck(ConsumerState(), {"", std::nullopt, -1}, {}).error(), ErrorCode::kNone);
  EXPECT_EQ(check_fetch(harness_.state, "", -1), ErrorCode::kNone);
  EXPECT_EQ(check_fetch(harness_.state, "A", 3), ErrorCode::kNone);
  EXPECT_EQ(check_fetch(harness_.state, "A", 2), ErrorCode::kStaleMemberEpoch);
  EXPECT_EQ(check_fetch(harness_.state, "Z", 2), ErrorCode::kUnknownMemberId);
}

TEST_F(Consumers, PhasesGoFromEmptyToStable) {
  EXPECT_EQ(name_of(phase(harness_.state)), "Empty");
  ask(join("A", {"t6"}));
  EXPECT_EQ(name_of(phase(harness_.state)), "Stable");
  ask(join("B", {"t6"}));
  EXPECT_EQ(name_of(phase(harness_.state)), "Assigning");
  harness_.tick(1'000);
  EXPECT_EQ(name_of(phase(harness_.state)), "Reconciling");
}

// ---- assignors ----

TEST_F(Consumers, TheMembersChooseTheAssignor) {
  const auto assignor_of = [&](const std::vector<std::string>& wishes) {
    ConsumerHarness harness;
    harness.config.assignment_interval_ms = 0;
    for (size_t i = 0; i < wishes.size(); ++i) {
      ConsumerHeartbeatRequest request = join(fmt::format("m{}", i), {"t6"});
      if (!wishes[i].empty()) request.assignor = wishes[i];
      harness.heartbeat(request);
    }
    return preferred_assignor(harness.context());
  };
  EXPECT_EQ(assignor_of({"", ""}), "uniform");
  EXPECT_EQ(assignor_of({"", "", "range"}), "range");
  EXPECT_EQ(assignor_of({"uniform", "range"}), "uniform");
  EXPECT_EQ(assignor_of({"uniform", "range", "range"}), "range");
}

TEST_F(Consumers, AssignorsAreToldOfRacks) {
  harness_.topics.add("t2", 2);
  harness_.topics.set_racks("t2", {"r1", "r2"});
  harness_.runs_steps = false;
  ConsumerHeartbeatRequest request = join("A", {"t2"});
  request.rack_id = "r2";
  ask(request);
  const auto input = harness_.group->begin_assignment(harness_.context());
  ASSERT_TRUE(input);
  EXPECT_EQ(input->racks, (std::vector<std::string>{"r2", "r1"}));
  EXPECT_EQ(input->members.at(0).rack, 0u);
  EXPECT_EQ(input->rack_ends, (std::vector<uint32_t>{1, 2}));
  EXPECT_EQ(input->replica_racks, (std::vector<uint32_t>{1, 0}));
}

// ---- cost ----

TEST_F(Consumers, AHeartbeatThatChangesNothingAllocatesOnlyItsAnswer) {
  harness_.config.assignment_interval_ms = 0;
  harness_.topics.add("big", 10'000);
  harness_.runs_steps = false;
  for (int i = 0; i < 1'000; ++i) ask(join(fmt::format("member-{:04}", i), {"big"}));
  harness_.run_steps();
  const int32_t epoch = harness_.state.epoch();
  ASSERT_EQ((*ask(alive("member-0500", epoch)))->epoch, epoch);
  const ConsumerHeartbeatRequest request = alive("member-0500", epoch);
  const ConsumerContext context = harness_.context();
  ASSERT_TRUE(harness_.group->changes_nothing(context, request));
  const auto count = [&](auto&& work) {
    const size_t before = chronik::testing::allocations();
    work();
    return chronik::testing::allocations() - before;
  };
  EXPECT_EQ(count([&] { EXPECT_TRUE(harness_.group->changes_nothing(context, request)); }), 0u);
  int answers = 0;
  const Reply<ConsumerHeartbeatResult> reply = [&answers](const ConsumerHeartbeatResult&) { ++answers; };
  const size_t once = count([&] {
    Outcome out;
    harness_.group->heartbeat(context, request, reply, out);
    for (const Outcome::Finish& finish : out.finish) finish(ErrorCode::kNone);
  });
  EXPECT_EQ(answers, 1);
  EXPECT_LE(once, 5u);  // the request's and the answer's strings, and what holds the answer until it runs
}

}  // namespace
}  // namespace chronik::kafka::group::test
