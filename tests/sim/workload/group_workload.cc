// Members of groups of both protocols that come, go, die, stand still and commit, through the wire protocol; tools that
// look at what is committed; a topic that is made again and again.
#include "sim/workload/group_member.h"
#include "sim/workload/group_parts.h"
#include "sim/workload/kafka_members.h"
#include "sim/workload/offset_tool.h"
#include "sim/workload/reborn_topic.h"
#include "sim/workload/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "kafka-proto/messages/create_topics.h"

namespace chronik::sim {
namespace {

using kafka::ErrorCode;

constexpr std::string_view kTopic = "orders";
constexpr std::string_view kInternalTopic = "__consumer_offsets";
constexpr uint64_t kTimeout = 10 * kSecond;
constexpr uint32_t kInternalPartitions = 3;
constexpr size_t kClassic = 5, kConsumer = 5, kTools = 2;  // so many of each

class GroupWorkload final : public Workload {
 public:
  GroupWorkload(Cluster& cluster, Checker& checker, const WorkloadOptions& options);

  void node_running(Node&) override {}
  void node_down(Node&) override {}
  void node_stopping(Node&, std::function<void()> go_on) override { go_on(); }
  void change_members(uint32_t group, std::vector<int32_t> members) override;
  void replace(uint32_t gone, uint32_t by) override { movers_.replace(gone, by); }
  void wind_down() override;
  bool settled() override;
  std::string state() override;
  void finish() override {}
  std::string summary() const override;

 private:
  World& world() { return cluster_.world(); }
  void create_topic();
  void learn_topics();
  void begin();
  void act();
  void act_on(GroupMember& member);
  std::string group_for(const GroupMember& member);
  // Empty: its members agree about who has what.
  std::string differs(const std::string& group) const;
  template <class F>
  void after(uint64_t delay, F fn) {
    world().loop.call(world().now() + delay, std::move(fn));
  }

  Cluster& cluster_;
  Rng rng_;
  GroupParts parts_;
  KafkaClient admin_, internal_admin_;
  KafkaMembers movers_;  // of the coordinators
  const std::vector<std::string> classic_groups_ = {"classic-a", "classic-b"};
  const std::vector<std::string> consumer_groups_ = {"consumer-a", "consumer-b"};
  std::vector<std::unique_ptr<GroupMember>> members_;  // first those of the classic protocol
  std::vector<std::unique_ptr<OffsetTool>> tools_;
  RebornTopic reborn_;
  const uint64_t mean_act_ns_;
  bool winding_down_ = false, looked_ = false;
};

GroupWorkload::GroupWorkload(Cluster& cluster, Checker& checker, const WorkloadOptions& options)
    : cluster_(cluster),
      rng_(cluster.world().stream("groups")),
      parts_(cluster, checker, std::string(kTopic), 2 + 2 * options.groups, kInternalPartitions),
      admin_(cluster.world(), cluster.net(), cluster.size(), "admin"),
      internal_admin_(cluster.world(), cluster.net(), cluster.size(), "internal-admin"),
      movers_(cluster, internal_admin_, kInternalTopic, kInternalPartitions),
      reborn_(parts_),
      mean_act_ns_(rng_.between(300 * kMillisecond, 4 * kSecond)) {
  for (size_t i = 0; i < kClassic; ++i)
    members_.push_back(make_classic_member(parts_, fmt::format("classic-{}", i), i < kClassic / 3));
  for (size_t i = 0; i < kConsumer; ++i)
    members_.push_back(make_consumer_member(parts_, fmt::format("consumer-{}", i), i < kConsumer / 2));
  std::vector<std::string> groups = classic_groups_;
  groups.insert(groups.end(), consumer_groups_.begin(), consumer_groups_.end());
  groups.emplace_back(kSimpleGroup);
  for (size_t i = 0; i < kTools; ++i)
    tools_.push_back(
        std::make_unique<OffsetTool>(parts_, fmt::format("tool-{}", i), groups,
                                     kTools * kSecond / std::max<uint64_t>(options.requests_per_s, 1)));
  after(50 * kMillisecond, [this] { create_topic(); });
}

void GroupWorkload::create_topic() {
  kafka::CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = kTopic;
  topic.num_partitions = static_cast<int32_t>(parts_.partitions);
  topic.replication_factor = static_cast<int16_t>(std::min(3u, cluster_.size()));
  request.timeout_ms = 5000;
  admin_.call<kafka::CreateTopics>(admin_.any_node(), admin_.versions.create_topics, request, kTimeout,
                                   [this](const Result<kafka::CreateTopicsResponse>& response) {
                                     const ErrorCode code = response && response->topics.size() == 1
                                                                ? response->topics[0].error_code
                                                                : ErrorCode::kRequestTimedOut;
                                     if (code == ErrorCode::kNone || code == ErrorCode::kTopicAlreadyExists)
                                       return begin();
                                     after(200 * kMillisecond, [this] { create_topic(); });
                                   });
}

// Who asks for a coordinator first makes the internal topic.
void GroupWorkload::learn_topics() {
  if (!parts_.internal_topic &&
      !std::ranges::all_of(internal_admin_.topic_id().b, [](uint8_t b) { return b == 0; }))
    parts_.internal_topic = internal_admin_.topic_id();
  if (parts_.internal_topic) return;
  internal_admin_.refresh(kInternalTopic, [this] { after(200 * kMillisecond, [this] { learn_topics(); }); });
}

void GroupWorkload::begin() {
  if (std::ranges::all_of(admin_.topic_id().b, [](uint8_t b) { return b == 0; }))
    return admin_.refresh(kTopic, [this] { after(50 * kMillisecond, [this] { begin(); }); });
  parts_.topic_id = admin_.topic_id();
  learn_topics();
  for (const auto& member : members_) member->enter(group_for(*member));
  for (const auto& tool : tools_) tool->begin();
  reborn_.begin();
  after(1, [this] { act(); });
}

std::string GroupWorkload::group_for(const GroupMember& member) {
  const bool is_classic = member.name().starts_with("classic");
  return (is_classic ? classic_groups_ : consumer_groups_)[rng_.chance(0.7) ? 0 : 1];
}

void GroupWorkload::act() {
  if (winding_down_) return;
  after(1 + rng_.around(mean_act_ns_), [this] { act(); });
  act_on(*members_[rng_.below(members_.size())]);
}

void GroupWorkload::act_on(GroupMember& member) {
  world().trace.note(world().now(), kHarness, Kind::kWork, rng_.next());
  if (member.is_away()) return member.enter(group_for(member));
  switch (rng_.below(6)) {
    case 0:
      return member.leave();
    case 1:
      return member.die();
    case 2:
      return member.pause(rng_.below(4 * kSecond));
    case 3:  // longer than its session
      return member.pause(parts_.times.session_ns + rng_.below(10 * kSecond));
    case 4: {  // to come back at once, or to another group
      const std::string group = rng_.chance(0.5) ? member.group() : group_for(member);
      rng_.chance(0.5) ? member.leave() : member.die();
      return after(rng_.below(3 * kSecond), [&member, group] { member.enter(group); });
    }
    default:
      return;
  }
}

// Three replicas at least, or the node that leads __meta gives them three at a time of its own.
void GroupWorkload::change_members(uint32_t group, std::vector<int32_t> members) {
  if (!parts_.internal_topic) return;
  const size_t least = std::min<size_t>(3, cluster_.size());
  for (uint32_t id = 1; id <= cluster_.size() && members.size() < least; ++id)
    if (std::ranges::find(members, static_cast<int32_t>(id)) == members.end())
      members.push_back(static_cast<int32_t>(id));
  movers_.change(group, std::move(members));
}

void GroupWorkload::wind_down() {
  winding_down_ = true;
  movers_.wind_down();
  reborn_.wind_down();
  for (const auto& member : members_) {
    member->wind_down();
    if (member->is_away()) member->enter(group_for(*member));
  }
  for (const auto& tool : tools_) tool->wind_down();
}

std::string GroupWorkload::differs(const std::string& group) const {
  std::set<int32_t> owned;
  int32_t generation = -1;
  for (const auto& member : members_) {
    if (member->group() != group) continue;
    if (!member->is_stable()) return fmt::format("{} is not in", member->name());
    if (generation != -1 && member->generation() != generation) return "they are of several generations";
    generation = member->generation();
    for (const int32_t partition : member->owned())
      if (!owned.insert(partition).second) return fmt::format("partition {} has two owners", partition);
  }
  if (generation != -1 && owned.size() != parts_.partitions) return "partitions have no owner";
  return "";
}

bool GroupWorkload::settled() {
  movers_.look_again();
  if (!cluster_.all_running() || !movers_.settled() || !reborn_.settled()) return false;
  for (const auto* groups : {&classic_groups_, &consumer_groups_})
    for (const std::string& group : *groups)
      if (!differs(group).empty()) return false;
  if (!parts_.offsets.is_quiet() || !parts_.internal_topic) return false;
  if (!std::exchange(looked_, true))
    for (const auto& tool : tools_) tool->look_again();
  return std::ranges::all_of(tools_, [](const auto& tool) { return tool->has_seen_all(); });
}

std::string GroupWorkload::state() {
  std::string text = movers_.settled() ? "" : movers_.state();
  for (const auto* groups : {&classic_groups_, &consumer_groups_})
    for (const std::string& group : *groups)
      if (const std::string why = differs(group); !why.empty())
        text += fmt::format("; group {}: {}", group, why);
  for (const auto& member : members_) text += member->state();
  for (const auto& tool : tools_)
    if (!tool->has_seen_all()) text += fmt::format("; {} has not seen all offsets", tool->name());
  if (!reborn_.settled()) text += "; the topic that was made again is still there";
  if (!parts_.offsets.is_quiet()) text += "; commits are under way";
  return text;
}

std::string GroupWorkload::summary() const {
  const GroupCounts& n = parts_.counts;
  return fmt::format(
      "commits={} acked={} refused={} fetched={} joins={} syncs={} heartbeats={} expelled={} "
      "assigned={} moves={} reborn={}",
      parts_.offsets.begun(), parts_.offsets.acks(), parts_.offsets.refusals(), parts_.offsets.reads(),
      n.joins, n.syncs, n.heartbeats, n.fenced, n.assignments, movers_.taken(), reborn_.times());
}

}  // namespace

std::vector<std::pair<std::string, std::string>> group_workload_config() {
  const GroupTimes times;
  const auto ms = [](uint64_t ns) { return fmt::format("{}ms", ns / kMillisecond); };
  return {{"kafka.offsets_topic_partitions", std::to_string(kInternalPartitions)},
          {"kafka.group_initial_rebalance_delay", "500ms"},
          {"kafka.group_consumer_session_timeout", ms(times.session_ns)},
          {"kafka.group_consumer_min_session_timeout", ms(times.session_ns)},
          {"kafka.group_consumer_heartbeat_interval", ms(times.heartbeat_ns)},
          {"kafka.group_consumer_min_heartbeat_interval", ms(times.heartbeat_ns)}};
}

std::unique_ptr<Workload> make_group_workload(Cluster& cluster, Checker& checker,
                                              const WorkloadOptions& options) {
  return std::make_unique<GroupWorkload>(cluster, checker, options);
}

}  // namespace chronik::sim
