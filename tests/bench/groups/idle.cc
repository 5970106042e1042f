#include <algorithm>
#include <cstdio>
#include <memory>

#include "bench/groups/classic_member.h"
#include "bench/groups/workloads.h"

namespace chronik::bench {
namespace {

constexpr seconds kPatience{300};
constexpr int kGroupsAtOnce = 20;
constexpr milliseconds kBetween{100};

using Group = std::vector<std::unique_ptr<ClassicMember>>;

bool is_settled(const Group& group) {
  return std::ranges::all_of(group, [](const auto& m) { return m->is_settled(); });
}

}  // namespace

void idle(Words words) {
  Loop loop;
  ClassicMembers all{loop, parse_addresses(words.text()), words.text(), words.count()};
  std::vector<Group> groups(static_cast<size_t>(words.count()));
  const int members = words.count();
  const auto warmup = std::chrono::duration<double>(words.number());
  const auto time = std::chrono::duration<double>(words.number());
  const std::string prefix = fresh_group("idle") + "-";
  for (size_t i = 0; i < groups.size(); ++i) {
    for (int m = 0; m < members; ++m) {
      groups[i].push_back(std::make_unique<ClassicMember>(all, prefix + std::to_string(i)));
      groups[i].back()->join();
    }
    if (i % kGroupsAtOnce == 0) loop.run_for(kBetween);
  }
  loop.run_until([&] { return std::ranges::all_of(groups, is_settled); }, kPatience, "all groups settle");
  loop.run_for(std::chrono::duration_cast<Clock::duration>(warmup));
  const uint64_t heartbeats = all.heartbeats;
  const uint64_t joined = all.generations_joined;
  std::fprintf(stderr, "measuring\n");
  loop.run_for(std::chrono::duration_cast<Clock::duration>(time));
  std::fprintf(stderr, "measured\n");
  std::printf("{\"heartbeats\": %llu, \"joined_again\": %llu}\n",
              static_cast<unsigned long long>(all.heartbeats - heartbeats),
              static_cast<unsigned long long>(all.generations_joined - joined));
}

}  // namespace chronik::bench
