// Outboxes: messages of the groups of a shard on their way to other nodes, in as few frames as fit.
#pragma once

#include "raft/group/services.h"
#include "raft/wire/frame.h"

#include <functional>
#include <span>
#include <vector>

namespace chronik::raft {

// Belongs to one shard.
class Outboxes {
 public:
  // Appends and snapshots go by the bulk lane, all else by the control lane.
  void add(uint64_t group, Message message);
  // All that there is. no_room: for each append for which the link had no room; other messages are lost.
  void send(const Services& services, const std::function<void(const Envelope& append)>& no_room);

 private:
  struct Outbox {
    NodeId to;
    uint32_t lane;
    std::vector<Envelope> messages;
  };

  // CHR_E_OVERLOADED: there was no room.
  chr_status send_frame(const Services& services, const Outbox& box, std::span<const Envelope> messages);

  std::vector<Outbox> outboxes_;
  std::vector<chr_slice> slices_;
};

}  // namespace chronik::raft
