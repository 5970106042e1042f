// OffsetFetch (9): how far groups are. Nothing committed, of a group, a topic or a partition that is there or
// not, is the offset -1 without an error: any other answer ends some clients, or makes them begin anew. What is
// named twice is answered once, as an offset is hundreds of times as long as what asks for it.
#include <atomic>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "kafka-proto/group/coordinator.h"
#include "kafka-proto/group/core/consumer_commit.h"
#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/offset_fetch.h"
#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {
namespace {

using Request = OffsetFetchRequest;
using Response = OffsetFetchResponse;
using Committed = group::Offsets::Committed;

constexpr int16_t kGroupError = 2;  // from here on an answer has room for the error of the group
constexpr int16_t kSeveralGroups = 8;
constexpr int16_t kById = 10;

struct AskedTopic {
  std::string_view name;
  chr_uuid id{};
  std::vector<int32_t> partitions{};
  ErrorCode error = ErrorCode::kNone;
};

// One group of the request, and what came of it.
struct AskedGroup {
  std::string_view id;
  bool all_topics = false;
  std::vector<AskedTopic> topics;
  ErrorCode error = ErrorCode::kNone;
  std::string_view member_id{};  // who asks; empty: nobody in particular
  int32_t member_epoch = -1;
  using Topic = std::pair<std::string, std::vector<std::pair<int32_t, Committed>>>;
  std::vector<Topic> all;                     // what is committed of all topics
  std::vector<std::vector<Committed>> found;  // by topic and partition of the request
};

struct OffsetFetchJob {
  Broker& broker;
  Call<OffsetFetch> call;
  std::vector<AskedGroup> groups;
  size_t left = 0;
  Response response{};
  Texts texts{call.room()};
  std::atomic<uint64_t> taken = 0;  // by what was looked up, on the shards of all groups

  // Beyond it the answer could not be given, and nothing more is looked up.
  bool passed() const { return taken.load(std::memory_order_relaxed) > AnswerRoom::kMaxBytes; }
  void count(const Committed& committed) {
    taken.fetch_add(sizeof(Committed) + committed.metadata.size(), std::memory_order_relaxed);
  }
};

const Committed nothing{};

// ---- on the shard of the group ----

// Else it was committed of another topic, that had the name before.
bool is_of(const Committed& committed, const chr_uuid& topic) {
  // mutant reborn-topic-inherits: return (void)committed, (void)topic, true;
  return is_zero(committed.topic_id) || same(committed.topic_id, topic);
}

const Committed& find_committed(const group::Group* group, const AskedTopic& topic, int32_t partition,
                                bool by_id) {
  const Committed* const found = group == nullptr ? nullptr : group->offsets.find(topic.name, partition);
  return found == nullptr || (by_id && !is_of(*found, topic.id)) ? nothing : *found;
}

void look_up_asked(const group::Group* group, OffsetFetchJob& job, AskedGroup& asked) {
  const bool by_id = job.call.version() >= kById;
  for (const AskedTopic& topic : asked.topics) {
    std::vector<Committed>& found = asked.found.emplace_back();
    for (const int32_t partition : topic.partitions) {
      if (job.passed()) return;
      const Committed& committed = find_committed(group, topic, partition, by_id);
      job.count(committed);
      found.push_back(committed);
    }
  }
}

void look_up_all(const group::Group& group, OffsetFetchJob& job, AskedGroup& asked) {
  for (const auto& [topic, partitions] : group.offsets.topics()) {
    auto& [name, found] = asked.all.emplace_back();
    name = topic;
    for (const auto& [partition, committed] : partitions) {
      if (job.passed()) return;
      job.count(committed);
      found.emplace_back(partition, committed);
    }
  }
}

void look_up(const GroupShard& groups, OffsetFetchJob& job, AskedGroup& asked) {
  const group::Group* const group = groups.table().find(asked.id);
  if (group != nullptr && group->consumer != nullptr)
    asked.error = group::check_fetch(*group->consumer, asked.member_id, asked.member_epoch);
  if (asked.error != ErrorCode::kNone) return;
  if (!asked.all_topics) return look_up_asked(group, job, asked);
  if (group != nullptr) look_up_all(*group, job, asked);
}

// ---- the answer, on the connection's shard ----

template <class Row>
void fill_in(OffsetFetchJob& job, int32_t partition, const Committed& committed, ErrorCode error, Row& row) {
  row.partition_index = partition;
  // mutant nothing-committed-is-zero: row.committed_offset = std::max<int64_t>(committed.offset, 0);
  row.committed_offset = committed.offset;
  row.committed_leader_epoch = committed.leader_epoch;
  row.metadata = committed.metadata;  // which the job keeps
  job.call.room().take_bytes(committed.metadata.size());
  row.error_code = error;
}

template <class Topics>
void add_asked(OffsetFetchJob& job, const AskedGroup& group, ErrorCode of_group, Topics& out) {
  for (size_t i = 0; i < group.topics.size(); ++i) {
    const AskedTopic& topic = group.topics[i];
    auto& row = job.call.room().row(out);
    row.name = topic.name;
    if constexpr (requires { row.topic_id; }) row.topic_id = topic.id;
    const ErrorCode error = topic.error != ErrorCode::kNone ? topic.error : of_group;
    for (size_t k = 0; k < topic.partitions.size() && !job.call.room().passed(); ++k)
      fill_in(job, topic.partitions[k],
              error == ErrorCode::kNone && i < group.found.size() ? group.found[i][k] : nothing, error,
              job.call.room().row(row.partitions));
  }
}

// Where topics go by their ids, those that are gone are left out.
template <class Topics>
void add_all(OffsetFetchJob& job, const Catalog& catalog, const AskedGroup& group, Topics& out) {
  const bool by_id = job.call.version() >= kById;
  for (const auto& [name, partitions] : group.all) {
    const std::optional<chr_topic> known = by_id ? catalog.topic(name) : std::nullopt;
    if (by_id && !known.has_value()) continue;
    bool is_new = true;
    for (const auto& [partition, committed] : partitions) {
      if (job.call.room().passed()) return;
      if (by_id && !is_of(committed, known->id)) continue;
      if (std::exchange(is_new, false)) {
        auto& row = job.call.room().row(out);
        row.name = name;
        if constexpr (requires { row.topic_id; })
          if (by_id) row.topic_id = known->id;
      }
      fill_in(job, partition, committed, ErrorCode::kNone, job.call.room().row(out.back().partitions));
    }
  }
}

template <class Topics>
void add_topics(OffsetFetchJob& job, const Catalog& catalog, const AskedGroup& group, Topics& out) {
  if (group.error != ErrorCode::kNone) return;
  group.all_topics ? add_all(job, catalog, group, out) : add_asked(job, group, ErrorCode::kNone, out);
}

void answer(OffsetFetchJob& job) {
  if (job.passed()) job.call.room().take_bytes(job.taken);
  if (job.call.is_too_large()) return job.call.answer(job.response);
  const int16_t version = job.call.version();
  const Catalog catalog(job.broker);
  if (version >= kSeveralGroups) {
    for (const AskedGroup& group : job.groups) {
      if (job.call.room().passed()) break;
      Response::Group& row = job.call.room().row(job.response.groups);
      row.group_id = group.id;
      row.error_code = group.error;
      add_topics(job, catalog, group, row.topics);
    }
    return job.call.answer(job.response);
  }
  const AskedGroup& group = job.groups.front();
  if (version >= kGroupError) {
    job.response.error_code = group.error;
    add_topics(job, catalog, group, job.response.topics);
  } else {
    add_asked(job, group, group.error, job.response.topics);
  }
  job.call.answer(job.response);
}

// ---- the request ----

// The partitions that a request names, each of them once.
class EachOnce {
 public:
  // Those of partitions that were not there before.
  std::vector<int32_t> add(std::string_view topic, const std::vector<int32_t>& partitions) {
    std::unordered_set<int32_t>& seen = seen_[topic];
    std::vector<int32_t> out;
    for (const int32_t partition : partitions)
      if (seen.insert(partition).second) out.push_back(partition);
    return out;
  }

 private:
  std::unordered_map<std::string_view, std::unordered_set<int32_t>> seen_;
};

std::string_view key_of(const chr_uuid& id) { return {reinterpret_cast<const char*>(&id), sizeof(id)}; }

AskedGroup read_group(const Request& request) {
  AskedGroup out;
  out.id = request.group_id;
  out.all_topics = !request.topics.has_value();
  if (out.all_topics) return out;
  EachOnce once;
  for (const Request::Topic& topic : *request.topics)
    out.topics.push_back({topic.name, {}, once.add(topic.name, topic.partition_indexes)});
  return out;
}

AskedGroup read_group(OffsetFetchJob& job, const Catalog& catalog, const Request::Group& group) {
  const bool by_id = job.call.version() >= kById;
  AskedGroup out;
  out.id = group.group_id;
  out.member_id = group.member_id.value_or("");
  out.member_epoch = group.member_epoch;
  out.all_topics = !group.topics.has_value();
  if (out.all_topics) return out;
  EachOnce once;
  for (const Request::GroupTopic& topic : *group.topics) {
    const std::string_view key = by_id ? key_of(topic.topic_id) : topic.name;
    AskedTopic& asked =
        out.topics.emplace_back(topic.name, topic.topic_id, once.add(key, topic.partition_indexes));
    if (!by_id) continue;
    const std::optional<chr_topic> known = catalog.topic(topic.topic_id);
    if (known.has_value()) {
      asked.name = job.texts.keep(std::string(from_abi(known->name)));
    } else {
      asked.error = absent(catalog, ErrorCode::kUnknownTopicId, ErrorCode::kCoordinatorNotAvailable);
    }
  }
  return out;
}

void ask(const std::shared_ptr<OffsetFetchJob>& job, AskedGroup& group) {
  job->broker.groups->use(group.id, [job, &group](ErrorCode error, GroupShard* groups) {
    // mutant loading-answered-as-empty: const bool loads = error == ErrorCode::kCoordinatorLoadInProgress;
    //     group.error = loads ? ErrorCode::kNone : error;
    group.error = error;
    if (groups != nullptr) look_up(*groups, *job, group);
    on_shard(job->broker.host, job->call.shard(), [job] {
      if (--job->left == 0) answer(*job);
    });
  });
}

}  // namespace

template <>
void handle<OffsetFetch>(Broker& broker, Call<OffsetFetch> call) {
  const auto job = std::make_shared<OffsetFetchJob>(broker, std::move(call));
  const Request& request = job->call.request();
  if (job->call.version() < kSeveralGroups) {
    job->groups.push_back(read_group(request));
  } else {
    const Catalog catalog(broker);
    std::unordered_set<std::string_view> seen;
    for (const Request::Group& group : request.groups)
      if (seen.insert(group.group_id).second) job->groups.push_back(read_group(*job, catalog, group));
  }
  job->left = job->groups.size() + 1;
  for (AskedGroup& group : job->groups) ask(job, group);
  if (--job->left == 0) answer(*job);
}

}  // namespace chronik::kafka
