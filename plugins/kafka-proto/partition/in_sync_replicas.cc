#include "kafka-proto/partition/in_sync_replicas.h"

#include <algorithm>
#include <array>
#include <functional>

#include "kafka-proto/partition/group_members.h"

namespace chronik::kafka {
namespace {

bool contains(const std::vector<int32_t>& nodes, int32_t node) {
  return std::ranges::find(nodes, node) != nodes.end();
}

}  // namespace

uint32_t InSyncReplicas::copies_wanted(uint32_t voters) const {
  return std::min(static_cast<uint32_t>(replica_.info().config()->min_insync_replicas),
                  std::max<uint32_t>(voters, 1));
}

InSyncReplicas::State InSyncReplicas::find() const {
  State out;
  const int32_t self = replica_.context().host.node().id;
  GroupMembers members;
  if (!members.load(replica_)) {
    out.in_sync = {self};
    return out;
  }
  std::array<int64_t, GroupMembers::kMax> copies;  // where the log of each voter ends
  uint32_t voters = 0;
  const uint64_t now = replica_.context().host.now_ns();
  const uint64_t lag = replica_.context().replica_lag_time_max_ns;
  for (const chr_member& member : members.all()) {
    if ((member.flags & CHR_MEMBER_VOTER) != 0) copies[voters++] = member.match_offset;
    const bool votes = (member.flags & (CHR_MEMBER_VOTER | CHR_MEMBER_OUTGOING)) != 0;
    if (!votes || (member.id != self && !replica_.context().is_linked(member.id))) continue;
    const uint64_t caught_up = std::max(member.caught_up_ns, replica_.leading_since_ns());
    if (member.id == self || member.match_offset >= replica_.high_watermark() ||
        now - std::min(now, caught_up) <= lag)
      out.in_sync.push_back(member.id);
  }
  out.wanted = copies_wanted(voters);
  if (voters == 0) return out;
  std::nth_element(copies.begin(), copies.begin() + out.wanted - 1, copies.begin() + voters,
                   std::greater<>());
  out.copied = copies[out.wanted - 1];
  return out;
}

bool InSyncReplicas::enough() const {
  return replica_.info().config()->min_insync_replicas <= 1 || find().enough();
}

std::optional<InSyncReplicas::State> InSyncReplicas::report_changes() {
  if (!replica_.leads()) {
    shown_.store(nullptr);
    report({});
    return std::nullopt;
  }
  State now = find();
  report(now.in_sync);
  throttle(now.in_sync);
  const std::shared_ptr<const std::vector<int32_t>> before = shown_.load();
  if (before == nullptr || *before != now.in_sync)
    shown_.store(std::make_shared<const std::vector<int32_t>>(now.in_sync));
  return now;
}

void InSyncReplicas::report(const std::vector<int32_t>& in_sync) {
  const std::shared_ptr<const PartitionMembers> members = replica_.info().members();
  const auto is_in_sync = [&](int32_t node) { return contains(in_sync, node); };
  const bool all =
      std::ranges::all_of(members->target.empty() ? members->replicas : members->all(), is_in_sync);
  const std::vector<int32_t> few = all ? std::vector<int32_t>() : in_sync;
  if (few == reported_ && (few.empty() || replica_.term() == reported_term_)) return;
  reported_ = few;
  reported_term_ = replica_.term();
  replica_.context().report_in_sync(replica_.info(), reported_term_, few);
}

// As Kafka: those that are not in sync, where this leader or they themselves are named.
void InSyncReplicas::throttle(const std::vector<int32_t>& in_sync) {
  const PartitionContext& context = replica_.context();
  if (context.throttle == nullptr || !replica_.is_open()) return;
  const std::shared_ptr<const TopicConfig> config = replica_.info().config();
  std::vector<std::pair<int32_t, int32_t>> now;
  if (config->leader_throttled != nullptr || config->follower_throttled != nullptr) {
    const auto named = [this](const std::shared_ptr<const ThrottledReplicas>& replicas, int32_t node) {
      return replicas != nullptr && replicas->has(replica_.info().id().index, node);
    };
    const bool leader_is = named(config->leader_throttled, context.host.node().id);
    for (const int32_t node : replica_.info().members()->all()) {
      if (contains(in_sync, node)) continue;
      if (leader_is) now.emplace_back(node, context.leader_bucket);
      if (named(config->follower_throttled, node)) now.emplace_back(node, node);
    }
  }
  if (now == throttled_) return;
  throttled_ = std::move(now);
  std::vector<chr_throttled> items;
  for (const auto& [node, bucket] : throttled_) items.push_back({node, bucket});
  replica_.throttle(items);
}

}  // namespace chronik::kafka
