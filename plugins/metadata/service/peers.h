// Peers: the frames to and from the other nodes, over the link channel "metadata", decoded, on the home
// shard. A host without links has no peers, and nothing is ever sent.
#pragma once

#include <chronik/link.h>

#include <set>

#include "metadata/service/home_shard.h"
#include "metadata/wire/frame.h"

namespace chronik::metadata {

class Peers {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void frame_received(int32_t from, Frame frame) = 0;
    virtual void link_changed(int32_t peer, bool up) = 0;
  };

  Peers(Host host, HomeShard* home, Owner* owner);

  // [ctl]
  Status open();
  // [home] An error: the frame was dropped. INVALID_ARGUMENT: it is too large for any node to take.
  Status send(int32_t to, const Frame& frame);
  // [home] The same, where a lost frame does no harm.
  void tell(int32_t to, const Frame& frame);
  // [home] The nodes whose link is up.
  const std::set<int32_t>& up() const { return up_; }
  bool has_links() const { return link_ != nullptr; }
  // [any]
  bool is_linked(int32_t peer) const { return link_ != nullptr && link_->is_up(host_.self(), peer) != 0; }
  // [any] Which nodes the links connect to; does nothing where the host has no links.
  Status set_peer(int32_t peer, std::string_view address, const Uuid& incarnation);
  void remove_peer(int32_t peer);
  // [home] What arrives from now on is dropped.
  void close() { closed_ = true; }

  // The callbacks of chr_channel_v1.
  void frame(int32_t from, chr_slice bytes);
  void link(int32_t peer, uint32_t up);

 private:
  void receive(int32_t from, const chr_slice& bytes);

  const Host host_;
  HomeShard* const home_;
  Owner* const owner_;
  const chr_link_v1* const link_;
  uint32_t channel_ = 0;
  bool closed_ = false;
  std::set<int32_t> up_;
};

}  // namespace chronik::metadata
