// A Partition on fakes with the coordinator of a test on it, which leads from the start.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kafka-proto/coordinator/shard.h"
#include "partition/part_testing.h"

namespace chronik::kafka::testing {

inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <class Shard>
class CoordinatedPartition : public TestReplica {
 public:
  using Make =
      std::function<std::shared_ptr<Shard>(const Host&, Partition&, const CoordinatorMetrics& metrics)>;

  explicit CoordinatedPartition(Make make_shard, TopicConfig topic_config = {})
      : topic(std::move(topic_config)), make(std::move(make_shard)) {
    context.members_changed = [](const std::shared_ptr<Partition>&, const std::vector<int32_t>&) {};
    open_partition();
  }
  ~CoordinatedPartition() { close(); }
  // Again, it recovers what was there.
  void open_partition() {
    partition =
        std::make_shared<Partition>(context, PartitionId{{}, 0, "t"}, PartitionMembers{{1, 2, 3}, {}, {}},
                                    std::make_shared<const TopicConfig>(topic));
    shard = make(context.host, *partition, CoordinatorMetrics(context.host, "t"));
    partition->add_observer(shard);
    partition->open([](const Status& status) { EXPECT_TRUE(status); });
    host.run();
  }
  void close() {
    if (partition == nullptr) return;
    partition->close(Partition::Log::kStays, [] {});
    host.run();
    shard = nullptr;
    partition = nullptr;
  }
  void follow(uint64_t term) {
    consensus.follow(group(), 2, term);
    host.run();
  }
  void lead() {
    consensus.elect(group());
    host.run();
  }
  const FakeConsensus::Group& log() const { return consensus.group(group()); }
  // Batches of records.
  size_t batches() const {
    size_t n = 0;
    for (const FakeConsensus::Entry& entry : log().log) n += entry.header.kind == CHR_ENTRY_DATA ? 1 : 0;
    return n;
  }

  TopicConfig topic;
  const Make make;
  std::shared_ptr<Partition> partition;
  std::shared_ptr<Shard> shard;
};

}  // namespace chronik::kafka::testing
