// Elections: hands leadership of partitions to their preferred replica. Only a leader can do that, so the
// node that a client asked calls the nodes that lead (PeerCalls), one hop and no further. Everything on
// shard 0.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "kafka-proto/cluster/catalog.h"
#include "kafka-proto/cluster/peer_calls.h"
#include "kafka-proto/partition/directory.h"
#include "kafka-proto/wire/errors.h"

namespace chronik::kafka {

class Elections {
 public:
  struct Item {
    chr_uuid topic{};
    int32_t partition = 0;
  };
  // One code for each item, in their order.
  using Done = std::function<void(const std::vector<ErrorCode>&)>;

  Elections(Services& services, const PartitionDirectory& partitions, PeerChannel& channel, PeerCalls& peers);
  Elections(const Elections&) = delete;
  Elections& operator=(const Elections&) = delete;

  // done() once each item was dealt with, or time is up.
  void elect(std::vector<Item> items, uint64_t timeout_ns, Done done);
  // Ends what waits; nothing comes after it.
  void stop();

 private:
  struct Round {  // one call of elect()
    Elections* owner = nullptr;
    uint64_t number = 0;
    std::vector<ErrorCode> codes;
    size_t left = 0;
    uint64_t timer = 0;
    Done done;
  };
  using Places = std::vector<uint32_t>;  // of items in their round

  // NONE: the leader to ask is in *leader. Otherwise what the item comes to.
  ErrorCode check_item(const Catalog& catalog, const Item& item, int32_t* leader) const;
  void ask_leader(uint64_t number, int32_t node, const std::vector<Item>& items, const Places& places,
                  uint64_t timeout_ns);
  void settle_items(uint64_t number, const Places& places, const std::vector<ErrorCode>& codes);
  void finish_round(uint64_t number);
  void elect_here(const std::vector<Item>& items, std::function<void(std::vector<ErrorCode>)> done);
  bool asked(int32_t from, int64_t number, Reader& body);

  Services& services_;
  const PartitionDirectory& partitions_;
  PeerChannel& channel_;
  PeerCalls& peers_;
  bool stopped_ = false;
  uint64_t last_number_ = 0;
  std::map<uint64_t, std::unique_ptr<Round>> rounds_;
};

}  // namespace chronik::kafka
