#include "sim/workload/group_member.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace chronik::sim {

GroupMember::GroupMember(GroupParts& parts, std::string name, bool is_static)
    : parts_(parts),
      name_(std::move(name)),
      instance_(is_static ? std::optional<std::string>("i-" + name_) : std::nullopt),
      client_(parts, name_),
      rng_(parts.world().stream("member " + name_)) {}

void GroupMember::enter(const std::string& group) {
  if (!is_away()) return;
  ++life_;
  paused_until_ = 0;
  group_ = group;
  step_after(rng_.below(300 * kMillisecond));
  commit_later();
}

void GroupMember::leave() {
  if (is_away()) return;
  if (client_.coordinator(group_) != 0) say_goodbye();
  ++life_;
  forget();
  group_.clear();
  sure_until_ = 0;
}

void GroupMember::die() {
  if (is_away()) return;
  ++life_;
  client_.wire().hang_up();
  forget();
  group_.clear();
  sure_until_ = 0;
}

bool GroupMember::knows_coordinator() {
  if (client_.coordinator(group_) != 0) return true;
  client_.find(group_, [this, life = life_] {
    if (life == life_) step_after(50 * kMillisecond + rng_.below(100 * kMillisecond));
  });
  return false;
}

void GroupMember::commit_later() {
  after(200 * kMillisecond + rng_.below(1200 * kMillisecond), [this] {
    if (winding_down_) return;
    const std::vector<int32_t> mine = owned();
    if (!mine.empty() && client_.coordinator(group_) != 0) commit(mine[rng_.below(mine.size())]);
    commit_later();
  });
}

void GroupMember::heard(uint32_t node, uint64_t begun, uint64_t within) {
  if (parts_.leads(group_, node)) sure_until_ = std::max(sure_until_, begun + within / 4 * 3);
}

void GroupMember::expelled(uint32_t node, std::string_view how) {
  ++parts_.counts.fenced;
  const uint64_t now = parts_.world().now();
  if (now < sure_until_ && parts_.leads(group_, node))
    parts_.world().fail(
        "group-sessions",
        fmt::format("group {}: {} is told {} by node {}, {} ms before its session can be over", group_, name_,
                    how, node, (sure_until_ - now) / kMillisecond));
  sure_until_ = 0;
}

void GroupMember::fetch_owned(int16_t min_version) {
  const std::vector<int32_t> mine = owned();
  if (mine.empty() || client_.coordinator(group_) == 0) return;
  fetch_offsets(parts_, client_, {group_, parts_.topic, parts_.topic, parts_.topic_id, mine, min_version},
                [](uint32_t) {});
}

std::string GroupMember::state() const {
  if (is_away()) return "";
  return fmt::format("; {} of {}: {}, generation {}, has ({}), coordinator {}", name_, group_,
                     is_stable() ? "stable" : "not stable", generation(), fmt::join(owned(), " "),
                     client_.coordinator(group_));
}

}  // namespace chronik::sim
