// LogOffsets: where logs begin, end or were at a time, wherever they are led: one ListOffsets for each node that
// leads some of them. It answers those of other nodes, too. Everything on shard 0.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kafka-proto/cluster/catalog.h"
#include "kafka-proto/cluster/peer_calls.h"
#include "kafka-proto/messages/list_offsets.h"
#include "kafka-proto/partition/directory.h"
#include "kafka-proto/partition/offsets.h"

namespace chronik::kafka {

class LogOffsets {
 public:
  static constexpr uint64_t kTimeoutNs = 5'000'000'000;
  static constexpr int16_t kVersion = 9;

  struct Wanted {
    std::string topic;
    int32_t partition = 0;
    int64_t timestamp = kLatest;  // or a special one (see offsets.h)
  };
  struct Found {
    ErrorCode error = ErrorCode::kLeaderNotAvailable;
    int64_t offset = -1;  // -1 without an error: there is none
  };

  // Before the channel opens.
  LogOffsets(Services& services, PartitionDirectory& partitions, PeerCalls& calls);
  LogOffsets(const LogOffsets&) = delete;
  LogOffsets& operator=(const LogOffsets&) = delete;

  // done(found) by what was wanted, perhaps before the return.
  using Done = std::function<void(const std::vector<Found>& found)>;
  void find(std::vector<Wanted> wanted, Done done);

 private:
  struct Job;
  using Places = std::vector<size_t>;  // in the job

  void find_here(const std::shared_ptr<Job>& job, const Places& places);
  void find_there(const std::shared_ptr<Job>& job, int32_t node, const Places& places);
  void answer(PeerCall<ListOffsets> call);

  Services& services_;
  PartitionDirectory& partitions_;
  PeerCalls& calls_;
};

}  // namespace chronik::kafka
