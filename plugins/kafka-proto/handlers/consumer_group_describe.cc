// ConsumerGroupDescribe (69): consumer groups (KIP-848) with their members, what these have, and what they are to have.
#include <fmt/format.h>

#include <utility>

#include "kafka-proto/group/coordinator.h"
#include "kafka-proto/group/core/consumer_describe.h"
#include "kafka-proto/group/core/partition_sets.h"
#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/consumer_group_describe.h"
#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {
namespace {

using Response = ConsumerGroupDescribeResponse;

// Everybody's, as there is no authorizer: read, delete, describe, describe and alter configs.
constexpr int32_t kOperations = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;
constexpr int8_t kSpeaksClassic = 0, kSpeaksConsumer = 1;

// Copied on the shard of the group, and answered on the connection's.
struct DescribedGroup {
  std::string_view id;
  ErrorCode error = ErrorCode::kNone;
  std::string message{}, assignor{};
  std::string_view phase{};
  int32_t epoch = 0, target_epoch = 0;
  group::ConsumerState::Members members{};
};

struct DescribeJob {
  Broker& broker;
  Call<ConsumerGroupDescribe> call;
  std::vector<DescribedGroup> groups{};
  size_t left = 0;
  Response response{};
};

// ---- on the shard of the group ----

void refuse(DescribedGroup& group, std::string_view why) {
  group.error = ErrorCode::kGroupIdNotFound;
  group.message = fmt::format("Group {} {}", group.id, why);
}

void look_up(const GroupShard& groups, DescribedGroup& out) {
  const group::Group* const found = groups.table().find(out.id);
  if (found == nullptr && groups.find_live(out.id) == nullptr) return refuse(out, "not found.");
  if (found == nullptr || found->consumer == nullptr) return refuse(out, "is not a consumer group.");
  const group::ConsumerContext context = groups.consumer_context(out.id);
  out.phase = group::name_of(group::phase(context.state));
  out.epoch = context.state.epoch();
  out.target_epoch = context.state.target_epoch().epoch;
  out.assignor = group::preferred_assignor(context);
  out.members = context.state.members();
}

// ---- the answer, on the connection's shard ----

// Topics that are gone are left out.
void add_partitions(DescribeJob& job, const Catalog& catalog, const group::PartitionSet& set,
                    Response::Assignment& out) {
  for (const group::TopicPartitions& topic : set) {
    const std::optional<chr_topic> known = catalog.topic(topic.topic);
    if (!known.has_value() || job.call.room().passed()) continue;
    auto& row = job.call.room().row(out.topic_partitions);
    row.topic_id = topic.topic;
    row.topic_name = from_abi(known->name);
    row.partitions = topic.partitions;
  }
}

void add_member(DescribeJob& job, const Catalog& catalog, const std::string& id,
                const group::ConsumerState::Member& member, Response::Member& out) {
  out.member_id = id;
  out.instance_id = member.info.instance_id;
  out.rack_id = member.info.rack_id;
  out.member_epoch = member.current.epoch;
  out.client_id = member.info.client_id;
  out.client_host = member.info.client_host;
  out.subscribed_topic_names.assign(member.info.topic_names.begin(), member.info.topic_names.end());
  const std::optional<std::string>& regex = member.info.topic_regex;
  out.subscribed_topic_regex = regex.has_value() ? std::string_view(*regex) : std::string_view();
  // Until it says that it has let go of them, it has them.
  add_partitions(job, catalog, group::merged(member.current.assigned, member.current.pending_revocation),
                 out.assignment);
  add_partitions(job, catalog, member.target, out.target_assignment);
  out.member_type = member.info.classic ? kSpeaksClassic : kSpeaksConsumer;
}

void answer(DescribeJob& job) {
  const Catalog catalog(job.broker);
  for (const DescribedGroup& group : job.groups) {
    if (job.call.room().passed()) break;
    Response::Group& row = job.call.room().row(job.response.groups);
    row.group_id = group.id;
    row.error_code = group.error;
    if (!group.message.empty()) row.error_message = group.message;
    if (group.error != ErrorCode::kNone) continue;
    row.group_state = group.phase;
    row.group_epoch = group.epoch;
    row.assignment_epoch = group.target_epoch;
    row.assignor_name = group.assignor;
    if (job.call.request().include_authorized_operations) row.authorized_operations = kOperations;
    for (const auto& [id, member] : group.members) {
      if (job.call.room().passed()) break;
      add_member(job, catalog, id, member, job.call.room().row(row.members));
    }
  }
  job.call.answer(job.response);
}

void ask(const std::shared_ptr<DescribeJob>& job, DescribedGroup& group) {
  job->broker.groups->use(group.id, [job, &group](ErrorCode error, GroupShard* groups) {
    group.error = error;
    if (groups != nullptr) look_up(*groups, group);
    on_shard(job->broker.host, job->call.shard(), [job] {
      if (--job->left == 0) answer(*job);
    });
  });
}

}  // namespace

template <>
void handle<ConsumerGroupDescribe>(Broker& broker, Call<ConsumerGroupDescribe> call) {
  const auto job = std::make_shared<DescribeJob>(broker, std::move(call));
  const bool is_allowed = broker.groups->allows_consumer_groups();
  for (const std::string_view id : job->call.request().group_ids) {
    DescribedGroup& group = job->groups.emplace_back();
    group.id = id;
    group.error = !is_allowed  ? ErrorCode::kUnsupportedVersion
                  : id.empty() ? ErrorCode::kInvalidGroupId
                               : ErrorCode::kNone;
  }
  job->left = 1;
  for (DescribedGroup& group : job->groups) {
    if (group.error != ErrorCode::kNone) continue;
    ++job->left;
    ask(job, group);
  }
  if (--job->left == 0) answer(*job);
}

}  // namespace chronik::kafka
