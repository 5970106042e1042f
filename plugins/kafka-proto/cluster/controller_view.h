// ControllerView: whether this node sees a leader of __meta, Kafka's controller, and whether leaders of
// partitions are being elected.
#pragma once

#include <chronik/host.hpp>

#include <atomic>

namespace chronik::kafka {

class ControllerView {
 public:
  explicit ControllerView(const Host& host) : host_(host), began_ns_(host.now_ns()) {}
  ControllerView(const ControllerView&) = delete;
  ControllerView& operator=(const ControllerView&) = delete;

  // Shard 0. The catalog names this leader of __meta now; negative: none.
  void controller_changed(int32_t controller);
  // Shard 0. The link to a node was lost.
  void link_lost();

  // [any] Whether this node knew a leader of __meta and has known none for a second:
  // no change will be made soon.
  bool is_cut_off() const;
  // [any] Whether it has known none since its start, for longer than a cluster takes to form.
  bool has_found_no_cluster() const;
  // [any] A node was just lost, others are being elected: until when it is worth to wait for leaders.
  uint64_t leaders_expected_until_ns() const {
    return leaders_expected_until_ns_.load(std::memory_order_relaxed);
  }

 private:
  const Host host_;
  const uint64_t began_ns_;
  std::atomic<bool> knew_controller_ = false;
  std::atomic<uint64_t> no_controller_since_ns_ = 0;  // 0: one is known, or none was yet
  std::atomic<uint64_t> leaders_expected_until_ns_ = 0;
};

}  // namespace chronik::kafka
