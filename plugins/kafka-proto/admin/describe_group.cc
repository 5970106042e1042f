// GET /v1/groups/ID: members with what they read, and how far the group is: committed offset, end of the log, lag.
#include <boost/json.hpp>
#include <map>
#include <memory>
#include <utility>

#include "kafka-proto/admin/routes.h"
#include "kafka-proto/group/description.h"
#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {
namespace {

namespace json = boost::json;

constexpr size_t kMaxRows = 20'000;  // of partitions; how many more there are is said

struct Row {
  std::optional<int64_t> committed;
  std::string metadata;
  std::string member;  // empty: nobody reads it
};

struct DescribeJob {
  const AdminContext context;
  AdminReply reply;
  bool is_known = false;
  GroupDescription description{};
  std::map<std::pair<std::string, int32_t>, Row> rows{};
  size_t left_out = 0;

  // Null: there is no room for it.
  Row* row(const std::string& topic, int32_t partition) {
    const auto found = rows.find({topic, partition});
    if (found != rows.end()) return &found->second;
    if (rows.size() < kMaxRows) return &rows[{topic, partition}];
    ++left_out;
    return nullptr;
  }
};

// ---- on the shard of the group ----

void look_up(DescribeJob& job, const std::string& id, const GroupShard& groups) {
  const group::Group* const group = groups.table().find(id);
  if (group == nullptr) return;
  job.is_known = true;
  const Catalog catalog(job.context.services);
  const auto name_of_topic = [&](const chr_uuid& topic) {
    const std::optional<chr_topic> known = catalog.topic(topic);
    return known.has_value() ? std::string(from_abi(known->name)) : std::string();
  };
  job.description = describe(id, *group, groups.find_live(id), name_of_topic);
  for (const auto& [topic, partitions] : group->offsets.topics()) {
    for (const auto& [partition, committed] : partitions) {
      Row* const row = job.row(topic, partition);
      if (row == nullptr) continue;
      row->committed = committed.offset;
      row->metadata = committed.metadata;
    }
  }
  for (const GroupDescription::Member& member : job.description.members)
    for (const group::NamedPartitions& each : member.partitions)
      for (const int32_t partition : each.partitions)
        if (Row* const row = job.row(each.topic, partition); row != nullptr) row->member = member.id;
}

// ---- on shard 0 ----

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(to_utf8(text));
}

json::array members_of(const GroupDescription& description) {
  json::array out;
  for (const GroupDescription::Member& member : description.members) {
    json::array partitions;
    for (const group::NamedPartitions& each : member.partitions)
      partitions.push_back(
          json::object{{"topic", to_utf8(each.topic)},
                       {"partitions", json::array(each.partitions.begin(), each.partitions.end())}});
    out.push_back(json::object{{"id", to_utf8(member.id)},
                               {"instance_id", text_or_null(member.instance_id.value_or(""))},
                               {"client_id", to_utf8(member.client_id)},
                               {"client_host", to_utf8(member.client_host)},
                               {"assignment", std::move(partitions)}});
  }
  return out;
}

json::object row_of(const std::pair<std::string, int32_t>& at, const Row& row, const LogOffsets::Found& end) {
  json::object out{{"topic", to_utf8(at.first)},
                   {"partition", at.second},
                   {"committed", nullptr},
                   {"log_end", nullptr},
                   {"lag", nullptr},
                   {"member", text_or_null(row.member)},
                   {"metadata", to_utf8(row.metadata)}};
  const bool is_known = end.error == ErrorCode::kNone && end.offset >= 0;
  if (row.committed.has_value()) out["committed"] = *row.committed;
  if (is_known) out["log_end"] = end.offset;
  if (is_known && row.committed.has_value()) out["lag"] = end.offset - *row.committed;
  return out;
}

void answer(const DescribeJob& job, const std::vector<LogOffsets::Found>& ends) {
  const GroupSummary& summary = job.description.summary;
  json::array offsets;
  int64_t lag = 0;
  for (const auto& [at, row] : job.rows) {
    offsets.push_back(row_of(at, row, ends[offsets.size()]));
    if (const int64_t* const one = offsets.back().as_object()["lag"].if_int64()) lag += *one;
  }
  json::object out{{"id", to_utf8(summary.id)},
                   {"kind", name_of(summary.kind)},
                   {"state", summary.state},
                   {"protocol_type", to_utf8(summary.protocol_type)},
                   {"protocol", to_utf8(job.description.protocol)},
                   {"generation", job.description.generation},
                   {"coordinator", job.context.services.host.node().id},
                   {"lag", lag},
                   {"members", members_of(job.description)},
                   {"offsets", std::move(offsets)},
                   {"offsets_left_out", job.left_out}};
  job.reply(admin_answer(out));
}

void find_ends(const std::shared_ptr<DescribeJob>& job) {
  std::vector<LogOffsets::Wanted> wanted;
  for (const auto& [at, row] : job->rows) wanted.push_back({at.first, at.second, kLatest});
  job->context.logs.find(std::move(wanted),
                         [job](const std::vector<LogOffsets::Found>& ends) { answer(*job, ends); });
}

}  // namespace

void describe_group(const AdminContext& context, const std::string& id, const AdminReply& reply) {
  const auto job = std::make_shared<DescribeJob>(context, reply);
  context.groups.use(id, [job, id](ErrorCode error, GroupShard* groups) {
    if (groups != nullptr) look_up(*job, id, *groups);
    on_shard(job->context.services.host, 0, [job, id, error] {
      if (error != ErrorCode::kNone) return job->reply(admin_refusal(error, id));
      if (!job->is_known) return job->reply(admin_refusal(ErrorCode::kGroupIdNotFound, id));
      find_ends(job);
    });
  });
}

}  // namespace chronik::kafka
