// GroupMetrics: how far groups are, on /metrics of the node that coordinates them, under kafka_exporter's names and by
// its rules:
//
//   kafka_consumergroup_members{consumergroup}
//   kafka_consumergroup_current_offset{consumergroup,topic,partition}   -1: nothing is committed there, though in
//   kafka_consumergroup_lag{consumergroup,topic,partition}              others of the topic; the lag is -1, too
//   kafka_consumergroup_current_offset_sum{consumergroup,topic}
//   kafka_consumergroup_lag_sum{consumergroup,topic}                    of the lags that are known
//
// Where the end of a log is not known right now there is no lag. Each interval what the groups led here have
// committed is read, partition of __consumer_offsets by partition, then the ends of the logs, then series are set;
// those of a group, an offset or a leadership that is gone are removed. Shard 0.
//
//   state    | is left when
//   resting  | the interval is over: reading
//   reading  | the last shard and the last node has answered: setting
//   setting  | the last slice of series is set: removing
//   removing | the last slice of those that are not set any more: resting
//   any      | stop(): nothing comes any more
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kafka-proto/admin/log_offsets.h"

namespace chronik::kafka {

class GroupMetrics {
 public:
  static constexpr uint64_t kIntervalNs = 15'000'000'000;
  static constexpr size_t kMaxSeries = 50'000;  // beyond it chronik_group_series_left_out counts them
  static constexpr size_t kMaxSlice = 1'000;    // series that one turn of a shard sets or removes

  GroupMetrics(Services& services, PartitionDirectory& partitions, LogOffsets& logs);
  GroupMetrics(const GroupMetrics&) = delete;
  GroupMetrics& operator=(const GroupMetrics&) = delete;

  void start();
  void stop();

 private:
  struct Round;
  struct Group;
  struct Series {
    uint64_t metric;
    uint64_t round;  // the last one that set it
  };

  void begin_round();
  void read_next(const std::shared_ptr<Round>& round);
  void find_ends(const std::shared_ptr<Round>& round);
  void set_slice(const std::shared_ptr<Round>& round);
  void set_group(Round& round, const Group& group);
  void set_topic(Round& round, const std::string& group_label, const std::string& topic,
                 const std::map<int32_t, int64_t>& committed);
  void set_series(Round& round, std::string_view name, std::string_view help, const std::string& labels,
                  int64_t value);
  void remove_slice(const std::shared_ptr<Round>& round);

  Services& services_;
  PartitionDirectory& partitions_;
  LogOffsets& logs_;
  const uint64_t left_out_metric_;
  std::map<std::string, Series, std::less<>> series_;  // by name and labels
  uint64_t rounds_ = 0;
  uint64_t timer_ = 0;
  bool stopped_ = false;
};

}  // namespace chronik::kafka
