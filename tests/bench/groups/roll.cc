#include <cstdio>
#include <memory>

#include "bench/groups/classic_member.h"
#include "bench/groups/workloads.h"

namespace chronik::bench {
namespace {

constexpr seconds kPatience{120};
// All of a group, one after the other, in minutes: heartbeats that often are what hears of a rebalance.
constexpr milliseconds kHeartbeatInterval{300};
constexpr milliseconds kDown{100};

class Roll {
 public:
  Roll(Words& words, bool is_cooperative)
      : group_(fresh_group("roll")), all_{loop_,          parse_addresses(words.text()),
                                          words.text(),   words.count(),
                                          is_cooperative, kHeartbeatInterval} {
    members_.resize(static_cast<size_t>(words.count()));
  }

  void run() {
    for (size_t i = 0; i < members_.size(); ++i) start(i);
    settle();
    const int32_t before = members_.front()->generation();
    const auto began = Clock::now();
    for (size_t i = 0; i < members_.size(); ++i) restart(i);
    const double took_ms = ms_between(began, Clock::now());
    loop_.run_for(2 * kHeartbeatInterval);  // each hears of a rebalance that nobody waited for
    settle();
    std::printf("{\"rebalances\": %d, \"rolled_s\": %.2f}\n", members_.front()->generation() - before,
                took_ms / 1e3);
  }

 private:
  void start(size_t i) {
    const std::string instance = all_.is_cooperative ? "" : "instance-" + std::to_string(i);
    members_[i] = std::make_unique<ClassicMember>(all_, group_, instance);
    members_[i]->join();
  }

  // A static member goes without a word, as clients have it.
  void restart(size_t i) {
    bool is_gone = !all_.is_cooperative;
    is_gone ? members_[i]->stop() : members_[i]->leave([&] { is_gone = true; });
    loop_.run_until([&] { return is_gone; }, kPatience, "a member leaves");
    loop_.run_for(kDown);
    start(i);
    settle();
  }

  void settle() {
    std::vector<const ClassicMember*> members;
    for (const auto& member : members_) members.push_back(member.get());
    loop_.run_until([&] { return is_shared_out(members, all_.partitions); }, kPatience, "the group settles");
  }

  const std::string group_;
  Loop loop_;
  ClassicMembers all_;
  std::vector<std::unique_ptr<ClassicMember>> members_;
};

}  // namespace

void roll_static(Words words) { Roll(words, false).run(); }

void roll_cooperative(Words words) { Roll(words, true).run(); }

}  // namespace chronik::bench
