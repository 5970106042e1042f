// Durable stores: every disk image that a power loss may leave, at each sync boundary of a run, must reopen
// with all that was acknowledged and nothing half done. And damaged bytes must be noticed, not served.
#include "file_recorder.hpp"
#include "subject.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

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
    if (!Subject::get().is_durable()) GTEST_SKIP() << "a volatile store";
  }

  // Runs a random load and keeps what the store wrote in trace_.
  void run_load(uint64_t seed, int rounds) {
    std::mt19937_64 random(seed);
    Disk disk;
    {
      Store store(disk);  // made and started once, so that the trace begins with a whole store
      ASSERT_EQ(store.failure(), "");
    }
    std::optional<FileRecorder> recorder;
    Trace medium_trace(disk.image());
    const bool files = Subject::get().durability == Subject::Durability::kFiles;
    if (files) recorder.emplace(disk.directory(), Subject::get().stub_syncs);
    Trace& trace = files ? recorder->trace() : medium_trace;
    {
      Store store(disk, Store::Settings::kUsual, &trace);
      ASSERT_EQ(store.failure(), "");
      for (int i = 0; i < 5; ++i) {
        histories_.push_back({"group-" + std::to_string(i), 0, {}, {ModelGroup().digest()}, {}});
        histories_.back().id = store.group(histories_.back().name);
      }
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
    ASSERT_EQ(store.queue(writes, &done), CHR_PENDING);
    store.host().run();
    for (size_t i = 0; i < done.size(); ++i) {
      ASSERT_EQ(done[i].code, CHR_OK);
      trace.acknowledged(first + i);
    }
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
    uint64_t acknowledged = 0;  // they come in order here
    for (size_t i = 0; i < end; ++i) {
      if (trace_.events()[i].kind == Trace::Kind::kIssued) issued = trace_.events()[i].at + 1;
      if (trace_.events()[i].kind == Trace::Kind::kAcknowledged) acknowledged = trace_.events()[i].at + 1;
    }
    Disk disk(image);
    Store store(disk);
    if (!store.failure().empty())
      return ::testing::AssertionFailure() << "does not start: " << store.failure();
    for (const History& history : histories_) {
      const std::string is = store.content(store.group(history.name), kKeys).digest();
      const auto count = [&](uint64_t n) {
        return static_cast<size_t>(std::ranges::count_if(history.writes, [n](uint64_t w) { return w < n; }));
      };
      bool found = false;
      for (size_t k = count(acknowledged); k <= count(issued); ++k) found |= history.states[k] == is;
      if (!found) {
        return ::testing::AssertionFailure()
               << history.name << " lost acknowledged writes, or has half of one: " << acknowledged
               << " writes were acknowledged";
      }
    }
    return ::testing::AssertionSuccess();
  }

  Trace trace_;
  std::vector<History> histories_;
  uint64_t issued_ = 0;
};

TEST_F(StorageCrash, EveryImageAtEverySyncBoundaryRecovers) {
  const char* text = std::getenv("CHRONIK_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : 7;
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
        EXPECT_TRUE(got.entries[0].payload == entry.payload);
      }
    }
    args.from = 1;
    args.max_entries = 0;
    EXPECT_EQ(store.read(args).entries.size(), victim) << "whole entries before the damaged one are served";
  }
}

}  // namespace
}  // namespace chronik::conformance
