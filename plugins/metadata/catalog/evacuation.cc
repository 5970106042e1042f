#include "metadata/catalog/evacuation.h"

#include <algorithm>
#include <tuple>

namespace chronik::metadata {
namespace {

using Nodes = std::vector<int32_t>;

class Evacuation {
 public:
  Evacuation(const Catalog& catalog, int32_t node, const std::set<int32_t>& live)
      : catalog_(catalog), node_(node), live_(live) {
    for (const auto& [id, known] : catalog.nodes())
      if (!known.leaving && id != node) load_[id] = 0;
    catalog.topics().each([this](const Topic& topic) {
      for (size_t p = 0; p < topic.partitions.size(); ++p)
        for (const int32_t id : wanted(topic, p))
          if (const auto found = load_.find(id); found != load_.end()) ++found->second;
    });
  }

  AlterReassignments run(size_t most) {
    AlterReassignments out;
    catalog_.topics().each([&](const Topic& topic) {
      for (size_t p = 0; p < topic.partitions.size(); ++p) {
        if (!topic.may_be_on(static_cast<int32_t>(p), node_)) continue;
        const Nodes now = wanted(topic, p);
        if (std::find(now.begin(), now.end(), node_) == now.end()) {
          ++moving_;
        } else if (moving_ + out.items.size() < most) {
          Nodes target = replace(now);
          if (target != now)
            out.items.push_back({{}, topic.id, static_cast<int32_t>(p), false, false, std::move(target)});
        }
      }
    });
    return out;
  }

 private:
  // The replicas that a partition has, or shall have.
  static Nodes wanted(const Topic& topic, size_t partition) {
    const OngoingReassignment* ongoing = topic.reassignment_of(static_cast<int32_t>(partition));
    if (ongoing != nullptr) return ongoing->target;
    const auto replicas = topic.replicas_of(partition);
    return {replicas.begin(), replicas.end()};
  }

  Nodes replace(Nodes replicas) {
    std::set<std::string> racks;
    for (const int32_t id : replicas)
      if (const auto known = catalog_.nodes().find(id); id != node_ && known != catalog_.nodes().end())
        racks.insert(known->second.rack);
    int32_t best = -1;
    std::tuple<bool, bool, uint64_t> best_rank;
    for (const auto& [id, load] : load_) {
      if (std::find(replicas.begin(), replicas.end(), id) != replicas.end()) continue;
      const std::tuple rank(!live_.contains(id), racks.contains(catalog_.nodes().at(id).rack), load);
      if (best >= 0 && rank >= best_rank) continue;
      best = id;
      best_rank = rank;
    }
    if (best < 0) return replicas;  // nobody can take it
    ++load_[best];
    std::replace(replicas.begin(), replicas.end(), node_, best);
    return replicas;
  }

  const Catalog& catalog_;
  const int32_t node_;
  const std::set<int32_t>& live_;
  std::map<int32_t, uint64_t> load_;  // replicas by node, of those that stay
  size_t moving_ = 0;
};

}  // namespace

AlterReassignments evacuate(const Catalog& catalog, int32_t node, const std::set<int32_t>& live,
                            size_t most) {
  return Evacuation(catalog, node, live).run(most);
}

}  // namespace chronik::metadata
