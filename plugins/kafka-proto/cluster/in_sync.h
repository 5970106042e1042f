// InSync: which replicas of partitions that other nodes lead are in sync, as their leaders say. A leader
// reports the partitions of which not all replicas are in sync: changes soon after they came, and all of them
// when a link comes up and now and then, since frames may be lost. Replicas of partitions without a report
// are all in sync. A frame names the nodes that its sender is linked with, and its receivers pass it on,
// once, to the others: so the two ends of a broken link hear of one another. State is on shard 0, but for
// find(). Below the level of records nothing is sent: older builds would warn of it.
#pragma once

#include <array>
#include <atomic>
#include <cstring>
#include <map>
#include <set>
#include <shared_mutex>
#include <vector>

#include "kafka-proto/cluster/catalog.h"
#include "kafka-proto/cluster/peer_channel.h"
#include "kafka-proto/wire/reader.h"

namespace chronik::kafka {

class InSync {
 public:
  struct Key {
    chr_uuid topic{};
    int32_t partition = 0;
    bool operator<(const Key& other) const {
      const int order = std::memcmp(topic.b, other.topic.b, sizeof topic.b);
      return order != 0 ? order < 0 : partition < other.partition;
    }
  };
  struct Report {
    int32_t epoch = 0;
    std::vector<int32_t> nodes;  // empty: all are, or the sender leads no more
  };
  // The number of a frame that holds all that its sender reports.
  static constexpr int64_t kAll = 1;

  InSync(Services& services, PeerChannel& channel);
  InSync(const InSync&) = delete;
  InSync& operator=(const InSync&) = delete;

  // [any] This node leads the partition, and these replicas are in sync; none: all are, or it leads no more.
  void set(const Key& key, Report report);
  // [any] What the leader of this epoch said; nothing: all are in sync.
  std::optional<std::vector<int32_t>> find(const Key& key, int32_t leader, int32_t epoch) const;

  void start();
  void stop();

 private:
  struct LeaderReports {  // what one leader said
    int64_t stamp = 0;
    std::vector<int32_t> linked;  // with the leader
    std::map<Key, Report> reports;
  };
  struct Item {
    Key key;
    Report report;
  };
  struct Received;

  void link_changed(int32_t peer, bool up);
  bool receive_frame(int32_t from, const chr_slice& frame, int64_t number, Reader& in);
  void tell_changes();
  void tell_all(const std::vector<int32_t>& peers);
  void pass_on_to(int32_t peer);
  bool may_tell() const;
  // What `leader` says, this node or another one.
  void send(int32_t to, int32_t leader, int64_t number, const LeaderReports& what);
  LeaderReports own_reports(std::map<Key, Report> reports);
  static bool read(Reader& in, Received* out);
  bool accept_report(int64_t number, Received* received);
  static void put_reports(std::vector<Item> items, std::map<Key, Report>* reports);

  static constexpr uint64_t kSoonNs = 100'000'000;
  static constexpr uint64_t kAgainNs = 10'000'000'000;
  static constexpr size_t kMaxItems = 10'000;  // of a frame
  static constexpr size_t kMaxNodes = 128;     // of an item
  static constexpr size_t kMaxLinks = 1'024;

  Services& services_;
  PeerChannel& channel_;
  std::map<Key, Report> own_;
  int64_t last_stamp_ = 0;
  std::map<Key, Report> changed_;  // since the others were told
  std::set<int32_t> linked_;
  uint64_t soon_timer_ = 0;
  uint64_t again_timer_ = 0;
  bool stopped_ = false;
  std::atomic<bool> any_ = false;
  mutable std::shared_mutex mutex_;
  std::map<int32_t, LeaderReports> by_leader_;
};

}  // namespace chronik::kafka
