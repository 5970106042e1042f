// The checker finds what it is there for: one planted anomaly of each kind in an otherwise clean history.
#include "history.hpp"

#include <gtest/gtest.h>

#include <random>

namespace chronik::history {
namespace {

// Two producers and a consumer on one partition, all in order; what a test changes, it changes before
// `check`.
struct Clients {
  struct Entry {
    int producer;
    int sequence;
    int offset;  // as acknowledged
    int64_t invoked;
    int64_t acknowledged;
  };
  struct Place {
    int offset;
    int producer;
    int sequence;
  };
  std::vector<Entry> entries;
  std::vector<Place> log, read;

  explicit Clients(int count = 100, uint64_t seed = 1) {
    std::mt19937_64 random(seed);
    int next[2] = {0, 0};
    for (int offset = 0; offset < count; ++offset) {
      const int producer = static_cast<int>(random() % 2);
      entries.push_back({producer, next[producer], offset, offset * 10, offset * 10 + 5});
      log.push_back({offset, producer, next[producer]++});
    }
    read = log;
  }

  Report check() const {
    History history;
    const auto add = [&history](char kind, std::initializer_list<int64_t> fields) {
      std::string line(1, kind);
      for (const int64_t field : fields) line += " " + std::to_string(field);
      EXPECT_TRUE(history.add(line)) << line;
    };
    for (const Entry& e : entries) {
      if (e.invoked >= 0) add('i', {e.producer, 3, e.sequence, e.invoked});
      if (e.acknowledged >= 0) add('a', {e.producer, 3, e.sequence, e.offset, e.acknowledged});
    }
    for (const Place& p : read) add('r', {9, 3, p.offset, p.producer, p.sequence, 0});
    for (const Place& p : log) add('d', {3, p.offset, p.producer, p.sequence});
    return history.check();
  }
};

// Only this kind, and so often.
void expect_only(const Report& report, Anomaly anomaly, uint64_t n) {
  for (size_t i = 0; i < report.counts.size(); ++i)
    EXPECT_EQ(report.counts[i], i == static_cast<size_t>(anomaly) ? n : 0)
        << name_of(static_cast<Anomaly>(i));
  EXPECT_EQ(report.anomalies(), n);
  EXPECT_EQ(report.examples.size(), std::min<uint64_t>(n, 5));
}

TEST(History, CleanOnesAreClean) {
  for (uint64_t seed = 1; seed < 20; ++seed) {
    const Report report = Clients(200, seed).check();
    EXPECT_EQ(report.anomalies(), 0u) << "seed " << seed << ": " << report.examples.front();
    EXPECT_EQ(report.sent, 200u);
    EXPECT_EQ(report.acknowledged, 200u);
    EXPECT_EQ(report.read, 200u);
    EXPECT_EQ(report.in_log, 200u);
  }
}

TEST(History, WhatWasNotAcknowledgedMayBeThereOrNot) {
  Clients c;
  c.entries[10].acknowledged = -1;
  c.entries.push_back({0, 1000, -1, 5000, -1});
  EXPECT_EQ(c.check().anomalies(), 0u);
}

TEST(History, AnAcknowledgementWithoutAnOffsetSaysNothingOfThePlace) {
  Clients c;
  c.entries[10].offset = -1;
  EXPECT_EQ(c.check().anomalies(), 0u);
}

TEST(History, ALogWhoseStartHasMovedIsStillChecked) {
  Clients c;
  for (auto* list : {&c.log, &c.read})
    for (auto& place : *list) place.offset += 1000;
  for (auto& entry : c.entries) entry.offset += 1000;
  EXPECT_EQ(c.check().anomalies(), 0u);
  c.entries[7].offset += 1;
  expect_only(c.check(), Anomaly::kRebound, 1);
}

TEST(History, FindsALostRecordAtTheEnd) {
  Clients c;
  c.log.pop_back();
  c.read.pop_back();
  expect_only(c.check(), Anomaly::kLost, 1);
}

TEST(History, FindsALostRecordWhosePlaceAnotherTook) {
  Clients c;
  c.log.erase(c.log.begin() + 50);
  for (size_t i = 50; i < c.log.size(); ++i) --c.log[i].offset;
  c.read = c.log;
  const Report report = c.check();
  EXPECT_EQ(report.count(Anomaly::kLost), 1u);
  EXPECT_EQ(report.count(Anomaly::kRebound), 49u);  // the last offset is none any more
}

TEST(History, FindsADuplicate) {
  Clients c;
  c.log.push_back({100, c.log[98].producer, c.log[98].sequence});
  c.read = c.log;
  Report report = c.check();
  EXPECT_EQ(report.count(Anomaly::kDuplicated), 1u);
}

TEST(History, FindsRecordsOfAProducerOutOfOrder) {
  Clients c(10);
  c.entries.clear();
  c.log.clear();
  for (int i = 0; i < 10; ++i)
    c.entries.push_back({0, i, i, 0, 1000});  // sent at once: only the producer's order holds
  for (int i = 0; i < 10; ++i) c.log.push_back({i, 0, i});
  std::swap(c.log[4].sequence, c.log[5].sequence);
  std::swap(c.entries[4].offset, c.entries[5].offset);
  c.read = c.log;
  expect_only(c.check(), Anomaly::kReordered, 1);
}

TEST(History, FindsAnAcknowledgedOffsetThatShowsAnotherRecord) {
  Clients c;
  c.entries[20].offset = 21;
  expect_only(c.check(), Anomaly::kRebound, 1);
}

TEST(History, FindsAnOffsetThatShowedAConsumerAnotherRecord) {
  Clients c;
  c.read[30].sequence += 1;
  expect_only(c.check(), Anomaly::kRebound, 1);
}

TEST(History, FindsWhatAConsumerReadAndIsGone) {
  Clients c;
  c.read.push_back({100, 0, 7});
  expect_only(c.check(), Anomaly::kVanished, 1);
}

TEST(History, FindsARecordThatNobodySent) {
  Clients c;
  c.entries[40].invoked = c.entries[40].acknowledged = -1;
  expect_only(c.check(), Anomaly::kInvented, 1);
}

TEST(History, FindsARecordInFrontOfAnEarlierOne) {
  Clients c;
  // Of two producers: what is behind was acknowledged before the one in front was sent.
  size_t i = 10;
  while (c.entries[i].producer == c.entries[i + 1].producer) ++i;
  std::swap(c.entries[i].invoked, c.entries[i + 1].invoked);
  std::swap(c.entries[i].acknowledged, c.entries[i + 1].acknowledged);
  expect_only(c.check(), Anomaly::kOvertaken, 1);
}

TEST(History, FindsAHole) {
  Clients c(100);
  for (auto* list : {&c.log, &c.read}) list->back().offset += 1;
  c.entries.back().offset = -1;
  c.read.pop_back();
  expect_only(c.check(), Anomaly::kHole, 1);
}

TEST(History, FindsWhatAConsumerSkippedOrSawAgain) {
  Clients c;
  c.read.erase(c.read.begin() + 60);
  expect_only(c.check(), Anomaly::kSkipped, 1);
  Clients again;
  again.read.insert(again.read.begin() + 60, again.read[60]);
  expect_only(again.check(), Anomaly::kSkipped, 1);
}

TEST(History, FindsAConsumerThatCouldNotGoOn) {
  History history;
  EXPECT_TRUE(history.add("e 9 3 123 Broker: Offset out of range"));
  expect_only(history.check(), Anomaly::kStuck, 1);
}

TEST(History, CountsTheErrorsOfProducers) {
  History history;
  for (const char* line :
       {"f 0 3 1 100 Local: Timed out", "f 0 3 2 100 Local: Timed out", "f 0 3 3 100 Fatal"})
    EXPECT_TRUE(history.add(line));
  const Report report = history.check();
  EXPECT_EQ(report.failed, 3u);
  EXPECT_EQ(report.errors.at("Local: Timed out"), 2u);
  EXPECT_EQ(report.anomalies(), 0u);
}

TEST(History, RefusesLinesThatAreNoEvents) {
  for (const char* line :
       {"", "i", "i 1", "i 1 2 3", "i 1 2 3 4 5", "x 1 2 3 4", "a 1 2 3 4", "a 1 2 x 4 5", "d 1 2 3",
        "d 1 2 3 4 5", "r 1 2 3 4 5", "i 1 2 -3 4", "i 1 2 99999999999 4", "i1 2 3 4", "d 1 -2 3 4"}) {
    History history;
    EXPECT_FALSE(history.add(line)) << line;
  }
}

}  // namespace
}  // namespace chronik::history
