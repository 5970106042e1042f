#include "assignor-uniform/uniform.h"

#include <algorithm>
#include <chronik/assignor_plugin.hpp>
#include <numeric>
#include <tuple>

namespace chronik::assignor {
namespace {

// Subscriptions that overlap in long chains take many rounds to level; what little is left then may stay.
constexpr int kMaxRounds = 64;

// Hands out partitions, a run of them and their subscribers at a time, as water fills a vessel: the members with
// the fewest get the next ones.
class Balancer {
 public:
  enum class Keep { kAll, kFair };  // what an owner keeps of a run: all, or no more than is fair

  Balancer(const chr_assignor_group& group, std::span<uint32_t> owners)
      : owners_(owners), load_(group.n_members), held_(group.n_members), target_(group.n_members) {
    std::vector<uint32_t> last(group.n_members,
                               UINT32_MAX);  // topic that the member was seen to subscribe to
    for (uint32_t t = 0; t < group.n_topics; ++t) {
      for (uint32_t p = 0; p < group.topics[t].n_partitions; ++p) {
        const uint32_t i = group.topics[t].first + p;
        const uint32_t owner = group.owners[i];
        if (owner >= group.n_members) continue;
        if (last[owner] != t && !is_subscribed(group.members[owner], t)) continue;
        last[owner] = t;
        owners[i] = owner;
        ++load_[owner];
      }
    }
  }

  // Partitions [first, first + n), whose owners are among the subscribers. Whether one of them moved.
  bool level(uint32_t first, uint32_t n, std::span<const uint32_t> subscribers, Keep keep) {
    const std::span<uint32_t> run = owners_.subspan(first, n);
    for (const uint32_t m : subscribers) held_[m] = 0;
    uint32_t free = 0;
    for (const uint32_t owner : run) ++(owner == CHR_ASSIGNOR_NOBODY ? free : held_[owner]);
    if (subscribers.empty() || (free == 0 && (keep == Keep::kAll || is_level(subscribers)))) return false;
    set_targets(keep == Keep::kAll ? free : n, subscribers, keep);
    hand_over(run, subscribers);
    return true;
  }

 private:
  struct Share {
    uint32_t member;
    uint32_t load;   // with what it keeps in any case
    uint32_t spare;  // how many more of the run it has
  };

  // Whether nobody who has one of the run could hand it to somebody with fewer.
  bool is_level(std::span<const uint32_t> subscribers) const {
    uint32_t least = UINT32_MAX, most = 0;
    for (const uint32_t m : subscribers) {
      least = std::min(least, load_[m]);
      if (held_[m] > 0) most = std::max(most, load_[m]);
    }
    return most <= least + 1;
  }

  // How many of the run each gets: `pour` of them go to those with the fewest.
  void set_targets(uint32_t pour, std::span<const uint32_t> subscribers, Keep keep) {
    shares_.clear();
    for (const uint32_t m : subscribers) {
      target_[m] = keep == Keep::kAll ? held_[m] : 0;
      shares_.push_back({m, load_[m] - held_[m] + target_[m], held_[m] - target_[m]});
    }
    // No more of them than partitions get one. Of those with as many the ones that have some of the run come
    // first: they keep what they have.
    const size_t most = std::min<size_t>(pour, shares_.size());
    std::ranges::partial_sort(
        shares_, shares_.begin() + static_cast<std::ptrdiff_t>(most), [](const Share& a, const Share& b) {
          return std::tuple(a.load, b.spare, a.member) < std::tuple(b.load, a.spare, b.member);
        });
    uint64_t left = pour;
    size_t n = 1;  // how many stand level so far
    for (; n < most; ++n) {
      const uint64_t step = uint64_t{shares_[n].load - shares_[n - 1].load} * n;
      if (step > left) break;
      left -= step;
    }
    const uint32_t height = shares_[n - 1].load + static_cast<uint32_t>(left / n);
    left %= n;
    for (const bool only_owners : {true, false}) {
      for (size_t i = 0; i < n; ++i) {
        Share& share = shares_[i];
        if (only_owners) target_[share.member] += height - share.load;
        if (left == 0 || only_owners != (share.spare > height - share.load)) continue;
        ++target_[share.member];
        --left;
      }
    }
  }

  // Owners keep their first ones, up to their targets; the others are dealt in turn to those who lack some.
  void hand_over(std::span<uint32_t> run, std::span<const uint32_t> subscribers) {
    taking_.clear();
    for (const uint32_t m : subscribers) {
      load_[m] += target_[m] - held_[m];
      if (target_[m] > held_[m]) taking_.push_back(m);
    }
    loose_.clear();
    for (uint32_t i = 0; i < run.size(); ++i) {
      const uint32_t owner = run[i];
      if (owner == CHR_ASSIGNOR_NOBODY || target_[owner] == 0) {
        loose_.push_back(i);
      } else {
        --target_[owner];
      }
    }
    for (size_t i = 0; i < loose_.size();) {
      size_t still = 0;
      for (const uint32_t m : taking_) {
        run[loose_[i++]] = m;
        if (--target_[m] > 0) taking_[still++] = m;
      }
      taking_.resize(still);
    }
  }

  std::span<uint32_t> owners_;
  std::vector<uint32_t> load_;    // of each member: its partitions of all topics
  std::vector<uint32_t> held_;    // of each subscriber: its partitions of the run
  std::vector<uint32_t> target_;  // how many it gets of the run
  std::vector<Share> shares_;
  std::vector<uint32_t> taking_, loose_;
};

// What is free goes to those with the fewest, topics with few subscribers first; then partitions move where that
// evens things out.
void balance_topics(const chr_assignor_group& group, Balancer* balancer) {
  const Subscribers subscribers(group, in_order(group));
  std::vector<uint32_t> topics(group.n_topics);
  std::iota(topics.begin(), topics.end(), 0u);
  std::ranges::stable_sort(topics, {}, [&](uint32_t t) { return subscribers.of(t).size(); });
  const auto level_all = [&](Balancer::Keep keep) {
    bool moved = false;
    for (const uint32_t t : topics)
      moved |= balancer->level(group.topics[t].first, group.topics[t].n_partitions, subscribers.of(t), keep);
    return moved;
  };
  level_all(Balancer::Keep::kAll);
  for (int round = 0; round < kMaxRounds && level_all(Balancer::Keep::kFair); ++round) {
  }
}

}  // namespace

void assign_uniform(const chr_assignor_group& group, std::span<uint32_t> owners) {
  if (group.n_members == 0) return;
  Balancer balancer(group, owners);
  const bool same =
      (group.flags & CHR_ASSIGNOR_HOMOGENEOUS) != 0 && group.members[0].n_topics == group.n_topics;
  if (!same) return balance_topics(group, &balancer);
  balancer.level(0, group.n_partitions, in_order(group), Balancer::Keep::kFair);
}

}  // namespace chronik::assignor
