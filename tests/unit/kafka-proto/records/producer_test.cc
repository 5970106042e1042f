#include <gtest/gtest.h>
#include "kafka-proto/records/producer_state.h"

#include <deque>
#include <random>

#include "records/records_testing.h"

namespace chronik::kafka {
namespace {

using namespace testing;

constexpr int64_t kDay = 86'400'000;

BatchHeader batch_of(int64_t producer, int16_t epoch, int32_t sequence, int32_t count = 1) {
  BatchHeader header;
  header.producer_id = producer;
  header.producer_epoch = epoch;
  header.base_sequence = sequence;
  header.record_count = count;
  header.last_offset_delta = count - 1;
  header.max_timestamp = kNow + sequence;
  return header;
}

// A leader's log, as far as producers see it.
struct Log {
  ProducerStates states;
  uint64_t next_index = 1;
  int64_t next_offset = 0;
  struct Entry {
    uint64_t index;
    int64_t offset;
    BatchHeader header;
  };
  std::deque<Entry> tail;

  // "ok", "dup <offset> <index>", "gap" or "fenced"; what is ok is appended.
  std::string send(const BatchHeader& header) {
    const auto verdict = states.check(header);
    if (!verdict) return verdict.error().error == ErrorCode::kInvalidProducerEpoch ? "fenced" : "gap";
    if (*verdict)
      return "dup " + std::to_string((*verdict)->base_offset) + " " + std::to_string((*verdict)->index);
    states.placed(next_index, next_offset, header);
    tail.push_back({next_index++, next_offset, header});
    next_offset += header.record_count;
    return "ok";
  }
  void commit(size_t n = 1) {
    for (; n > 0 && !tail.empty(); --n) {
      states.applied(tail.front().index, tail.front().offset, tail.front().header);
      tail.pop_front();
    }
  }
  void truncate(uint64_t from) {
    states.truncated(from);
    while (!tail.empty() && tail.back().index >= from) {
      next_index = tail.back().index;
      next_offset = tail.back().offset;
      tail.pop_back();
    }
  }
  std::vector<uint8_t> saved() const {
    std::vector<uint8_t> out;
    states.save(out);
    return out;
  }
};

TEST(Producers, WithoutAnIdEverythingPasses) {
  Log log;
  EXPECT_EQ(log.send(batch_of(-1, -1, -1)), "ok");
  EXPECT_EQ(log.send(batch_of(-1, 0, 0)), "ok");
  EXPECT_EQ(log.send(batch_of(-1, 0, 0)), "ok");
  log.commit(3);
  EXPECT_EQ(log.states.size(), 0u);
}

TEST(Producers, KnowTheLastFiveBatches) {
  Log log;
  EXPECT_EQ(log.send(batch_of(1, 0, 7)), "ok");  // unknown: any first sequence
  EXPECT_EQ(log.send(batch_of(1, 0, 8, 3)), "ok");
  log.commit(2);
  EXPECT_EQ(log.send(batch_of(1, 0, 8, 3)), "dup 1 0");
  EXPECT_EQ(log.send(batch_of(1, 0, 7)), "dup 0 0");
  EXPECT_EQ(log.send(batch_of(1, 0, 12)), "gap");
  EXPECT_EQ(log.send(batch_of(1, 0, 8, 1)), "gap") << "a part of a batch is no duplicate";
  for (int32_t sequence = 11; sequence <= 16; ++sequence) EXPECT_EQ(log.send(batch_of(1, 0, sequence)), "ok");
  log.commit(6);
  EXPECT_EQ(log.send(batch_of(1, 0, 11)), "gap") << "six batches ago";
  EXPECT_EQ(log.send(batch_of(1, 0, 12)), "dup 5 0");
}

TEST(Producers, EpochsRiseAndStartAtZero) {
  Log log;
  EXPECT_EQ(log.send(batch_of(1, 3, 0)), "ok");
  EXPECT_EQ(log.send(batch_of(1, 2, 1)), "fenced");
  EXPECT_EQ(log.send(batch_of(1, 4, 1)), "gap");
  EXPECT_EQ(log.send(batch_of(1, 4, 0)), "ok");
  EXPECT_EQ(log.send(batch_of(1, 3, 0)), "fenced");
  log.commit(2);
  EXPECT_EQ(log.send(batch_of(1, 3, 1)), "fenced");
  EXPECT_EQ(log.send(batch_of(1, 4, 0)), "dup 1 0");
  EXPECT_EQ(log.send(batch_of(1, 4, 1)), "ok");
}

TEST(Producers, SequencesWrap) {
  Log log;
  EXPECT_EQ(log.send(batch_of(1, 0, 2147483646, 2)), "ok");
  EXPECT_EQ(log.send(batch_of(1, 0, 0)), "ok");
  EXPECT_EQ(log.send(batch_of(2, 0, 2147483646, 4)), "ok");
  EXPECT_EQ(log.send(batch_of(2, 0, 3)), "gap");
  EXPECT_EQ(log.send(batch_of(2, 0, 2)), "ok");
  EXPECT_EQ(log.send(batch_of(2, 0, 2147483646, 4)), "dup 3 3");
}

TEST(Producers, TellWhetherBatchesBeforeOneAreMissing) {
  Log log;
  EXPECT_EQ(log.send(batch_of(7, 0, INT32_MAX - 1, 2)), "ok");  // 0 comes next
  const auto is_ahead = [&](int16_t epoch, int32_t sequence) {
    const auto verdict = log.states.check(batch_of(7, epoch, sequence));
    return !verdict && verdict.error().ahead;
  };
  EXPECT_TRUE(is_ahead(0, 3));
  EXPECT_FALSE(is_ahead(0, INT32_MAX - 9));
  EXPECT_TRUE(is_ahead(1, 3));
}

TEST(Producers, ARetryInFlightFindsTheOriginal) {
  Log log;
  EXPECT_EQ(log.send(batch_of(1, 0, 0)), "ok");
  EXPECT_EQ(log.send(batch_of(1, 0, 1)), "ok");
  EXPECT_EQ(log.send(batch_of(1, 0, 0)), "dup 0 1");
  EXPECT_EQ(log.send(batch_of(1, 0, 1)), "dup 1 2");
  log.commit(1);
  EXPECT_EQ(log.send(batch_of(1, 0, 0)), "dup 0 0");
  EXPECT_EQ(log.send(batch_of(1, 0, 1)), "dup 1 2");
}

TEST(Producers, TruncationRollsBack) {
  Log log;
  EXPECT_EQ(log.send(batch_of(1, 0, 0)), "ok");
  log.commit(1);
  EXPECT_EQ(log.send(batch_of(1, 0, 1)), "ok");
  EXPECT_EQ(log.send(batch_of(1, 1, 0)), "ok");
  EXPECT_EQ(log.send(batch_of(2, 0, 0)), "ok");
  log.truncate(3);
  EXPECT_EQ(log.states.size(), 1u);
  EXPECT_EQ(log.send(batch_of(1, 0, 1)), "dup 1 2");
  log.truncate(2);
  EXPECT_EQ(log.send(batch_of(1, 0, 2)), "gap");
  EXPECT_EQ(log.send(batch_of(1, 0, 1)), "ok");
}

TEST(Producers, FollowersReachTheSameState) {
  Log leader;
  ProducerStates follower;
  std::mt19937 random(5);
  std::array<int32_t, 4> next{};
  for (int i = 0; i < 300; ++i) {
    const auto producer = static_cast<size_t>(random() % 4);
    const auto count = static_cast<int32_t>(1 + random() % 3);
    ASSERT_EQ(leader.send(batch_of(static_cast<int64_t>(producer), 0, next[producer], count)), "ok");
    next[producer] += count;
    if (random() % 3 == 0 && leader.tail.size() > 2) {
      for (auto dropped = leader.tail.end() - 2; dropped != leader.tail.end(); ++dropped)
        next[static_cast<size_t>(dropped->header.producer_id)] -= dropped->header.record_count;
      leader.truncate((leader.tail.end() - 2)->index);
    }
    if (random() % 2 == 0 && !leader.tail.empty()) {
      follower.applied(leader.tail.front().index, leader.tail.front().offset, leader.tail.front().header);
      leader.commit(1);
    }
    std::vector<uint8_t> theirs;
    follower.save(theirs);
    ASSERT_EQ(theirs, leader.saved());
  }
  EXPECT_EQ(follower.size(), 4u);
}

TEST(Producers, ExpireByTheTimeOfEntries) {
  Log log;
  EXPECT_EQ(log.send(batch_of(1, 0, 0)), "ok");
  log.commit();
  log.states.expire(kNow, kDay);
  EXPECT_EQ(log.send(batch_of(2, 0, 0)), "ok");
  log.commit();
  log.states.expire(kNow + kDay - 1, kDay);
  EXPECT_EQ(log.states.size(), 2u);
  log.states.expire(kNow + kDay, kDay);
  EXPECT_EQ(log.states.size(), 1u);
  EXPECT_EQ(log.send(batch_of(1, 0, 41)), "ok") << "forgotten: any sequence";
  log.states.expire(kNow + 3 * kDay, kDay);
  EXPECT_EQ(log.send(batch_of(1, 0, 41)), "dup 2 3") << "in flight, so it stays";
}

TEST(Producers, TheLongestIdleGoEarlyWhereThereAreTooMany) {
  Log log;
  constexpr int64_t kMinute = 60'000;
  for (int64_t minute = 0; minute < 10; ++minute) {
    for (int64_t i = 0; i < 10; ++i) EXPECT_EQ(log.send(batch_of(10 * minute + i + 1, 0, 0)), "ok");
    log.commit(10);
    log.states.expire(kNow + minute * kMinute, kDay);
  }
  const int64_t later = kNow + 10 * kMinute;
  EXPECT_FALSE(log.states.shorter_expiration(later, 100).has_value());
  EXPECT_EQ(log.states.shorter_expiration(later, 99), 10 * kMinute);  // those that came at once go at once
  EXPECT_EQ(log.states.shorter_expiration(later, 55), 6 * kMinute);
  log.states.expire(later, *log.states.shorter_expiration(later, 55));
  EXPECT_EQ(log.states.size(), 50u);
  EXPECT_EQ(log.send(batch_of(1, 0, 41)), "ok") << "forgotten: any sequence";
  // Who had a batch since the last time stays, however many those are.
  EXPECT_EQ(log.send(batch_of(100, 0, 1)), "ok");
  log.commit(2);
  log.states.expire(later, *log.states.shorter_expiration(later, 0));
  EXPECT_EQ(log.states.size(), 2u);
}

TEST(Producers, ExpiryIsTheSameOnFollowersWithABatchInFlight) {
  Log log;
  EXPECT_EQ(log.send(batch_of(1, 0, 0)), "ok");
  log.commit();
  Result<ProducerStates> loaded = ProducerStates::load(log.saved());
  ASSERT_TRUE(loaded);
  ProducerStates& follower = *loaded;
  EXPECT_EQ(log.send(batch_of(1, 0, 1)), "ok");
  for (ProducerStates* states : {&log.states, &follower}) {
    states->expire(kNow, kDay);
    states->expire(kNow + kDay, kDay);
  }
  std::vector<uint8_t> theirs;
  follower.save(theirs);
  EXPECT_EQ(log.saved(), theirs);
  EXPECT_EQ(log.send(batch_of(1, 0, 1)), "dup 1 2");
  EXPECT_EQ(log.send(batch_of(1, 0, 2)), "ok");
  log.truncate(2);
  EXPECT_EQ(log.states.size(), 0u);
}

TEST(Producers, SnapshotsRoundTrip) {
  Log log;
  for (int64_t producer = 20; producer > 0; --producer)
    for (int32_t sequence = 0; sequence < producer % 8; ++sequence) {
      EXPECT_EQ(log.send(batch_of(producer, 2, sequence)), "ok");
      log.commit();
    }
  log.states.expire(kNow, kDay);
  EXPECT_EQ(log.send(batch_of(99, 0, 0)), "ok");  // not applied: not in it
  const auto bytes = log.saved();
  const auto loaded = ProducerStates::load(bytes);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  std::vector<uint8_t> again;
  loaded->save(again);
  EXPECT_EQ(again, bytes);
  EXPECT_EQ(loaded->check(batch_of(7, 2, 6)).value()->index, 0u);
  EXPECT_FALSE(loaded->check(batch_of(7, 2, 8)).has_value());
  std::vector<int64_t> ids;
  loaded->for_each([&](const ProducerStates::Producer& producer) {
    ids.push_back(producer.id);
    EXPECT_EQ(producer.last_sequence, producer.id % 8 - 1);
    EXPECT_EQ(producer.epoch, 2);
  });
  EXPECT_EQ(ids.size(), 18u);
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
}

TEST(Producers, DamagedSnapshotsAreRefused) {
  Log log;
  for (int64_t producer = 0; producer < 3; ++producer) EXPECT_EQ(log.send(batch_of(producer, 0, 0)), "ok");
  log.commit(3);
  const auto bytes = log.saved();
  for (size_t n = 0; n < bytes.size(); ++n)
    EXPECT_EQ(ProducerStates::load(Bytes(bytes).first(n)).error().code, Code::kCorrupt) << n;
  EXPECT_FALSE(ProducerStates::load(joined(bytes, bytes_of("x"))).has_value());
  auto newer = bytes;
  newer[1] = uint8_t{2};
  EXPECT_EQ(ProducerStates::load(newer).error().code, Code::kUnsupported);
  auto many = bytes;
  store_be<uint32_t>(many.data() + 2, 0xffffffff);
  EXPECT_EQ(ProducerStates::load(many).error().code, Code::kCorrupt);
  std::mt19937 random(31);
  for (int i = 0; i < 2000; ++i) {
    auto damaged = bytes;
    damaged[random() % damaged.size()] ^= static_cast<uint8_t>(1 + random() % 255);
    auto loaded = ProducerStates::load(damaged);
    if (loaded) {
      loaded->expire(kNow, kDay);
      (void)loaded->check(batch_of(1, 0, 1));
    }
  }
}

}  // namespace
}  // namespace chronik::kafka
