#include <algorithm>
#include <cstdio>
#include <memory>

#include "bench/groups/classic_member.h"
#include "bench/groups/consumer_member.h"
#include "bench/groups/workloads.h"

namespace chronik::bench {
namespace {

constexpr seconds kPatience{120};
// Until the coordinator has the leader's JoinGroup for sure, so that heartbeats hear of it.
constexpr milliseconds kArrival{50};

using Members = std::vector<std::unique_ptr<ClassicMember>>;

void settle(Loop& loop, const Members& members, int32_t partitions) {
  std::vector<const ClassicMember*> all;
  for (const auto& member : members) all.push_back(member.get());
  loop.run_until([&] { return is_shared_out(all, partitions); }, kPatience, "a classic group settles");
}

bool is_shared_out(const std::vector<std::unique_ptr<ConsumerMember>>& members, int32_t partitions) {
  const size_t share = static_cast<size_t>(partitions) / members.size();  // at least
  Partitions all;
  for (const auto& member : members) {
    if (member->epoch() != members.front()->epoch() || member->assigned().size() < share) return false;
    all.insert(all.end(), member->assigned().begin(), member->assigned().end());
  }
  std::ranges::sort(all);
  return all.size() == static_cast<size_t>(partitions) && std::ranges::adjacent_find(all) == all.end();
}

}  // namespace

void settle_classic(Words words) {
  Loop loop;
  ClassicMembers all{loop, parse_addresses(words.text()), words.text(), words.count()};
  const int count = words.count();
  const int rounds = words.count();
  const std::string group = fresh_group("classic");
  Members members;
  for (int i = 0; i < count; ++i) members.push_back(std::make_unique<ClassicMember>(all, group));
  const auto start = Clock::now();
  for (const auto& member : members) member->join();
  settle(loop, members, all.partitions);
  const double settled_ms = ms_between(start, Clock::now());
  std::vector<double> answers_ms;
  for (int i = 0; i < rounds; ++i) {
    (*std::ranges::find_if(members, &ClassicMember::leads, &std::unique_ptr<ClassicMember>::operator*))
        ->join();
    loop.run_for(kArrival);
    for (const auto& member : members)
      if (member->is_settled()) member->heartbeat();
    settle(loop, members, all.partitions);
    answers_ms.push_back(ms_between(all.last_join_sent, all.last_join_answered));
  }
  std::ranges::sort(answers_ms);
  std::printf("{\"settled_s\": %.3f, \"answers_p50_ms\": %.2f, \"answers_max_ms\": %.2f}\n", settled_ms / 1e3,
              quantile(answers_ms, 0.5), answers_ms.back());
}

void settle_consumer(Words words) {
  Loop loop;
  const auto bootstrap = parse_addresses(words.text());
  const std::string topic = words.text();
  const int32_t partitions = words.count();
  const std::string group = fresh_group("consumer");
  std::vector<std::unique_ptr<ConsumerMember>> members;
  for (int count = words.count(), i = 0; i < count; ++i)
    members.push_back(
        std::make_unique<ConsumerMember>(loop, bootstrap, topic, group, "member-" + std::to_string(i)));
  const auto start = Clock::now();
  for (const auto& member : members) member->join();
  loop.run_until([&] { return is_shared_out(members, partitions); }, kPatience, "a consumer group settles");
  std::printf("{\"settled_s\": %.3f}\n", ms_between(start, Clock::now()) / 1e3);
}

}  // namespace chronik::bench
