#include "kafka-proto/admin/group_metrics.h"

#include <fmt/format.h>

#include <algorithm>

#include "kafka-proto/group/coordinator.h"
#include "kafka-proto/group/description.h"
#include "kafka-proto/group/walk.h"
#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {
namespace {

using Place = std::pair<std::string, int32_t>;  // a topic's partition

std::string label(std::string_view name, std::string_view value) {
  std::string out = fmt::format("{}=\"", name);
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

// What is read of a group.
struct GroupMetrics::Group {
  std::string id;
  size_t members;
  std::map<std::string, std::map<int32_t, int64_t>> committed;
};

struct GroupMetrics::Round {
  uint64_t number;
  CallCount count;
  std::vector<std::shared_ptr<Partition>> homes;  // of groups, that are yet to be read
  std::vector<Group> groups{};
  std::map<Place, int64_t> ends{};  // those that are known; -1: not yet
  size_t read = 0;                  // offsets
  size_t next = 0;                  // of the groups, to be set
  size_t series = 0;
  size_t left_out = 0;
  std::string removed_to{};  // of the series, by key

  // On the shard of the partition, while nobody else touches this.
  void read_group(const GroupShard& shard, const std::string& id, const group::Group& group) {
    const size_t offsets = group.offsets.size();
    if (groups.size() + read + offsets > kMaxSeries) {
      left_out += 1 + 2 * (group.offsets.topics().size() + offsets);
      return;
    }
    read += offsets;
    Group& row = groups.emplace_back(id, summarize(id, group, shard.find_live(id)).members);
    for (const auto& [topic, partitions] : group.offsets.topics())
      for (const auto& [partition, committed] : partitions) {
        row.committed[topic][partition] = committed.offset;
        ends.emplace(Place(topic, partition), -1);
      }
  }
};

GroupMetrics::GroupMetrics(Services& services, PartitionDirectory& partitions, LogOffsets& logs)
    : services_(services),
      partitions_(partitions),
      logs_(logs),
      left_out_metric_(services.host.gauge("chronik_group_series_left_out",
                                           "Series of groups that are not shown, as there are too many.")) {}

void GroupMetrics::start() {
  if (stopped_) return;
  timer_ = services_.host.timer(
      kIntervalNs, [](void* self) { static_cast<GroupMetrics*>(self)->begin_round(); }, this);
}

void GroupMetrics::stop() {
  stopped_ = true;
  if (timer_ != 0) services_.host.cancel_timer(std::exchange(timer_, 0));
}

// ---- reading ----

void GroupMetrics::begin_round() {
  timer_ = 0;
  const auto round = std::make_shared<Round>(++rounds_, CallCount(services_));
  const std::shared_ptr<const PartitionMap> map = partitions_.map();
  if (const HostedTopic* const topic = map->find(kOffsetsTopic); topic != nullptr)
    std::ranges::copy_if(topic->partitions, std::back_inserter(round->homes),
                         [](const auto& partition) { return partition != nullptr; });
  read_next(round);
}

// One after the other, in turns of their shards.
void GroupMetrics::read_next(const std::shared_ptr<Round>& round) {
  if (stopped_) return;
  if (round->homes.empty()) return find_ends(round);
  const std::shared_ptr<Partition> home = std::move(round->homes.back());
  round->homes.pop_back();
  services_.host.post(home->shard(), [this, round, home] {
    walk_groups(
        services_.host, home, "",
        [round](const GroupShard& shard, const std::string& id, const group::Group& group) {
          round->read_group(shard, id, group);
          return true;
        },
        [this, round](bool) { services_.host.post(0, [this, round] { read_next(round); }); });
  });
}

void GroupMetrics::find_ends(const std::shared_ptr<Round>& round) {
  std::vector<LogOffsets::Wanted> wanted;
  for (const auto& [place, unknown] : round->ends) wanted.push_back({place.first, place.second, kLatest});
  logs_.find(wanted, [this, round, wanted](const std::vector<LogOffsets::Found>& found) {
    for (size_t i = 0; i < found.size(); ++i)
      if (found[i].error == ErrorCode::kNone && found[i].offset >= 0)
        round->ends[{wanted[i].topic, wanted[i].partition}] = found[i].offset;
    set_slice(round);
  });
}

// ---- setting ----

void GroupMetrics::set_slice(const std::shared_ptr<Round>& round) {
  if (stopped_) return;
  const size_t enough = round->series + round->left_out + kMaxSlice;
  while (round->next < round->groups.size() && round->series + round->left_out < enough)
    set_group(*round, round->groups[round->next++]);
  if (round->next == round->groups.size()) return remove_slice(round);
  services_.host.post(0, [this, round] { set_slice(round); });
}

void GroupMetrics::set_group(Round& round, const Group& group) {
  const std::string labels = label("consumergroup", group.id);
  set_series(round, "kafka_consumergroup_members", "Members of the group.", labels,
             static_cast<int64_t>(group.members));
  for (const auto& [topic, committed] : group.committed) set_topic(round, labels, topic, committed);
}

// Of a topic that the group has committed to, partitions to which it has not are told by -1.
void GroupMetrics::set_topic(Round& round, const std::string& group_label, const std::string& topic,
                             const std::map<int32_t, int64_t>& committed) {
  const std::string labels = group_label + "," + label("topic", topic);
  const Catalog catalog(services_);
  const std::optional<chr_topic> known = catalog.topic(topic);
  if (!known.has_value()) return;
  int64_t offset_sum = 0, lag_sum = 0;
  for (int32_t partition = 0; partition < static_cast<int32_t>(known->n_partitions); ++partition) {
    const auto found = committed.find(partition);
    const int64_t offset = found == committed.end() ? -1 : found->second;
    const std::string of_partition = fmt::format("{},partition=\"{}\"", labels, partition);
    offset_sum += offset;
    set_series(round, "kafka_consumergroup_current_offset", "What the group has committed; -1: nothing.",
               of_partition, offset);
    const auto end = round.ends.find(Place(topic, partition));
    if (offset >= 0 && (end == round.ends.end() || end->second < 0)) continue;
    const int64_t lag = offset < 0 ? -1 : std::max<int64_t>(end->second - offset, 0);
    lag_sum += std::max<int64_t>(lag, 0);
    set_series(round, "kafka_consumergroup_lag",
               "Records that the group has not committed yet; -1: it has committed nothing.", of_partition,
               lag);
  }
  set_series(round, "kafka_consumergroup_current_offset_sum", "Current offsets of the topic's partitions.",
             labels, offset_sum);
  set_series(round, "kafka_consumergroup_lag_sum", "Lags of the topic's partitions.", labels, lag_sum);
}

void GroupMetrics::set_series(Round& round, std::string_view name, std::string_view help,
                              const std::string& labels, int64_t value) {
  if (round.series >= kMaxSeries) {
    ++round.left_out;
    return;
  }
  ++round.series;
  const std::string key = fmt::format("{}{{{}}}", name, labels);
  auto found = series_.find(key);
  if (found == series_.end())
    found = series_.emplace(key, Series{services_.host.gauge(name, help, labels), 0}).first;
  found->second.round = round.number;
  services_.host.set(found->second.metric, static_cast<double>(value));
}

void GroupMetrics::remove_slice(const std::shared_ptr<Round>& round) {
  if (stopped_) return;
  auto each = series_.lower_bound(round->removed_to);
  for (size_t looked = 0; looked < kMaxSlice && each != series_.end(); ++looked) {
    if (each->second.round == round->number) {
      ++each;
      continue;
    }
    services_.host.remove_metric(each->second.metric);
    each = series_.erase(each);
  }
  if (each != series_.end()) {
    round->removed_to = each->first;
    return services_.host.post(0, [this, round] { remove_slice(round); });
  }
  services_.host.set(left_out_metric_, static_cast<double>(round->left_out));
  start();
}

}  // namespace chronik::kafka
