// Elections: hands leadership of partitions to their preferred replica. Only a leader can do that, so the
// node that a client asked asks the nodes that lead, over the link channel "kafka", one hop and no further;
// the channel also tells when links come and go. Everything on shard 0.
#pragma once

#include <chronik/link.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "kafka-proto/server/broker.h"
#include "kafka-proto/wire/errors.h"
#include "kafka-proto/wire/types.h"
#include "kafka-proto/wire/writer.h"

namespace chronik::kafka {

class Elections {
 public:
  struct Item {
    chr_uuid topic{};
    int32_t partition = 0;
  };
  // One code for each item, in their order.
  using Done = std::function<void(const std::vector<ErrorCode>&)>;

  explicit Elections(Broker& broker) : broker_(broker), began_ns_(broker.host.now_ns()) {}
  Elections(const Elections&) = delete;
  Elections& operator=(const Elections&) = delete;

  // [ctl] Opens the channel, where the host has links.
  Status open();
  // done() once each item was dealt with, or time is up.
  void elect(std::vector<Item> items, uint64_t timeout_ns, Done done);
  // The catalog names this leader of __meta now; negative: none.
  void controller_changed(int32_t controller);
  // [any] Whether this node knew a leader of __meta and has known none for a second: no change will be made
  // soon.
  bool is_cut_off() const;
  // [any] Whether it has known none since its start, for longer than a cluster takes to form.
  bool has_found_no_cluster() const;
  // [any] A node was just lost, others are being elected: until when it is worth to wait for leaders.
  uint64_t leaders_expected_until_ns() const {
    return leaders_expected_until_ns_.load(std::memory_order_relaxed);
  }
  // Ends what waits; nothing comes after it.
  void stop();

  // Frames of the channel, also for what others tell on it.
  static Writer begin_frame(int8_t kind, int64_t number, size_t count);
  Status send(int32_t to, std::vector<uint8_t> bytes);

  // The callbacks of chr_channel_v1.
  void frame(int32_t from, chr_slice bytes);
  void link(int32_t peer, uint32_t up);

 private:
  struct Round {  // one call of elect()
    Elections* owner = nullptr;
    uint64_t number = 0;
    std::vector<ErrorCode> codes;
    std::vector<int32_t> asked;  // the node that each item went to; -1: its code stands
    size_t left = 0;
    uint64_t timer = 0;
    Done done;
  };
  using Places = std::vector<uint32_t>;  // of items in their round

  // NONE: the leader to ask is in *leader. Otherwise what the item comes to.
  ErrorCode look_at(const Catalog& catalog, const Item& item, int32_t* leader) const;
  void ask(Round& round, int32_t node, const std::vector<Item>& items, const Places& places);
  void settle(uint64_t number, const Places& places, const std::vector<ErrorCode>& codes);
  void finish(uint64_t number);
  void elect_here(const std::vector<Item>& items, std::function<void(std::vector<ErrorCode>)> done);
  void asked(int32_t from, int64_t number, const std::vector<Item>& items);
  void answered(int32_t from, int64_t number, const std::vector<ErrorCode>& codes);

  Broker& broker_;
  const uint64_t began_ns_;
  uint32_t channel_ = 0;
  bool stopped_ = false;
  uint64_t last_number_ = 0;
  std::map<uint64_t, std::unique_ptr<Round>> rounds_;
  std::atomic<bool> knew_controller_ = false;
  std::atomic<uint64_t> no_controller_since_ns_ = 0;  // 0: one is known, or none was yet
  std::atomic<uint64_t> leaders_expected_until_ns_ = 0;
};

}  // namespace chronik::kafka
