// DeleteGroups (42): deletes groups that have no members, with their offsets.
#include <map>
#include <utility>

#include "kafka-proto/group/coordinator.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/delete_groups.h"
#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {
namespace {

struct DeleteGroupsJob {
  Broker& broker;
  Call<DeleteGroups> call;
  // What became of each, once however often the request names it.
  std::map<std::string_view, ErrorCode> groups{};
  size_t left = 0;
};

void answer(DeleteGroupsJob& job) {
  DeleteGroupsResponse response;
  for (const auto& [id, error] : job.groups) {
    auto& row = job.call.room().row(response.results);
    row.group_id = id;
    row.error_code = error;
  }
  job.call.answer(response);
}

}  // namespace

template <>
void handle<DeleteGroups>(Broker& broker, Call<DeleteGroups> call) {
  const auto job = std::make_shared<DeleteGroupsJob>(broker, std::move(call));
  for (const std::string_view id : job->call.request().groups_names) job->groups.try_emplace(id);
  job->left = job->groups.size() + 1;
  const auto finish_group = [job] {
    if (--job->left == 0) answer(*job);
  };
  for (auto& [id, result] : job->groups) {
    const auto finish = [job, &result, finish_group](ErrorCode error) {
      result = error;
      on_shard(job->broker.host, job->call.shard(), finish_group);
    };
    broker.groups->use(id, [id, finish](ErrorCode error, GroupShard* groups) {
      if (groups == nullptr) return finish(error);
      // It takes no turn of what is not there.
      if (groups->table().find(id) == nullptr) return finish(ErrorCode::kGroupIdNotFound);
      groups->remove(std::string(id), finish);
    });
  }
  finish_group();
}

}  // namespace chronik::kafka
