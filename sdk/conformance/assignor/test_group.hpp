// Groups for tests of assignors: owners by the members' ids, so that members may come and go.
#pragma once

#include <chronik/assignor.hpp>

#include <random>
#include <string>
#include <vector>

namespace chronik::conformance {

struct TestMember {
  std::string id;
  std::string instance_id;
  std::string rack;
  std::vector<uint32_t> topics;
};

struct TestGroup {
  std::vector<uint32_t> topics;  // how many partitions each has
  std::vector<TestMember> members;
  std::vector<std::string> owners;                      // of each partition; absent or empty: nobody
  std::vector<std::vector<std::string>> replica_racks;  // of each partition; empty: not known

  uint32_t partitions() const;
  size_t partitions_of(const std::string& member) const;
  std::vector<uint32_t> topic_of() const;  // of each partition
  bool subscribes(const std::string& member, uint32_t topic) const;
  TestMember remove(size_t member);  // what it had is nobody's from then on
  void add(TestMember member);       // where its id belongs

  // Borrows the texts.
  AssignorGroup group() const;
};

// How many partitions have another owner now.
size_t moved(const std::vector<std::string>& before, const std::vector<std::string>& after);

using Random = std::mt19937_64;
inline uint64_t below(Random& random, uint64_t n) { return random() % n; }

enum class Subscriptions { kSame, kRandom };
struct Sizes {
  uint32_t topics, partitions, members;  // at most
};
// Some members are static, some have racks; nobody owns anything.
TestGroup random_group(Random& random, Subscriptions subscriptions, Sizes sizes = {8, 20, 12});
void add_random_racks(Random& random, TestGroup* group);

// From CHRONIK_SEED, or always the same; printed.
uint64_t seed();

}  // namespace chronik::conformance
