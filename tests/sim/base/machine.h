// What the network and the disk see of a node: who it is, its memory and its shards. sim/host/node.h is one.
#pragma once

#include "sim/base/world.h"

#include <chronik/host_services.h>

#include <string_view>
#include <vector>

namespace chronik::sim {

class Machine {
 public:
  virtual World& world() = 0;
  virtual uint32_t id() const = 0;
  virtual const std::vector<chr_peer>& peers() const = 0;  // all nodes that it is configured with
  virtual const chr_uuid& incarnation() const = 0;
  virtual Current at_shard(uint32_t shard) = 0;
  // A buffer that counts as this node's.
  virtual chr_slice alloc(uint64_t n) = 0;
  // What this plugin instance asked for has ended.
  virtual void complete(chr_host* host, const chr_done& done) = 0;
  // A rule of the ABI was broken: the run fails.
  virtual void misbehaved(const chr_host* host, std::string_view what) = 0;

 protected:
  ~Machine() = default;
};

}  // namespace chronik::sim
