// A counter in the records of the catalog (chronik.metadata.records/1), raised by whoever: each step reads it
// on some node and writes one more, where nobody else came first.
#pragma once

#include "sim/host/cluster.h"

#include <chronik/draft/records.h>

#include <optional>
#include <string>

namespace chronik::sim {

class RecordCounter {
 public:
  explicit RecordCounter(Cluster& cluster) : cluster_(cluster), rng_(cluster.world().stream("records")) {}

  void begin();
  void wind_down() { winding_down_ = true; }
  // Nothing is under way, and all nodes show the same.
  bool settled();
  // As many steps count as were confirmed, and at most those beside them whose end nobody heard.
  void finish();
  std::string state();
  uint64_t confirmed() const { return confirmed_; }

 private:
  struct Shown {
    uint64_t value = 0, version = 0;
  };
  void step();
  void raise(Node& node);
  void done(const chr_done& answer);
  // As the image of that node has it.
  std::optional<Shown> shown(Node& node) const;

  Cluster& cluster_;
  Rng rng_;
  bool winding_down_ = false;
  uint32_t asked_ = 0;  // the node that a step is under way at
  uint64_t boots_ = 0;  // of it: what it was asked before a crash it never answers
  std::string value_;
  chr_change_result result_{};
  uint64_t confirmed_ = 0, unknown_ = 0;
};

}  // namespace chronik::sim
