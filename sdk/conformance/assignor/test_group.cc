#include "test_group.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace chronik::conformance {

uint32_t TestGroup::partitions() const {
  uint32_t n = 0;
  for (const uint32_t topic : topics) n += topic;
  return n;
}

size_t TestGroup::partitions_of(const std::string& member) const {
  return static_cast<size_t>(std::ranges::count(owners, member));
}

std::vector<uint32_t> TestGroup::topic_of() const {
  std::vector<uint32_t> out;
  for (uint32_t t = 0; t < topics.size(); ++t) out.insert(out.end(), topics[t], t);
  return out;
}

bool TestGroup::subscribes(const std::string& member, uint32_t topic) const {
  const auto found = std::ranges::find(members, member, &TestMember::id);
  return found != members.end() && std::ranges::binary_search(found->topics, topic);
}

TestMember TestGroup::remove(size_t member) {
  TestMember removed = std::move(members[member]);
  members.erase(members.begin() + static_cast<std::ptrdiff_t>(member));
  std::ranges::replace(owners, removed.id, std::string());
  return removed;
}

void TestGroup::add(TestMember member) {
  members.insert(std::ranges::lower_bound(members, member.id, {}, &TestMember::id), std::move(member));
}

AssignorGroup TestGroup::group() const {
  AssignorGroup group;
  for (uint32_t t = 0; t < topics.size(); ++t) {
    chr_uuid id{};
    id.b[0] = static_cast<uint8_t>(t >> 8);
    id.b[1] = static_cast<uint8_t>(t);
    group.add_topic(id, topics[t]);
  }
  std::map<std::string_view, uint32_t> numbers;
  for (const TestMember& m : members) {
    numbers[m.id] =
        group.add_member({.id = m.id, .instance_id = m.instance_id, .rack = m.rack, .topics = m.topics});
  }
  const std::vector<uint32_t> topic = topic_of();
  int32_t p = 0;
  for (uint32_t i = 0; i < topic.size(); ++i, ++p) {
    if (i > 0 && topic[i] != topic[i - 1]) p = 0;
    const auto owner = i < owners.size() ? numbers.find(owners[i]) : numbers.end();
    if (owner != numbers.end()) group.add_owned(owner->second, topic[i], {&p, 1});
    if (replica_racks.empty()) continue;
    const std::vector<std::string_view> racks(replica_racks[i].begin(), replica_racks[i].end());
    group.add_racks(topic[i], static_cast<uint32_t>(p), racks);
  }
  return group;
}

size_t moved(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  size_t n = 0;
  for (size_t i = 0; i < before.size(); ++i) n += !before[i].empty() && before[i] != after[i] ? 1 : 0;
  return n;
}

TestGroup random_group(Random& random, Subscriptions subscriptions, Sizes sizes) {
  TestGroup group;
  std::vector<uint32_t> all;
  for (uint64_t t = 1 + below(random, sizes.topics); t > 0; --t) {
    all.push_back(static_cast<uint32_t>(group.topics.size()));
    group.topics.push_back(static_cast<uint32_t>(below(random, sizes.partitions + 1)));
  }
  for (uint64_t m = 1 + below(random, sizes.members); m > 0; --m) {
    TestMember member{"m" + std::to_string(1'000'000 + below(random, 9'000'000)), {}, {}, {}};
    if (below(random, 3) == 0) member.instance_id = "i" + std::to_string(below(random, 1'000'000'000));
    if (below(random, 3) != 0) member.rack = "rack-" + std::to_string(below(random, 3));
    for (const uint32_t topic : all) {
      if (subscriptions == Subscriptions::kSame || below(random, 2) == 0) member.topics.push_back(topic);
    }
    if (std::ranges::find(group.members, member.id, &TestMember::id) == group.members.end())
      group.add(std::move(member));
  }
  return group;
}

void add_random_racks(Random& random, TestGroup* group) {
  group->replica_racks.clear();
  for (uint32_t i = 0; i < group->partitions(); ++i) {
    std::vector<std::string> racks;
    for (int r = 0; r < 4; ++r) {
      if (below(random, 2) == 0) racks.push_back("rack-" + std::to_string(r));
    }
    group->replica_racks.push_back(std::move(racks));
  }
}

uint64_t seed() {
  const char* given = std::getenv("CHRONIK_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 848;
  std::printf("CHRONIK_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

}  // namespace chronik::conformance
