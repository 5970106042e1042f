// Services: what the host and the other plugins provide to this one.
#pragma once

#include <chronik/draft/features.h>
#include <chronik/draft/groups.h>
#include <chronik/draft/liveness.h>
#include <chronik/draft/nodes.h>
#include <chronik/draft/records.h>
#include <chronik/draft/state_machine_stream.h>
#include <chronik/draft/throttle.h>
#include <chronik/draft/topic_changes.h>
#include <chronik/link.h>
#include <chronik/net.h>
#include <chronik/consensus.hpp>
#include <chronik/host.hpp>
#include <chronik/metadata.hpp>
#include <chronik/storage.hpp>

#include <atomic>
#include <utility>

namespace chronik::kafka {

// A service of another plugin that has no client of its own: its table and the first argument of its functions.
template <class Table>
struct Service {
  const Table* table = nullptr;
  void* self = nullptr;
};

// One per instance; constant once they were found, but for the stop.
struct Services {
  explicit Services(const Host& h) : host(h) {}
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;

  // [ctl] At the start. UNAVAILABLE: one is missing that nothing works without.
  Status find();

  // Any shard: whether a node is up, which clients are told of; this node is, and on a host without links all
  // are. Where metadata does not say so, up is who is linked.
  bool is_up(int32_t node) const {
    if (node == host.node().id) return true;
    return liveness.table != nullptr ? liveness.table->is_up(liveness.self, node) != 0 : is_linked(node);
  }
  // Any shard: whether the link of this node to another one is up, by which replicas are fed.
  bool is_linked(int32_t node) const {
    return node == host.node().id || link == nullptr || link->is_up(host.self(), node) != 0;
  }

  Host host;
  const chr_net_v1* net = nullptr;
  const chr_link_v1* link = nullptr;  // absent where there are no peers
  chronik::Metadata metadata;
  chronik::Consensus consensus;
  chronik::Storage storage;           // asked how full it is, and nothing else; absent where there is none
  Service<chr_groups_v1> groups;      // absent where consensus does not offer it
  Service<chr_throttle_v1> throttle;  // likewise
  Service<chr_state_machine_stream_v1> streams;  // likewise
  Service<chr_features_v1> features;             // absent where metadata does not offer it
  Service<chr_records_v1> records;               // likewise
  Service<chr_liveness_v1> liveness;             // likewise
  Service<chr_topic_changes_v1> topic_changes;   // likewise
  Service<chr_nodes_v1> nodes;                   // likewise

  // ---- the stop ----
  std::atomic<bool> stopping{false};
  std::atomic<uint32_t> open_calls{0};  // CallCount: the stop waits for them
};

// Counts a call that is under way for as long as it lives.
class CallCount {
 public:
  explicit CallCount(Services& services) : open_(&services.open_calls) {
    open_->fetch_add(1, std::memory_order_relaxed);
  }
  CallCount(CallCount&& other) noexcept : open_(std::exchange(other.open_, nullptr)) {}
  CallCount& operator=(CallCount&& other) noexcept {
    std::swap(open_, other.open_);
    return *this;
  }
  ~CallCount() {
    if (open_ != nullptr) open_->fetch_sub(1, std::memory_order_release);
  }

 private:
  std::atomic<uint32_t>* open_;
};

}  // namespace chronik::kafka
