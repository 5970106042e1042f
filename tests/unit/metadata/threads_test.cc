// What any thread may touch, touched by several at once; worth its time under the tsan preset.
#include <gtest/gtest.h>

#include <thread>

#include "metadata/catalog/catalog.h"
#include "metadata/sync/hints.h"

namespace chronik::metadata {
namespace {

TEST(Threads, HintsKeepTheNewestOfEachWriterAndLoseNoWakeUp) {
  Hints hints;
  constexpr int32_t kGroups = 8;
  constexpr uint64_t kTerms = 5'000;
  std::atomic<uint64_t> drains_due{0};
  std::vector<std::thread> writers;
  for (int32_t group = 0; group < kGroups; ++group) {
    writers.emplace_back([&, group] {
      for (uint64_t term = 1; term <= kTerms; ++term) {
        if (hints.update({Uuid{}, group}, {term, 1, true, "t"})) ++drains_due;
        const std::optional<KnownLeader> seen = hints.find({Uuid{}, group});
        if (!seen || seen->term != term) ADD_FAILURE() << "group " << group << " lost term " << term;
      }
    });
  }
  std::map<GroupKey, uint64_t> drained;
  uint64_t done = 0;
  const auto drain = [&] {
    for (; done < drains_due.load(); ++done) {
      for (const auto& [key, hint] : hints.drain()) drained[key] = hint.term;
    }
  };
  for (int i = 0; i < 1'000; ++i) drain();
  for (std::thread& writer : writers) writer.join();
  drain();
  ASSERT_EQ(drained.size(), static_cast<size_t>(kGroups));
  for (const auto& [key, term] : drained) EXPECT_EQ(term, kTerms);
}

TEST(Threads, ImagesAreReleasedByWhoeverIsLast) {
  Catalog catalog;
  catalog.apply({{}, InitCluster{"c", {}}});
  for (int round = 0; round < 200; ++round) {
    const ImageRef image = catalog.publish();
    std::vector<std::thread> readers;
    for (int i = 0; i < 4; ++i) readers.emplace_back([copy = image] { EXPECT_EQ(copy->cluster_id, "c"); });
    for (std::thread& reader : readers) reader.join();
  }
}

}  // namespace
}  // namespace chronik::metadata
