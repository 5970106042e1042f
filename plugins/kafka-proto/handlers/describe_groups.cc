// DescribeGroups (15): state and members of classic groups. What is no classic group is dead, and from version 6 on
// not found.
#include <atomic>
#include <map>
#include <utility>

#include "kafka-proto/group/coordinator.h"
#include "kafka-proto/group/description.h"
#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/group_calls.h"
#include "kafka-proto/messages/describe_groups.h"

namespace chronik::kafka {
namespace {

using Response = DescribeGroupsResponse;

constexpr int16_t kNotFound = 6;
constexpr int32_t kGroupOperations = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

struct Described {
  ErrorCode error = ErrorCode::kNone;
  std::string message{};  // where it is not found
  group::ClassicDescription group{};
  bool told = false;
};

struct DescribeGroupsJob {
  Broker& broker;
  Call<DescribeGroups> call;
  // Each once however often the request names it: a few bytes would ask for much again and again.
  std::map<std::string_view, Described> groups{};
  std::atomic<uint64_t> bytes = 0;  // of descriptions
  size_t left = 0;
};

uint64_t size_of(const group::ClassicDescription& group) {
  uint64_t bytes = 0;
  for (const auto& member : group.members)
    bytes += sizeof member + member.member_id.size() + member.client_id.size() + member.client_host.size() +
             member.metadata.size() + member.assignment.size();
  return bytes;
}

// On the shard of the group.
void describe(const GroupShard& groups, std::string_view id, Described& out, std::atomic<uint64_t>& bytes) {
  const group::Group* const group = groups.table().find(id);
  if (group == nullptr || group->kind() == group::GroupKind::kConsumer) {
    out.error = ErrorCode::kGroupIdNotFound;
    out.message = group == nullptr ? "There is no such group." : "This is not a classic group.";
    return;
  }
  if (bytes > AnswerRoom::kMaxBytes) return;  // the answer is too large already
  out.group = describe_classic(*group, groups.find_live(id));
  bytes += size_of(out.group);
}

void write_members(AnswerRoom& room, const group::ClassicDescription& group, Response::Group& row) {
  room.take_bytes(size_of(group));
  for (const group::ClassicDescription::Member& member : group.members) {
    if (room.passed()) return;
    Response::Member& out = room.row(row.members);
    out.member_id = member.member_id;
    out.group_instance_id = member.instance_id;
    out.client_id = member.client_id;
    out.client_host = member.client_host;
    out.member_metadata = as_bytes(member.metadata);
    out.member_assignment = as_bytes(member.assignment);
  }
}

void answer(DescribeGroupsJob& job) {
  Response response;
  AnswerRoom& room = job.call.room();
  for (const std::string_view id : job.call.request().groups) {
    if (room.passed()) break;
    Described& described = job.groups.at(id);
    // mutant groups_told_often: left out
    if (std::exchange(described.told, true)) continue;
    Response::Group& row = room.row(response.groups);
    row.group_id = id;
    row.error_code = described.error;
    if (described.error == ErrorCode::kGroupIdNotFound) {
      row.group_state = name_of(group::ClassicState::kDead);
      if (job.call.version() < kNotFound) {
        row.error_code = ErrorCode::kNone;
      } else {
        row.error_message = described.message;
      }
    } else if (described.error == ErrorCode::kNone) {
      row.group_state = name_of(described.group.state);
      row.protocol_type = described.group.protocol_type;
      row.protocol_data = described.group.protocol;
      write_members(room, described.group, row);
    }
    if (job.call.request().include_authorized_operations && row.error_code == ErrorCode::kNone)
      row.authorized_operations = kGroupOperations;
  }
  job.call.answer(response);
}

}  // namespace

template <>
void handle<DescribeGroups>(Broker& broker, Call<DescribeGroups> call) {
  const auto job = std::make_shared<DescribeGroupsJob>(broker, std::move(call));
  for (const std::string_view id : job->call.request().groups) job->groups.try_emplace(id);
  job->left = job->groups.size() + 1;
  const auto finish_group = [job] {
    if (--job->left == 0) answer(*job);
  };
  for (auto& [id, described] : job->groups)
    broker.groups->use(id, [job, id, &described, finish_group](ErrorCode error, const GroupShard* groups) {
      described.error = error;
      if (groups != nullptr) describe(*groups, id, described, job->bytes);
      on_shard(job->broker.host, job->call.shard(), finish_group);
    });
  finish_group();
}

}  // namespace chronik::kafka
