// Reconciliation: the next step of a member from what it has to what it shall have. It takes no partition before its
// last owner gave it away, and gives none away before it says so.
//
//   a member is   | which means                                   | it goes on
//   stable        | it has its target, or the next is not known   | with a new target epoch, or where it subscribes anew
//   unrevoked     | it was told to give partitions away           | once it says that it does not own them any more
//   unreleased    | some of its target is others' still           | with each heartbeat: what is free by then
#pragma once

#include <functional>

#include "kafka-proto/group/core/partition_sets.h"

namespace chronik::kafka::group {

struct Reconciliation {
  const CurrentMemberRecord::Value& current;
  const PartitionSet& target;
  int32_t target_epoch;
  const PartitionSet* owned;  // as the member says; null: it did not
  bool subscription_changed;
  std::function<bool(const chr_uuid&)> subscribes;      // the member to that topic
  std::function<bool(const chr_uuid&, int32_t)> taken;  // by any member
};

CurrentMemberRecord::Value reconcile(const Reconciliation& step);

}  // namespace chronik::kafka::group
