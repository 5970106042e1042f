// InternalTopic: a topic in which coordinators keep their state. It is made when it is first needed, as in Kafka;
// it has the replicas that are wanted, or as many as there are nodes, and more come when nodes join, so that
// what it holds outlives any one of them. The node that leads __meta sees to that.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "kafka-proto/cluster/catalog.h"
#include "kafka-proto/wire/error_code.h"

namespace chronik::kafka {

class InternalTopic {
 public:
  struct Settings {
    std::string name;
    int32_t partitions = 50;
    int32_t replication_factor = 3;  // or as many as there are nodes where those are fewer
    std::vector<std::pair<std::string, std::string>> configs;
    bool partitions_given = false;  // a topic that has another number of them is refused
  };

  InternalTopic(Services& services, Settings settings)
      : services_(services), settings_(std::move(settings)) {}

  const std::string& name() const { return settings_.name; }
  // Any shard. done(NONE) there, once the catalog of this node has the topic; COORDINATOR_NOT_AVAILABLE.
  using Made = std::function<void(ErrorCode)>;
  void make(Made done);
  // Shard 0: the catalog has changed, or who is up.
  void follow_catalog(const Catalog& catalog);
  // Shard 0: nothing is tried again any more.
  void stop();

 private:
  struct Creation;
  struct Raise;

  void create();
  void created(ErrorCode error);
  void check_partitions(const chr_topic& topic);
  void raise_factor(const Catalog& catalog, const chr_topic& topic);
  void raised(const Raise& raise, chr_status status);

  Services& services_;
  const Settings settings_;
  std::vector<Made> waiting_;        // while it is being made
  uint32_t checked_partitions_ = 0;  // so many are as they shall be
  bool raising_ = false;
  uint64_t retry_timer_ = 0;
};

}  // namespace chronik::kafka
