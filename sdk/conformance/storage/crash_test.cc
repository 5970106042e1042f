// Durable stores: every disk image that a power loss may leave, at each sync boundary of a run, must reopen
// with all that was acknowledged and nothing half done. What a start shows after a kill must survive a power
// loss too. And damaged bytes must be noticed, not served.
#include "file_recorder.hpp"
#include "subject.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

namespace chronik::conformance {
namespace {

const std::vector<std::string> kKeys = {"term", "snapshot"};

// A group as it was after each of its writes; [0] is before the first.
struct History {
  std::string name;
  uint64_t id = 0;
  ModelGroup model;
  std::vector<std::string> states = {ModelGroup().digest()};
  std::vector<uint64_t> writes;  // which of all writes made states[i + 1]
};

class StorageCrash : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!Subject::get().is_durable) GTEST_SKIP() << "a volatile store";
  }

  // Runs a random load and keeps what the store wrote in trace_.
  void run_load(uint64_t seed, int rounds) {
    std::mt19937_64 random(seed);
    Disk disk;
    {
      Store store(disk);  // made and started once, so that the trace begins with a whole store
      ASSERT_EQ(store.failure(), "");
    }
    FileRecorder recorder(disk.directory(), Subject::get().stub_syncs);
    Trace& trace = recorder.trace();
    {
      Store store(disk);
      ASSERT_EQ(store.failure(), "");
      for (int i = 0; i < 5; ++i) {
        histories_.push_back({"group-" + std::to_string(i), 0, {}, {ModelGroup().digest()}, {}});
        histories_.back().id = store.group(histories_.back().name);
      }
      store.host().on_complete = [&](const chr_done& done) {
        const auto found = tokens_.find(done.token);
        if (found != tokens_.end() && done.code == CHR_OK) trace.acknowledged(found->second);
      };
      EntryMaker maker(seed);
      for (int round = 0; round < rounds; ++round)
        ASSERT_NO_FATAL_FAILURE(one_round(store, trace, maker, random));
      store.host().run();
      store.crash();
    }
    trace_ = trace;
  }

  void one_round(Store& store, Trace& trace, EntryMaker& maker, std::mt19937_64& random) {
    std::vector<TestWrite> writes;
    const uint64_t first = issued_;
    for (uint64_t n = 1 + random() % 4; n-- > 0;) {
      History& history = histories_[random() % histories_.size()];
      writes.push_back(random_write(history, maker, random));
      history.model.apply(writes.back());
      history.states.push_back(history.model.digest());
      history.writes.push_back(issued_);
      trace.issued(issued_++);
    }
    std::vector<chr_done> done;
    // A write counts as acknowledged when the store says so, not when the loop has come round to tell.
    ASSERT_EQ(store.queue(writes, &done, [&](size_t i, uint64_t token) { tokens_[token] = first + i; }),
              CHR_PENDING);
    store.host().run();
    for (const chr_done& one : done) ASSERT_EQ(outcome_of(one), CHR_OK);
  }

  static TestWrite random_write(const History& history, EntryMaker& maker, std::mt19937_64& random) {
    TestWrite write{history.id, {}};
    const uint64_t last = history.model.last() != nullptr ? history.model.last()->header.index : 0;
    maker.resume(history.model.last());
    const uint64_t bytes = random() % 4 == 0 ? random() % 20'000 : random() % 300;
    switch (random() % 6) {
      case 0:
        return write.put(kKeys[random() % 2], std::string(random() % 5000, 'k') + std::to_string(random()));
      case 1:
        if (last > 4) return write.trim(last - 2);
        [[fallthrough]];
      case 2: {
        if (last < 2) return write.append(maker.batch(2, bytes));
        const auto before = history.model.entries.find(last - 1);
        maker.resume(before == history.model.entries.end() ? nullptr : &before->second);
        if (before == history.model.entries.end()) maker.skip_indexes(last - 1);
        return write.truncate(last).append(maker.batch(2, bytes)).put(kKeys[0], std::to_string(random()));
      }
      default:
        return write.append(maker.batch(1 + random() % 3, bytes));
    }
  }

  // Whether the store opens on this image with every acknowledged write of the first `end` events.
  ::testing::AssertionResult recovers(const Image& image, size_t end) {
    uint64_t issued = 0;
    std::set<uint64_t> acknowledged;
    for (size_t i = 0; i < end; ++i) {
      if (trace_.events()[i].kind == Trace::Kind::kIssued) issued = trace_.events()[i].at + 1;
      if (trace_.events()[i].kind == Trace::Kind::kAcknowledged) acknowledged.insert(trace_.events()[i].at);
    }
    Disk disk(image);
    Store store(disk);
    if (!store.failure().empty())
      return ::testing::AssertionFailure() << "does not start: " << store.failure_code();
    for (const History& history : histories_) {
      const std::string is = store.content(store.group(history.name), kKeys).digest();
      size_t least = 0;  // of this group's writes, in order, up to the last one that was acknowledged
      size_t most = 0;
      for (size_t k = 0; k < history.writes.size(); ++k) {
        if (acknowledged.contains(history.writes[k])) least = k + 1;
        if (history.writes[k] < issued) most = k + 1;
      }
      bool found = false;
      for (size_t k = least; k <= most; ++k) found |= history.states[k] == is;
      if (!found) {
        return ::testing::AssertionFailure()
               << history.name << " lost acknowledged writes, or has half of one: " << acknowledged.size()
               << " writes were acknowledged";
      }
    }
    return ::testing::AssertionSuccess();
  }

  // What each group holds.
  std::vector<std::string> shown(Store& store) const {
    std::vector<std::string> digests;
    for (const History& history : histories_)
      digests.push_back(store.content(store.group(history.name), kKeys).digest());
    return digests;
  }

  // The process is killed before event `end`, the machine goes on. The next process starts and is asked what
  // is there; then the power fails. Returns what that start showed, and goes on with *trace.
  std::vector<std::string> restart_after_kill(size_t end, Trace* trace) {
    std::mt19937_64 unused;
    *trace = trace_.until(end);
    trace->end_all();
    Disk disk(trace->image(trace->events().size(), Survivors::kAll, unused));
    FileRecorder recorder(disk.directory(), Subject::get().stub_syncs, *trace);
    Store store(disk);
    EXPECT_EQ(store.failure_code(), CHR_OK);
    std::vector<std::string> digests;
    if (store.failure().empty()) digests = shown(store);
    *trace = recorder.trace();  // what the end of the process does is not part of it
    store.crash();
    return digests;
  }

  Trace trace_;
  std::vector<History> histories_;
  uint64_t issued_ = 0;
  std::map<uint64_t, uint64_t> tokens_;  // which write each token belongs to
};

uint64_t crash_seed() {
  const char* text = std::getenv("CHRONIK_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 7;
}

TEST_F(StorageCrash, EveryImageAtEverySyncBoundaryRecovers) {
  const uint64_t seed = crash_seed();
  ASSERT_NO_FATAL_FAILURE(run_load(seed, 50));
  std::mt19937_64 random(seed);
  size_t images = 0;
  for (const size_t end : trace_.boundaries()) {
    using enum Survivors;
    for (const Survivors survivors : {kNone, kAll, kSomeSectors, kSomeSectors}) {
      ++images;
      ASSERT_TRUE(recovers(trace_.image(end, survivors, random), end))
          << "image " << images << ": power lost before event " << end << " of " << trace_.events().size()
          << ", unsynced writes: "
          << (survivors == kNone  ? "lost"
              : survivors == kAll ? "kept"
                                  : "torn")
          << "; replay with CHRONIK_SEED=" << seed;
    }
  }
  std::printf("%zu images at %zu boundaries, %llu writes, seed %llu (CHRONIK_SEED)\n", images,
              trace_.boundaries().size(), static_cast<unsigned long long>(issued_),
              static_cast<unsigned long long>(seed));
  EXPECT_GT(images, 200u) << "the store was not seen to sync: does it write through a memory map?";
}

// Consensus acts at once on what a start shows: it counts those entries as durable and answers with them. So
// a start that finds what a killed process had not synced must sync it, or not show it.
TEST_F(StorageCrash, WhatAStartShowsSurvivesAPowerLoss) {
  const uint64_t seed = crash_seed();
  ASSERT_NO_FATAL_FAILURE(run_load(seed, 40));
  std::mt19937_64 random(seed);
  const std::vector<Trace::Event>& events = trace_.events();
  std::vector<size_t> kills;
  for (size_t end = 1; end <= events.size(); ++end) {
    const Trace::Kind last = events[end - 1].kind;
    if (last != Trace::Kind::kWrite && last != Trace::Kind::kResize) continue;  // nothing new to show
    // A write through O_DSYNC is one call: no kill comes between the two.
    if (end == events.size() || events[end].kind != Trace::Kind::kSyncOne) kills.push_back(end);
  }
  std::ranges::shuffle(kills, random);
  if (kills.size() > 50) kills.resize(50);
  for (const size_t end : kills) {
    Trace trace;
    const std::vector<std::string> before = restart_after_kill(end, &trace);
    for (const Survivors survivors : {Survivors::kNone, Survivors::kSomeSectors}) {
      Disk disk(trace.image(trace.events().size(), survivors, random));
      Store store(disk);
      ASSERT_EQ(store.failure_code(), CHR_OK) << "killed before event " << end;
      ASSERT_TRUE(shown(store) == before)
          << "killed before event " << end << " of " << events.size()
          << ": what the next start showed was lost with the power; replay with CHRONIK_SEED=" << seed;
    }
  }
  std::printf("%zu kills, seed %llu (CHRONIK_SEED)\n", kills.size(), static_cast<unsigned long long>(seed));
  EXPECT_GT(kills.size(), 20u) << "the store was not seen to write: does it write through a memory map?";
}

TEST_F(StorageCrash, DamagedPayloadsAreNotServed) {
  EntryMaker maker(3);
  const auto entries = maker.batch(8, 3000);
  Image image;
  uint64_t id = 0;
  {
    Disk disk;
    {
      Store store(disk);
      id = store.group("g");
      for (const TestEntry& entry : entries)
        ASSERT_EQ(store.write(TestWrite{id, {}}.append({entry}).put("k", entry.payload.substr(0, 600))),
                  CHR_OK);
    }
    image = disk.image();
  }
  std::mt19937_64 random(11);
  for (size_t victim = 0; victim + 1 < entries.size(); ++victim) {
    Image damaged = image;
    size_t flips = 0;
    // Wherever 64 bytes of this payload lie; a copy may lie in unused space too.
    const uint64_t at = 64 * (10 + random() % 30);
    for (auto& [name, content] : damaged) {
      const std::string bytes = entries[victim].payload.substr(at, 64);
      for (size_t found = content.find(bytes); found != std::string::npos;
           found = content.find(bytes, found + 1)) {
        content[found + 32] ^= static_cast<char>(1 << random() % 8);
        ++flips;
      }
    }
    ASSERT_GT(flips, 0u)
        << "the payload is not in the files as it is: this test needs another way to damage it";
    Disk disk(damaged);
    Store store(disk);
    if (!store.failure().empty()) {
      EXPECT_EQ(store.failure_code(), CHR_E_CORRUPT) << store.failure();
      continue;
    }
    chr_storage_read args = store.all_of(store.group("g"));
    for (const TestEntry& entry : entries) {
      args.from = entry.header.index;
      args.max_entries = 1;
      const Got got = store.read(args);
      if (entry.header.index == entries[victim].header.index) {
        EXPECT_EQ(got.code, CHR_E_CORRUPT) << "entry " << entry.header.index << " was served damaged";
      } else {
        ASSERT_EQ(got.code, CHR_OK);
        EXPECT_TRUE(got.entries.at(0).payload == entry.payload);
      }
    }
    args.from = 1;
    args.max_entries = 0;
    EXPECT_EQ(store.read(args).entries.size(), victim) << "whole entries before the damaged one are served";
  }
}

}  // namespace
}  // namespace chronik::conformance
