// chronik.host.link/1: channels between nodes. Frames of one lane keep their order
// unless a fault says otherwise.
#pragma once

#include "sim/base/machine.h"

#include <chronik/link.h>

#include <map>
#include <string>
#include <vector>

namespace chronik::sim {

struct LinkFaults {
  uint64_t delay_ns = 200'000;  // mean of the part beyond the floor
  uint64_t floor_ns = 50'000;
  double loss = 0;
  double duplicate = 0;
  double reorder = 0;                 // of a frame overtaking those before it in its lane
  double bytes_per_ns = 0.125;        // 1 Gbit/s
  uint64_t queue_bytes = 64 << 20;    // of one lane, sent and not yet arrived
  uint64_t silence_ns = 5 * kSecond;  // a blocked link is noticed after this
};

class Links {
 public:
  Links(World& world, uint32_t nodes);

  void node_up(Machine& node);
  void node_down(Machine& node);

  chr_status open(Machine& node, chr_host* host, std::string_view channel, const chr_channel_v1* receiver,
                  void* context, uint32_t* id);
  chr_status send(Machine& from, uint32_t channel, int32_t to, uint32_t lane, const chr_slice* slices,
                  uint32_t n);
  chr_status set_peer(Machine& node, int32_t peer, const chr_uuid& incarnation);
  void remove_peer(Machine& node, int32_t peer);
  bool is_up(const Machine& node, int32_t peer) const;

  // ---- faults ----
  LinkFaults faults;
  // Frames from one node to the other vanish.
  void block(uint32_t from, uint32_t to, bool blocked);
  // Connections of these two are reset.
  void reset(uint32_t a, uint32_t b);
  // All blocks end.
  void heal();
  bool blocked(uint32_t from, uint32_t to) const { return pair(from, to).blocked; }
  // The power went off, or the network: peers are not told at once of a node that goes down.
  bool silent_death = false;
  // Called for every frame, whose bytes it may change; false: it vanishes. For scenarios.
  std::function<bool(uint32_t from, uint32_t to, std::string_view channel, uint8_t* bytes, uint64_t n)>
      filter;

  uint64_t frames() const { return frames_; }
  uint64_t lost() const { return lost_; }

 private:
  struct Channel {
    std::string name;
    const chr_channel_v1* receiver;
    void* context;
  };
  struct Side {
    Machine* node = nullptr;  // null: down
    std::vector<Channel> channels;
    std::map<uint32_t, chr_uuid> peers;  // whom this node links with; all zero: whatever its incarnation
  };
  // One direction between two nodes, as the receiver sees it.
  struct Pair {
    bool up = false;  // told to the channels of `to`
    bool blocked = false;
    uint32_t epoch = 0;         // frames of earlier connections do not arrive
    uint32_t attempt = 0;       // of connecting or noticing; later ones replace earlier ones
    uint64_t last[2] = {0, 0};  // arrival of the newest frame, by lane
    uint64_t queued[2] = {0, 0};
  };
  struct Frame {
    chr_slice bytes{};
    uint32_t from = 0, to = 0, lane = 0, epoch = 0;
    uint32_t channel = 0;  // of the receiver
  };

  Pair& pair(uint32_t from, uint32_t to) { return pairs_[from * (n_ + 1) + to]; }
  const Pair& pair(uint32_t from, uint32_t to) const { return pairs_[from * (n_ + 1) + to]; }
  uint64_t transit(uint64_t n);
  void deliver_later(const Frame& frame, uint64_t at);
  static void run_frame(const Event& event, bool alive);
  // After a while: both ends are told that they are connected, if they then can be.
  void connect_later(uint32_t a, uint32_t b);
  void connect(uint32_t a, uint32_t b);
  // Whether `at` links with `peer`, as it now is.
  bool accepts(uint32_t at, uint32_t peer) const;
  // `at` does not want a link with `peer` any more.
  void remove_links(uint32_t at, uint32_t peer);
  // After `delay`: `at` is told that its link to `peer` is lost.
  void notice_loss(uint32_t at, uint32_t peer, uint64_t delay);
  void tell(uint32_t at, uint32_t peer, bool up);
  void tell_channel(Machine& node, Channel& channel, uint32_t peer, bool up);
  void silence(uint32_t a, uint32_t b);

  World& world_;
  const uint32_t n_;
  Rng rng_;
  std::vector<Side> sides_;
  std::vector<Pair> pairs_;
  std::vector<Frame> frames_in_flight_;
  std::vector<uint32_t> spare_frames_;
  uint64_t frames_ = 0;
  uint64_t lost_ = 0;
};

}  // namespace chronik::sim
