// A drawn history of every kind of command, against what an earlier build made of it: its digests decide
// whether nodes of two builds agree, and its snapshots are what one build leaves to another.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

#include "metadata/model/digest.h"
#include "tests/unit/metadata/catalog/catalog_testing.h"
#include "tests/unit/source_tree.h"

namespace chronik::metadata::test {
namespace {

constexpr int kSteps = 2'000;
constexpr int32_t kNodes = 6;
constexpr uint8_t kTopics = 24;

class History {
 public:
  Command next() {
    Command command;
    if (below(3) > 0) command.request = {below(kNodes) + 1, 7u + static_cast<uint64_t>(below(3)), ++number_};
    if (below(10) == 0) command.request.number -= static_cast<uint64_t>(below(3));  // a second attempt
    command.body = body();
    return command;
  }

 private:
  int32_t below(int32_t n) { return static_cast<int32_t>(random_() % static_cast<uint64_t>(n)); }
  int32_t node() { return below(kNodes) + 1; }
  Uuid id() {
    Uuid out;
    out.bytes[0] = static_cast<uint8_t>(below(kTopics) + 1);
    out.bytes[15] = static_cast<uint8_t>(number_ / 500);  // an id that was deleted is not used again
    return out;
  }
  std::string name() { return fmt::format("topic{}{}", below(9) == 0 ? "." : "-", below(kTopics)); }
  std::vector<int32_t> nodes(int32_t n) {
    std::vector<int32_t> out;
    for (int32_t first = node(); n > 0; --n, ++first) out.push_back(first % kNodes + 1);
    return out;
  }

  Body body() {
    switch (below(14)) {
      case 0:
        return InitCluster{"cluster", {{"chronik.version", 2}}};
      case 1:
        return AllocateProducerIds{};
      case 2:
        return CreateTopics{{{{}, id(), name(), below(5) + 1, below(3) + 1, {}, {{"retention.ms", "1000"}}}}};
      case 3:
        return below(3) == 0 ? DeleteTopics{{{{}, id()}}} : DeleteTopics{};
      case 4:
        return CreatePartitions{{{{}, {}, name(), 0, below(9) + 1, {}}}};
      case 5:
        return AlterConfigs{{{{}, id(), {{"retention.ms", fmt::to_string(below(9)), below(4) == 0}}}}};
      case 6:
        return AlterReassignments{{{{}, id(), below(3), below(4) == 0, below(2) == 0, nodes(below(4) + 1)}}};
      case 7:
        return FinishReassignments{{{{}, id(), below(3), nodes(below(4) + 1)}}};
      case 8:
        return ChangeNodes{{{{}, node(), static_cast<NodeAction>(below(3) + 1), "host:9093"}}};
      case 9:
        return UpdateFeatures{{{{}, "metadata.version", static_cast<int16_t>(below(9) + 7), below(3) + 1}}};
      case 10:
      case 11:
        return records();
      default:
        return sync();
    }
  }
  ChangeRecords records() {
    RecordChange change;
    change.space = fmt::format("space{}", below(3));
    change.key = fmt::format("key{}", below(400));
    change.value = fmt::to_string(number_);
    change.remove = below(4) == 0;
    if (below(5) == 0) change.expected = 0;
    if (below(9) == 0) change.space = change.key = {};
    return {{change}};
  }
  SyncBatch sync() {
    SyncBatch out;
    for (int32_t n = below(4); n > 0; --n)
      out.assignments.push_back({id(), below(4), 1 + number_ / 40 + static_cast<uint64_t>(below(2)), node()});
    if (below(3) > 0) return out;
    Node self{node(), "host", 9092, below(2) == 0 ? "r1" : "r2", {}, "host:9093"};
    self.incarnation.bytes[3] = static_cast<uint8_t>(self.id);
    out.nodes.push_back(self);
    return out;
  }

  std::mt19937_64 random_{20'261'128};
  uint64_t number_ = 0;
};

std::string line_of(int step, const Catalog& catalog) {
  const std::string snapshot = saved(catalog);
  return fmt::format("{} version {} digest {:016x} topics {} partitions {} records {} snapshot {} {:016x}\n",
                     step, catalog.version(), catalog.digest(), catalog.topics().size(),
                     catalog.topics().partitions(), catalog.records().size(), snapshot.size(),
                     Digest(snapshot).value());
}

TEST(CatalogHistory, DigestsAndSnapshotsAreThoseOfBefore) {
  const std::string path = in_source_tree("tests/golden/metadata/history.txt");
  std::string now;
  Catalog catalog;
  History history;
  for (int step = 1; step <= kSteps; ++step) {
    Command command = history.next();
    resolve(catalog, {}, &command.body);
    catalog.apply(command);
    if (step % 7 == 0) static_cast<void>(catalog.publish());
    if (step % 20 == 0) now += line_of(step, catalog);
    if (step % 200 != 0) continue;
    Result<Catalog> loaded = Catalog::load(saved(catalog));  // and goes on from there
    ASSERT_TRUE(loaded) << loaded.error().message;
    catalog = std::move(*loaded);
  }
  if (std::getenv("CHRONIK_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << now;
  std::ifstream file(path);
  std::ostringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(now, golden.str());
}

}  // namespace
}  // namespace chronik::metadata::test
