// SyncInbox: batches of what nodes lead, on their way to the leader of __meta. Home shard only.
//
//   this node                      | a batch that arrives
//   leads                          | goes into an entry
//   is to lead, or knows no leader | waits; of each sender only the newest
//   follows                        | is refused: NOT_LEADER
#pragma once

#include <chronik/host.hpp>
#include <map>

#include "metadata/service/peers.h"
#include "metadata/service/replica.h"
#include "metadata/service/sync_proposals.h"

namespace chronik::metadata {

class SyncInbox {
 public:
  SyncInbox(Host host, const Replica* replica, Peers* peers, SyncProposals* proposals)
      : host_(host), replica_(replica), peers_(peers), sync_proposals_(proposals) {}
  SyncInbox(const SyncInbox&) = delete;
  SyncInbox& operator=(const SyncInbox&) = delete;

  void receive_batch(int32_t from, const SyncFrame& frame);
  // The role of this node changed: what waited is dealt with.
  void receive_waiting_batches();

 private:
  // A follower learns of its leader before the leader may propose.
  bool has_to_wait() const;

  const Host host_;
  const Replica* const replica_;
  Peers* const peers_;
  SyncProposals* const sync_proposals_;
  std::map<int32_t, SyncFrame> waiting_batches_;
};

}  // namespace chronik::metadata
