#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <utility>

#include "bench/groups/connection.h"
#include "bench/groups/coordinator_link.h"
#include "bench/groups/workloads.h"
#include "kafka-proto/messages/find_coordinator.h"
#include "kafka-proto/messages/offset_commit.h"
#include "kafka-proto/messages/offset_fetch.h"

namespace chronik::bench {
namespace {

using kafka::ErrorCode;

constexpr seconds kPatience{300};
// Groups whose requests are on their way, each on a connection of its own: brokers answer those of one connection one
// after the other.
constexpr int kAtOnce = 200;

std::string group_name(int i) { return "offsets-" + std::to_string(i); }

// What group i has in a partition.
int64_t offset_of(int i, int32_t partition) { return int64_t{i} * 100 + partition; }

// A request for each group, each again until it is answered well.
class OffsetGroups {
 public:
  OffsetGroups(Words& words, bool is_check)
      : bootstrap_(parse_addresses(words.text())),
        topic_(words.text()),
        partitions_(words.count()),
        count_(words.count()),
        stride_(is_check ? words.count() : 1),
        is_check_(is_check) {}

  void run() {
    const auto start = Clock::now();
    while (in_flight_ < kAtOnce && next_ < count_) begin_next(in_flight_);
    loop_.run_until([&] { return in_flight_ == 0 && next_ >= count_; }, kPatience, "all groups are answered");
    std::printf("{\"groups\": %d, \"took_s\": %.3f}\n", done_, ms_between(start, Clock::now()) / 1e3);
  }

 private:
  // A group, and which of the connections to a broker is its own.
  struct Turn {
    int group;
    int lane;
  };

  void begin_next(int lane) {
    ++in_flight_;
    find({std::exchange(next_, next_ + stride_), lane});
  }

  void find(Turn turn) {
    const std::shared_ptr<Connection> broker = broker_at(bootstrap_[asked_++ % bootstrap_.size()], turn.lane);
    if (broker == nullptr) return again(turn);
    const std::string name = group_name(turn.group);
    kafka::FindCoordinatorRequest request;
    request.coordinator_keys = {name};
    broker->call<kafka::FindCoordinator>(
        4, request, [this, turn](const kafka::FindCoordinatorResponse* answer) {
          if (answer == nullptr || answer->coordinators.at(0).error_code != ErrorCode::kNone)
            return again(turn);
          const auto& found = answer->coordinators.at(0);
          const std::shared_ptr<Connection> coordinator =
              broker_at({std::string(found.host), found.port}, turn.lane);
          if (coordinator == nullptr) return again(turn);
          is_check_ ? fetch(*coordinator, turn) : commit(*coordinator, turn);
        });
  }

  void commit(Connection& coordinator, Turn turn) {
    const std::string name = group_name(turn.group);
    kafka::OffsetCommitRequest request;
    request.group_id = name;
    auto& topic = request.topics.emplace_back();
    topic.name = topic_;
    for (int32_t p = 0; p < partitions_; ++p)
      topic.partitions.push_back({p, offset_of(turn.group, p), -1, ""});
    coordinator.call<kafka::OffsetCommit>(9, request,
                                          [this, turn](const kafka::OffsetCommitResponse* answer) {
                                            if (answer == nullptr) return again(turn);
                                            answered(turn, answer->topics.at(0).partitions.at(0).error_code);
                                          });
  }

  void fetch(Connection& coordinator, Turn turn) {
    const std::string name = group_name(turn.group);
    kafka::OffsetFetchRequest request;
    request.groups = {{name, std::nullopt, -1, std::nullopt}};
    coordinator.call<kafka::OffsetFetch>(9, request, [this, turn](const kafka::OffsetFetchResponse* answer) {
      if (answer == nullptr) return again(turn);
      const auto& group = answer->groups.at(0);
      if (group.error_code == ErrorCode::kNone) check(turn.group, group);
      answered(turn, group.error_code);
    });
  }

  void check(int i, const kafka::OffsetFetchResponse::Group& group) const {
    size_t right = 0;
    for (const auto& topic : group.topics)
      for (const auto& partition : topic.partitions)
        if (partition.committed_offset == offset_of(i, partition.partition_index)) ++right;
    if (right != static_cast<size_t>(partitions_)) die(group_name(i) + " does not have what it committed");
  }

  void answered(Turn turn, ErrorCode error) {
    if (is_coordinator_gone(error)) return again(turn);
    if (error != ErrorCode::kNone)
      die(group_name(turn.group) + " gets error " + std::to_string(static_cast<int>(error)));
    ++done_;
    --in_flight_;
    if (next_ < count_) begin_next(turn.lane);
  }

  void again(Turn turn) {
    loop_.after(CoordinatorLink::kRetry, [this, turn] { find(turn); });
  }

  std::shared_ptr<Connection> broker_at(const Address& address, int lane) {
    std::shared_ptr<Connection>& broker = brokers_[{address.port, lane}];
    if (broker == nullptr || !broker->is_open()) broker = Connection::open(loop_, address);
    return broker;
  }

  Loop loop_;
  const std::vector<Address> bootstrap_;
  const std::string topic_;
  const int32_t partitions_;
  const int count_, stride_;
  const bool is_check_;
  std::map<std::pair<int, int>, std::shared_ptr<Connection>> brokers_;  // by port and lane
  size_t asked_ = 0;
  int next_ = 0, in_flight_ = 0, done_ = 0;
};

}  // namespace

void fill_offsets(Words words) { OffsetGroups(words, false).run(); }

void check_offsets(Words words) { OffsetGroups(words, true).run(); }

}  // namespace chronik::bench
