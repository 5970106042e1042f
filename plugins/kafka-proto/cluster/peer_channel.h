// PeerChannel: what brokers tell one another, over the link channel "kafka". Everything on shard 0.
//
// A frame: version int8 (1) | kind int8 | number int64 | body. What the number and the body mean, the kind
// says. A build that does not know a kind drops such frames, with a warning: a new one is sent from a level
// of chronik.version on.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "kafka-proto/cluster/services.h"
#include "kafka-proto/wire/reader.h"
#include "kafka-proto/wire/writer.h"

namespace chronik::kafka {

enum class PeerFrame : int8_t {
  kElect = 1,          // Elections asks
  kElected = 2,        // and is answered
  kInSync = 3,         // InSync tells
  kApiRequest = 4,     // a call in Kafka's own encoding (PeerCalls)
  kApiResponse = 5,    // and its answer
  kAdminRequest = 6,   // what an operator asked of another node (NodeRequests)
  kAdminResponse = 7,  // and its answer
};

class PeerChannel {
 public:
  // A frame whose head was read. Whether the body could be, to its end. The frame has a lease.
  using Receiver = std::function<bool(int32_t from, const chr_slice& frame, int64_t number, Reader& body)>;
  using LinkObserver = std::function<void(int32_t peer, bool up)>;

  explicit PeerChannel(Services& services) : services_(services) {}
  PeerChannel(const PeerChannel&) = delete;
  PeerChannel& operator=(const PeerChannel&) = delete;

  // Before open(): who gets frames of this kind, and who is told when links come and go, in this order.
  void receive(PeerFrame kind, Receiver receiver) { receivers_[kind] = std::move(receiver); }
  void observe_links(LinkObserver observer) { observers_.push_back(std::move(observer)); }
  // [ctl] Opens the channel, where the host has links.
  Status open();
  // Nothing comes any more.
  void stop() { stopped_ = true; }

  static Writer begin_frame(PeerFrame kind, int64_t number);
  // What cannot be sent at once is dropped. Frames of one lane come in order.
  Status send(int32_t to, Writer&& frame, uint32_t lane = CHR_LANE_CONTROL);
  Status send(int32_t to, std::span<const chr_slice> frame, uint32_t lane = CHR_LANE_CONTROL);

  // The callbacks of chr_channel_v1.
  void frame(int32_t from, chr_slice bytes);
  void link(int32_t peer, uint32_t up);

 private:
  Services& services_;
  uint32_t channel_ = 0;
  bool stopped_ = false;
  std::map<PeerFrame, Receiver> receivers_;
  std::vector<LinkObserver> observers_;
};

}  // namespace chronik::kafka
