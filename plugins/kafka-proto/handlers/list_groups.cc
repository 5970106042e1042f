// ListGroups (16): the groups that this node coordinates, of all kinds. Gathered from the shards of the partitions
// that it leads.
#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <utility>

#include "kafka-proto/group/coordinator.h"
#include "kafka-proto/group/description.h"
#include "kafka-proto/group/walk.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/list_groups.h"
#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {
namespace {

using Request = ListGroupsRequest;
using Response = ListGroupsResponse;
using Names = std::set<std::string, std::less<>>;

// More than these are made into an answer on a blocking thread.
constexpr size_t kMaxRowsInTurn = group::GroupTable::kMaxSlice;

// One partition, and what is led of it here.
struct Part {
  std::shared_ptr<Partition> partition;
  ErrorCode error = ErrorCode::kNone;
  std::vector<GroupSummary> groups{};
};

// Those of one shard.
struct Share {
  std::vector<Part> parts{};
};

// In small letters; empty: all pass.
struct Filter {
  Names states, types;
};

struct ListGroupsJob {
  Broker& broker;
  Call<ListGroups> call;
  Filter filter;
  size_t left = 0;  // shares
  std::vector<Part> parts{};
  Response response{};
};

std::string in_small_letters(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return out;
}

Names read_names(const std::vector<std::string_view>& names) {
  Names out;
  for (const std::string_view name : names) out.insert(in_small_letters(name));
  return out;
}

// Clients know no simple groups.
std::string_view type_of(const GroupSummary& group) {
  return name_of(group.kind == group::GroupKind::kSimple ? group::GroupKind::kClassic : group.kind);
}

// On the shard of the part, which outlives done().
void list_part(const std::shared_ptr<ListGroupsJob>& job, Part* part, const std::function<void()>& done) {
  const auto visit = [&filter = job->filter, part](const GroupShard& groups, const std::string& id,
                                                   const group::Group& group) {
    GroupSummary listed = summarize(id, group, groups.find_live(id));
    const bool passes = (filter.states.empty() || filter.states.contains(in_small_letters(listed.state))) &&
                        (filter.types.empty() || filter.types.contains(type_of(listed)));
    if (passes) part->groups.push_back(std::move(listed));
    return true;
  };
  walk_groups(job->broker.host, part->partition, "", visit, [job, part, done](bool led) {
    if (!led) {
      part->groups.clear();
      job->broker.groups->leading(*part->partition, &part->error);
    }
    done();
  });
}

void answer(ListGroupsJob& job) {
  for (const Part& part : job.parts) {
    // What another node leads is listed there; what comes here would be missing.
    if (part.error == ErrorCode::kCoordinatorLoadInProgress) job.response.error_code = part.error;
    for (const GroupSummary& listed : part.groups) {
      if (job.call.room().passed()) break;
      Response::Group& row = job.call.room().row(job.response.groups);
      row.group_id = listed.id;
      row.protocol_type = listed.protocol_type;
      row.group_state = listed.state;
      row.group_type = type_of(listed);
    }
  }
  if (job.response.error_code != ErrorCode::kNone) job.response.groups.clear();
  job.call.answer(job.response);
}

void one_less(const std::shared_ptr<ListGroupsJob>& job) {
  if (--job->left > 0) return;
  size_t rows = 0;
  for (const Part& part : job->parts) rows += part.groups.size();
  if (rows <= kMaxRowsInTurn) return answer(*job);
  job->broker.host.blocking([job] { answer(*job); });
}

}  // namespace

template <>
void handle<ListGroups>(Broker& broker, Call<ListGroups> call) {
  const Filter filter{read_names(call.request().states_filter), read_names(call.request().types_filter)};
  const auto job = std::make_shared<ListGroupsJob>(broker, std::move(call), filter);
  if (!broker.groups->is_enabled()) {
    job->response.error_code = ErrorCode::kCoordinatorNotAvailable;
    return job->call.answer(job->response);
  }
  std::map<uint32_t, Share> by_shard;
  for (const std::shared_ptr<Partition>& partition : broker.groups->partitions())
    by_shard[partition->shard()].parts.push_back({.partition = partition});
  ByShard<Share> shares;
  for (auto& [shard, share] : by_shard) shares.add(shard, std::move(share));
  job->left = shares.batches() + 1;
  shares.run(
      broker.host, job->call.shard(),
      [job](Share& share, const std::function<void()>& done) {
        one_by_one(
            job->broker.host, share.parts,
            [job](Part& part, const std::function<void()>& next) { list_part(job, &part, next); }, done);
      },
      [job](std::vector<Share>& batch) {
        for (Share& share : batch) std::ranges::move(share.parts, std::back_inserter(job->parts));
        one_less(job);
      });
  one_less(job);
}

}  // namespace chronik::kafka
