// Reassignment: makes the members of a partition's group what the catalog says: its target, and the replicas
// where it has none. Level-triggered: the leader asks again after every change of role or of the catalog, and
// with each upkeep. By a catalog that is behind this would begin again what is long over, and nobody would undo
// it. On the partition's shard.
//
//   state    | left with
//   settled  | begin(): changing where there is a target; astray where the members are not the replicas
//   astray   | 5 s: changing; the members are the replicas: settled; another role: settled
//   changing | consensus is done, or refused: settled. Another target: changing to that
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "kafka-proto/partition/replica.h"

namespace chronik::kafka {

class Reassignment {
 public:
  explicit Reassignment(Replica& replica) : replica_(replica) {}
  Reassignment(const Reassignment&) = delete;
  Reassignment& operator=(const Reassignment&) = delete;

  // Whether there is something to change now; then change_members() follows.
  bool begin();
  // made(now): the members are where the catalog wants them to go, which it does not show yet.
  void change_members(const std::function<void(const std::vector<int32_t>&)>& made);
  void role_changed() { astray_since_ns_ = 0; }

 private:
  bool is_astray(const std::vector<int32_t>& replicas);
  void finish_change(const std::vector<int32_t>& voters, chr_status code, std::string_view why);

  // How long the catalog of this leader may be behind.
  static constexpr uint64_t kAstrayNs = 5'000'000'000;

  Replica& replica_;
  std::vector<int32_t> changing_to_;  // the target of the change of members under way
  bool moves_ = false;                // it is the catalog's target
  uint64_t astray_since_ns_ = 0;      // 0: the members are the replicas, or there is a target
};

}  // namespace chronik::kafka
