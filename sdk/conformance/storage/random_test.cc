// Random writes against the reference model, with reopenings; searches against the model's.
#include "subject.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace chronik::conformance {
namespace {

uint64_t seed() {
  const char* text = std::getenv("CHRONIK_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : 20240601;
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  std::printf("seed %llu (CHRONIK_SEED)\n", static_cast<unsigned long long>(seed));
  return seed;
}

const std::vector<std::string> kKeys = {"a", "b", "c"};

// One group's writes as consensus makes them, and what they should have done.
class RandomGroup {
 public:
  RandomGroup(uint64_t id, uint64_t seed) : id_(id), random_(seed), maker_(seed) {}

  TestWrite next() {
    TestWrite write{id_, {}};
    for (uint64_t steps = 1 + random_() % 3; steps-- > 0;) {
      add_step(write);
      model_ = before_;
      model_.apply(write);
    }
    before_ = model_;
    return write;
  }
  uint64_t id() const { return id_; }
  const ModelGroup& model() const { return model_; }

 private:
  void add_step(TestWrite& write) {
    const uint64_t last = model_.last() != nullptr ? model_.last()->header.index : 0;
    const uint64_t first = last != 0 ? model_.entries.begin()->first : 0;
    switch (random_() % 10) {
      case 0:
        write.truncate(first + random_() % (last - first + 2));
        break;
      case 1:
      case 2:
        write.trim(first + random_() % ((last - first) / 2 + 2));
        break;
      case 3:
        write.put(kKeys[random_() % kKeys.size()],
                  std::string(random_() % 3000, 'v') + std::to_string(random_()));
        break;
      case 4:
        write.remove(kKeys[random_() % kKeys.size()]);
        break;
      default:
        maker_.resume(model_.last());
        if (random_() % 4 == 0) maker_.skip_indexes(random_() % 50);
        write.append(some_entries());
        break;
    }
  }
  std::vector<TestEntry> some_entries() {
    std::vector<TestEntry> entries;
    for (uint64_t n = 1 + random_() % 8; n-- > 0;) {
      const uint64_t bytes = random_() % 8 == 0 ? random_() % 30'000 : random_() % 500;
      const auto records = static_cast<uint32_t>(random_() % 4 == 0 ? 0 : 1 + random_() % 5);
      const int64_t far_ahead = random_() % 40 == 0 ? 1'000'000 + static_cast<int64_t>(random_() % 1000) : -2;
      entries.push_back(maker_.next(bytes, records, far_ahead));
    }
    return entries;
  }

  uint64_t id_;
  std::mt19937_64 random_;
  EntryMaker maker_;
  ModelGroup before_;
  ModelGroup model_;
};

void expect_equal(Store& store, const RandomGroup& group) {
  const ModelGroup& model = group.model();
  ASSERT_EQ(store.content(group.id(), kKeys).digest(), model.digest()) << "group " << group.id();
  const chr_storage_bounds bounds = store.bounds(group.id());
  EXPECT_EQ(bounds.entries, model.entries.size());
  EXPECT_EQ(bounds.bytes, model.bytes());
  EXPECT_EQ(bounds.first_index, model.entries.empty() ? 0 : model.entries.begin()->first);
  EXPECT_EQ(bounds.last_index, model.entries.empty() ? 0 : model.last()->header.index);
}

void expect_finds(Store& store, const RandomGroup& group, std::mt19937_64& random) {
  const ModelGroup& model = group.model();
  for (int i = 0; i < 12; ++i) {
    const int32_t by = 1 + static_cast<int32_t>(random() % 3);
    int64_t value = static_cast<int64_t>(random() % 3000);
    if (!model.entries.empty() && random() % 2 == 0) {
      auto at = model.entries.begin();
      std::advance(at, random() % model.entries.size());
      const chr_entry_header& header = at->second.header;
      value = (by == CHR_FIND_OFFSET ? header.base_offset : header.max_timestamp) +
              static_cast<int64_t>(random() % 3) - 1;
    }
    const auto should = model.find(by, value);
    const Got is = store.find(group.id(), by, value);
    ASSERT_EQ(is.code, should ? CHR_OK : CHR_E_NOT_FOUND) << "by " << by << " value " << value;
    if (!should) continue;
    ASSERT_EQ(is.entries.at(0).header.index, should->index) << "by " << by << " value " << value;
  }
}

TEST(StorageRandom, DoesAsTheModel) {
  std::mt19937_64 random(seed());
  Disk disk;
  std::optional<Store> store;
  store.emplace(disk);
  ASSERT_EQ(store->failure(), "");
  std::vector<RandomGroup> groups;
  for (int i = 0; i < 7; ++i) groups.emplace_back(store->group("group-" + std::to_string(i)), random());
  for (int round = 0; round < 300; ++round) {
    std::vector<TestWrite> writes;
    for (uint64_t n = 1 + random() % 12; n-- > 0;) writes.push_back(groups[random() % groups.size()].next());
    std::vector<chr_done> done;
    ASSERT_EQ(store->queue(writes, &done), CHR_PENDING);
    store->host().run();
    for (const chr_done& one : done) ASSERT_EQ(outcome_of(one), CHR_OK) << "round " << round;
    const RandomGroup& one = groups[random() % groups.size()];
    if (round % 5 == 0) {
      ASSERT_NO_FATAL_FAILURE(expect_equal(*store, one)) << "round " << round;
    }
    ASSERT_NO_FATAL_FAILURE(expect_finds(*store, one, random)) << "round " << round;
    if (round % 60 != 59 || !Subject::get().is_durable) continue;
    store.reset();
    store.emplace(disk);
    ASSERT_EQ(store->failure(), "");
    for (const RandomGroup& group : groups)
      ASSERT_NO_FATAL_FAILURE(expect_equal(*store, group)) << "reopened";
  }
  for (const RandomGroup& group : groups) ASSERT_NO_FATAL_FAILURE(expect_equal(*store, group));
}

TEST(StorageRandom, FindsInALongLog) {
  std::mt19937_64 random(seed());
  Disk disk;
  Store store(disk);
  ASSERT_EQ(store.failure(), "");
  const uint64_t g = store.group("g");
  EntryMaker maker(random());
  ModelGroup model;
  for (int i = 0; i < 20; ++i) {
    TestWrite write{g, {}};
    std::vector<TestEntry> entries;
    for (int k = 0; k < 100; ++k) {
      if (random() % 10 == 0) maker.skip_indexes(random() % 100);
      entries.push_back(maker.next(10, static_cast<uint32_t>(random() % 3)));
    }
    write.append(std::move(entries));
    ASSERT_EQ(store.write(write), CHR_OK);
    model.apply(write);
  }
  TestWrite trim{g, {}};
  trim.trim(model.entries.begin()->first + 300);
  ASSERT_EQ(store.write(trim), CHR_OK);
  model.apply(trim);
  const int64_t end = model.last()->header.base_offset + 5;
  for (int i = 0; i < 2000; ++i) {
    const int32_t by = 1 + static_cast<int32_t>(random() % 2);
    const int64_t value = by == CHR_FIND_OFFSET ? static_cast<int64_t>(random() % static_cast<uint64_t>(end))
                                                : static_cast<int64_t>(random() % 130'000);
    const auto should = model.find(by, value);
    const Got is = store.find(g, by, value);
    ASSERT_EQ(is.code, should ? CHR_OK : CHR_E_NOT_FOUND) << "by " << by << " value " << value;
    if (!should) continue;
    ASSERT_EQ(is.entries.at(0).header.index, should->index) << "by " << by << " value " << value;
  }
}

}  // namespace
}  // namespace chronik::conformance
