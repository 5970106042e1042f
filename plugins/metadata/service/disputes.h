// Disputes: two leaders in one term. Raft excludes it, so the log of a node was lost or copied, or
// a node has a bug. It costs the partition its leader until the next election, and operators are
// told until then. Home shard only.
#pragma once

#include <chronik/host.hpp>
#include <string>

#include "metadata/service/replica.h"
#include "metadata/sync/reconciler.h"

namespace chronik::metadata {

class Disputes {
 public:
  Disputes(Host host, const Replica* replica, const Reconciler* reconciler)
      : host_(host), replica_(replica), reconciler_(reconciler) {}
  Disputes(const Disputes&) = delete;
  Disputes& operator=(const Disputes&) = delete;

  // This node leads __meta, and lets no such thing into its log.
  void report_refused(const Dispute& dispute) const;
  // What a command that was applied has shown.
  void report_found(const Outcome& outcome) const;
  // Which partitions it is about; empty: none.
  std::string summary() const;
  // At each housekeeping: says it at every other one, for as long as it stays so.
  void report_again();

 private:
  std::string name_of(const Uuid& topic, int32_t partition) const;

  const Host host_;
  const Replica* const replica_;
  const Reconciler* const reconciler_;
  bool said_ = false;  // at the housekeeping before
};

}  // namespace chronik::metadata
