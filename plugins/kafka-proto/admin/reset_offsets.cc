// POST /v1/groups/ID/offsets: commits in the name of a group without members, by Kafka's rules of resetting offsets.
//
//   {"to": "earliest" | "latest" | "offset" | "timestamp" | "shift", "value": N, "topics": ["orders",
//    {"topic": "orders", "partitions": [0, 1]}], "execute": true}
//
// Without topics: all that the group has committed to. Without execute nothing is committed, and the answer says what
// would be. Either all partitions are committed, in one batch, or none.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "kafka-proto/admin/routes.h"
#include "kafka-proto/group/description.h"
#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {
namespace {

namespace json = boost::json;

constexpr size_t kMaxRows = 5'000;  // partitions of one request: they go into one batch

enum class Target { kEarliest, kLatest, kOffset, kTimestamp, kShift };

struct Reset {
  Target to = Target::kEarliest;
  int64_t value = 0;
  bool all_topics = false;
  std::map<std::string, std::set<int32_t>> topics;  // empty: all its partitions
  bool execute = false;
};

// A partition that is reset.
struct Row {
  std::string topic;
  int32_t partition;
  chr_uuid topic_id;
  std::optional<int64_t> committed;
  int64_t to = -1;
};

struct ResetJob {
  const AdminContext context;
  std::string id;
  AdminReply reply;
  Reset reset;
  bool is_known = false;
  std::map<std::pair<std::string, int32_t>, int64_t> committed{};
  std::vector<Row> rows{};
};
using Job = std::shared_ptr<ResetJob>;

// ---- the request ----

std::optional<Target> target_of(std::string_view text) {
  if (text == "earliest") return Target::kEarliest;
  if (text == "latest") return Target::kLatest;
  if (text == "offset") return Target::kOffset;
  if (text == "timestamp") return Target::kTimestamp;
  if (text == "shift") return Target::kShift;
  return std::nullopt;
}

// Whether it is a topic, or a topic with partitions.
bool read_topic(const json::value& value, Reset& out) {
  if (const json::string* const name = value.if_string()) return out.topics[std::string(*name)].empty();
  const json::object* const object = value.if_object();
  const json::value* const name = object == nullptr ? nullptr : object->if_contains("topic");
  const json::value* const list = object == nullptr ? nullptr : object->if_contains("partitions");
  if (name == nullptr || !name->is_string() || list == nullptr || !list->is_array()) return false;
  std::set<int32_t>& partitions = out.topics[std::string(name->as_string())];
  for (const json::value& each : list->as_array()) {
    const int64_t* const index = each.if_int64();
    if (index == nullptr || *index < 0 || *index > INT32_MAX) return false;
    partitions.insert(static_cast<int32_t>(*index));
  }
  return !partitions.empty();
}

std::optional<Reset> read_reset(std::string_view body) {
  boost::system::error_code failed;
  const json::value root = json::parse({body.data(), body.size()}, failed);
  const json::object* const object = failed ? nullptr : root.if_object();
  if (object == nullptr) return std::nullopt;
  Reset out;
  const json::value* const to = object->if_contains("to");
  const auto target = to != nullptr && to->is_string() ? target_of(to->as_string()) : std::nullopt;
  if (!target.has_value()) return std::nullopt;
  out.to = *target;
  const json::value* const value = object->if_contains("value");
  const bool needs_value = out.to != Target::kEarliest && out.to != Target::kLatest;
  if (needs_value != (value != nullptr && value->is_int64())) return std::nullopt;
  if (needs_value) out.value = value->as_int64();
  if (out.to != Target::kShift && out.value < 0) return std::nullopt;
  const json::value* const execute = object->if_contains("execute");
  if (execute != nullptr && !execute->is_bool()) return std::nullopt;
  out.execute = execute != nullptr && execute->as_bool();
  const json::value* const topics = object->if_contains("topics");
  out.all_topics = topics == nullptr;
  if (out.all_topics) return out;
  if (!topics->is_array() || topics->as_array().empty()) return std::nullopt;
  for (const json::value& each : topics->as_array())
    if (!read_topic(each, out)) return std::nullopt;
  return out;
}

// ---- the partitions ----

// NONE, or why this group is not to be reset. On the group's shard.
ErrorCode check_group(const std::string& id, const GroupShard& groups) {
  const group::Group* const group = groups.table().find(id);
  const group::ClassicGroup* const live = groups.find_live(id);
  if (live != nullptr && !live->members().empty()) return ErrorCode::kNonEmptyGroup;
  if (group != nullptr && summarize(id, *group, live).members > 0) return ErrorCode::kNonEmptyGroup;
  return ErrorCode::kNone;
}

void read_committed(ResetJob& job, const GroupShard& groups) {
  const group::Group* const group = groups.table().find(job.id);
  if (group == nullptr) return;
  job.is_known = true;
  for (const auto& [topic, partitions] : group->offsets.topics())
    for (const auto& [partition, committed] : partitions)
      job.committed[{topic, partition}] = committed.offset;
}

void add_row(ResetJob& job, const chr_topic& topic, int32_t partition) {
  std::string name(from_abi(topic.name));
  const auto found = job.committed.find({name, partition});
  auto committed = found == job.committed.end() ? std::nullopt : std::optional(found->second);
  job.rows.push_back({std::move(name), partition, topic.id, committed});
}

// Empty, or why the request names what is not there.
std::string add_named(ResetJob& job, const Catalog& catalog) {
  for (const auto& [name, partitions] : job.reset.topics) {
    const std::optional<chr_topic> topic = catalog.topic(name);
    if (!topic.has_value()) return fmt::format("there is no topic '{:.80}'", to_utf8(name));
    for (const int32_t partition : partitions) {
      if (static_cast<uint32_t>(partition) >= topic->n_partitions)
        return fmt::format("topic '{}' has no partition {}", name, partition);
      add_row(job, *topic, partition);
    }
    for (uint32_t i = 0; partitions.empty() && i < topic->n_partitions; ++i)
      add_row(job, *topic, static_cast<int32_t>(i));
    if (job.rows.size() > kMaxRows) break;
  }
  return {};
}

// Of topics that are gone there is nothing to reset.
void add_committed(ResetJob& job, const Catalog& catalog) {
  for (const auto& [at, offset] : job.committed) {
    const std::optional<chr_topic> topic = catalog.topic(at.first);
    if (topic.has_value() && static_cast<uint32_t>(at.second) < topic->n_partitions)
      add_row(job, *topic, at.second);
  }
}

// ---- where to ----

// Empty, or why there is no such offset.
std::string set_target(const Reset& reset, Row& row, int64_t earliest, int64_t latest, int64_t at_time) {
  switch (reset.to) {
    case Target::kEarliest:
      row.to = earliest;
      return {};
    case Target::kLatest:
      row.to = latest;
      return {};
    case Target::kOffset:
      row.to = std::clamp(reset.value, earliest, latest);
      return {};
    case Target::kTimestamp:
      row.to = at_time >= 0 ? at_time : latest;
      return {};
    case Target::kShift:
      break;
  }
  if (!row.committed.has_value()) return "nothing is committed there that could be shifted";
  int64_t to = 0;
  if (__builtin_add_overflow(*row.committed, reset.value, &to)) to = reset.value < 0 ? earliest : latest;
  row.to = std::clamp(to, earliest, latest);
  return {};
}

void answer(const ResetJob& job) {
  json::array list;
  for (const Row& row : job.rows)
    list.push_back(
        json::object{{"topic", to_utf8(row.topic)},
                     {"partition", row.partition},
                     {"from", row.committed.has_value() ? json::value(*row.committed) : json::value(nullptr)},
                     {"to", row.to}});
  job.reply(
      admin_answer({{"id", to_utf8(job.id)}, {"executed", job.reset.execute}, {"offsets", std::move(list)}}));
}

void commit(const Job& job) {
  GroupShard::CommitRequest request;
  request.group = job->id;
  const int64_t now_ms = job->context.services.host.unix_ms();
  for (const Row& row : job->rows)
    request.offsets.push_back({job->id, row.topic, row.partition,
                               group::OffsetCommitRecord::Value{row.to, -1, "", now_ms, -1, row.topic_id}});
  const auto finish = [job](ErrorCode error) {
    on_shard(job->context.services.host, 0, [job, error] {
      error == ErrorCode::kNone ? answer(*job) : job->reply(admin_refusal(error, job->id));
    });
  };
  job->context.groups.use(job->id, [job, finish, request = std::move(request)](ErrorCode error,
                                                                               GroupShard* groups) {
    if (groups != nullptr) error = check_group(job->id, *groups);
    if (error != ErrorCode::kNone) return finish(error);
    groups->commit_offsets(request, [finish](const GroupShard::CommitResult& done) { finish(done.error); });
  });
}

void set_targets(const Job& job, const std::vector<LogOffsets::Found>& found) {
  const size_t each = job->reset.to == Target::kTimestamp ? 3 : 2;
  for (size_t i = 0; i < job->rows.size(); ++i) {
    Row& row = job->rows[i];
    std::string why;
    for (size_t k = 0; k < each; ++k)
      if (found[i * each + k].error != ErrorCode::kNone)
        why = fmt::format("its leader did not say where its log begins and ends (error {})",
                          static_cast<int>(found[i * each + k].error));
    if (why.empty())
      why = set_target(job->reset, row, found[i * each].offset, found[i * each + 1].offset,
                       each == 3 ? found[i * each + 2].offset : -1);
    if (!why.empty())
      return job->reply(
          admin_refusal(409, fmt::format("partition {} of topic '{}': {}; nothing was committed",
                                         row.partition, row.topic, why)));
  }
  job->reset.execute ? commit(job) : answer(*job);
}

// On shard 0.
void find_targets(const Job& job) {
  std::string missing;
  {
    const Catalog catalog(job->context.services);
    if (job->reset.all_topics) {
      add_committed(*job, catalog);
    } else {
      missing = add_named(*job, catalog);
    }
  }
  if (!missing.empty()) return job->reply(admin_refusal(404, missing));
  if (job->rows.size() > kMaxRows)
    return job->reply(admin_refusal(
        400, fmt::format("that are more than {} partitions: name topics, one after the other", kMaxRows)));
  std::vector<LogOffsets::Wanted> wanted;
  for (const Row& row : job->rows) {
    wanted.push_back({row.topic, row.partition, kEarliest});
    wanted.push_back({row.topic, row.partition, kLatest});
    if (job->reset.to == Target::kTimestamp) wanted.push_back({row.topic, row.partition, job->reset.value});
  }
  job->context.logs.find(std::move(wanted),
                         [job](const std::vector<LogOffsets::Found>& found) { set_targets(job, found); });
}

}  // namespace

void reset_offsets(const AdminContext& context, const std::string& id, std::string_view body,
                   const AdminReply& reply) {
  std::optional<Reset> reset = read_reset(body);
  if (!reset.has_value())
    return reply(admin_refusal(
        400, R"(the body must be like {"to": "offset", "value": 42, "topics": ["orders"], "execute": true}; )"
             R"("to" is earliest, latest, offset, timestamp or shift, the last three with a value)"));
  const auto job = std::make_shared<ResetJob>(context, id, reply, std::move(*reset));
  context.groups.use(id, [job](ErrorCode error, GroupShard* groups) {
    if (groups != nullptr) error = check_group(job->id, *groups);
    if (groups != nullptr) read_committed(*job, *groups);
    on_shard(job->context.services.host, 0, [job, error] {
      if (error != ErrorCode::kNone) return job->reply(admin_refusal(error, job->id));
      if (!job->is_known && job->reset.all_topics)
        return job->reply(admin_refusal(ErrorCode::kGroupIdNotFound, job->id));
      find_targets(job);
    });
  });
}

}  // namespace chronik::kafka
