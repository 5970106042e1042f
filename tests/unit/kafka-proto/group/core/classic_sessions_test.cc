#include "kafka-proto/group/core/classic_sessions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>

namespace chronik::kafka::group {
namespace {

TEST(ClassicSessions, AHeartbeatMovesTheDeadlineAndNotTheWakeUp) {
  ClassicSessions sessions;
  ClassicSessions::Session session;
  const std::string id = "m";
  session.timeout_ms = 10;
  sessions.add(session, id);
  EXPECT_EQ(sessions.next_ms(), ClassicSessions::kNever);
  sessions.start(session, 0);
  for (int64_t now = 1; now < 10; ++now) sessions.start(session, now);
  EXPECT_EQ(sessions.next_ms(), 10);
  EXPECT_EQ(sessions.pop_due(10), nullptr);
  EXPECT_EQ(sessions.next_ms(), 19);
  EXPECT_EQ(sessions.pop_due(19), &session);
  EXPECT_EQ(session.member_id(), "m");
  EXPECT_EQ(sessions.next_ms(), ClassicSessions::kNever);
}

TEST(ClassicSessions, AShorterTimeoutIsSeenAtOnce) {
  ClassicSessions sessions;
  ClassicSessions::Session session;
  const std::string id = "m";
  sessions.add(session, id);
  sessions.start(session, 0, 300);
  sessions.start(session, 0, 10);
  EXPECT_EQ(sessions.next_ms(), 10);
}

TEST(ClassicSessions, ALateOneBeginsWhenItIsAskedFor) {
  ClassicSessions sessions;
  ClassicSessions::Session session;
  const std::string id = "m";
  session.timeout_ms = 10;
  sessions.add(session, id);
  sessions.start(session, 0);
  sessions.start_later(session);
  EXPECT_LE(sessions.next_ms(), 0);
  EXPECT_EQ(sessions.pop_due(500), nullptr);
  EXPECT_EQ(sessions.next_ms(), 510);
}

// Against deadlines in a list.
TEST(ClassicSessions, NoneIsDueEarlyNorMissed) {
  constexpr int64_t kNever = ClassicSessions::kNever;
  std::mt19937_64 random(3);
  ClassicSessions sessions;
  std::array<ClassicSessions::Session, 20> all;
  std::array<int64_t, 20> deadlines;
  deadlines.fill(kNever);
  const std::string id = "m";
  for (auto& session : all) sessions.add(session, id);
  for (int64_t now = 0; now < 5'000; ++now) {
    const size_t i = random() % all.size();
    switch (random() % 4) {
      case 0:
        sessions.pause(all[i]);
        deadlines[i] = kNever;
        break;
      case 1:
        sessions.remove(all[i]);
        sessions.add(all[i], id);
        deadlines[i] = kNever;
        break;
      default:
        all[i].timeout_ms = static_cast<int32_t>(random() % 100 + 1);
        sessions.start(all[i], now);
        deadlines[i] = now + all[i].timeout_ms;
    }
    ASSERT_LE(sessions.next_ms(), *std::min_element(deadlines.begin(), deadlines.end()));
    while (const ClassicSessions::Session* due = sessions.pop_due(now)) {
      ASSERT_LE(deadlines[due - all.data()], now);
      deadlines[due - all.data()] = kNever;
    }
    ASSERT_GT(*std::min_element(deadlines.begin(), deadlines.end()), now);
  }
}

}  // namespace
}  // namespace chronik::kafka::group
