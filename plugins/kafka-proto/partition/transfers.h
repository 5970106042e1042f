// Transfers: leadership that was asked to go to another replica, until it is known who leads now: consensus
// says that it went, and it may have gone to another one. On the partition's shard.
//
//   a transfer is | left with
//   asked         | consensus refused: done with its code; consensus says that leadership went: gone
//   gone          | a leader is known: done with OK where it is the one asked for, else UNAVAILABLE; the partition
//                 | closes before: NOT_LEADER
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "kafka-proto/partition/replica.h"

namespace chronik::kafka {

class Transfers {
 public:
  using Done = std::function<void(chr_status)>;

  explicit Transfers(Replica& replica) : replica_(replica) {}
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;

  void hand_over(int32_t to, const Done& done) {
    if (!replica_.is_open() || !replica_.leads()) return done(CHR_E_NOT_LEADER);
    replica_.transfer(to, [this, to, done](chr_status code, std::string_view) {
      if (code != CHR_OK) return done(code);
      gone_.push_back({to, done});
      finish_known();
    });
  }
  // Who leads, or the life of the replica, may have changed.
  void finish_known() {
    if (gone_.empty() || (!replica_.knows_leader() && replica_.hears_of_leaders())) return;
    for (const Transfer& each : std::exchange(gone_, {})) {
      const bool arrived = replica_.known_leader() == each.to;
      each.done(!replica_.knows_leader() ? CHR_E_NOT_LEADER : arrived ? CHR_OK : CHR_E_UNAVAILABLE);
    }
  }

 private:
  struct Transfer {
    int32_t to;
    Done done;
  };

  Replica& replica_;
  std::vector<Transfer> gone_;
};

}  // namespace chronik::kafka
