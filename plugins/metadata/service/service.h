// The parts of metadata put together: the replica of __meta, the changes that clients ask for, the sync of
// what this node leads, the peers, and the views that other threads read.
#pragma once

#include "metadata/service/admin.h"
#include "metadata/service/catalog_metrics.h"
#include "metadata/service/catch_up.h"
#include "metadata/service/changes.h"
#include "metadata/service/cluster_identity.h"
#include "metadata/service/disputes.h"
#include "metadata/service/levels.h"
#include "metadata/service/liveness.h"
#include "metadata/service/membership.h"
#include "metadata/service/own_record.h"
#include "metadata/service/quorum.h"
#include "metadata/service/sync_inbox.h"
#include "metadata/service/sync_proposals.h"
#include "metadata/service/views.h"
#include "metadata/sync/hints.h"
#include "metadata/sync/reconciler.h"

namespace chronik::metadata {

// The services of other plugins that metadata stands on.
struct ServiceOptions {
  Replica::Services services;
  RetryPolicy retry;
  Replica::LogLimits log;
};

class Service final : SyncPort, Replica::Owner, Peers::Owner {
 public:
  Service(Host host, ServiceOptions options, uint32_t home_shard);

  // [ctl] Completes the token once __meta is open; nothing waits for an election.
  Status start(uint64_t token);
  // [ctl]
  void stop(uint64_t token);

  // [any]
  Views& views() { return views_; }
  int32_t controller() const { return views_.controller(); }
  // Who leads a partition: the newer of catalog and consensus, by term; -1 rather than a stale leader.
  PartitionState leader_of(const Topic& topic, int32_t partition) const;
  bool is_out_of_touch(const KnownLeader& hint, const PartitionState& shown) const;
  bool is_up(int32_t node) const { return liveness_.is_up(node); }
  void submit(Request request);
  void describe_quorum(uint64_t timeout_ns, chr_quorum* out, uint64_t token);
  void announce(std::string host, uint16_t port);
  Uuid new_id() const;

 private:
  // SyncPort
  const Catalog& catalog() const override { return replica_.catalog(); }
  int32_t meta_leader() const override;
  Status send(uint64_t batch, const SyncBatch& what) override;
  // Replica::Owner
  void command_applied(const Command& command, const Outcome& outcome) override;
  void catalog_replaced(const std::vector<Uuid>& deleted) override;
  void catalog_changed() override;
  void role_changed() override;
  // Peers::Owner
  void frame_received(int32_t from, Frame frame) override;
  void link_changed(int32_t peer, bool up) override;

  static void CHR_CALL role_event(void* self, const chr_group_id* id, const chr_role* role, uint32_t usable);
  ClusterView cluster_view() const;
  void drain_hints();
  void forget(const std::vector<Uuid>& deleted);
  void digest_received(int32_t from, const DigestFrame& frame);
  void check_levels();
  void currency_changed();
  void show_health();
  std::string waits_for() const;
  void housekeeping();
  static void CHR_CALL housekeeping_fired(void* self);

  const Host host_;
  const ServiceOptions options_;
  HomeShard home_;
  Views views_;
  Hints hints_;
  Peers peers_;
  Replica replica_;
  Levels levels_;
  Liveness liveness_;
  Disputes disputes_;
  SyncProposals sync_proposals_;
  SyncInbox sync_inbox_;
  Changes changes_;
  Quorum quorum_;
  CatchUp catch_up_;
  OwnRecord own_;
  ClusterIdentity identity_;
  Membership membership_;
  Admin admin_;
  Reconciler reconciler_;
  CatalogMetrics metrics_;
  bool was_ready_ = false;
  bool stopping_ = false;
  uint64_t housekeeping_timer_ = 0;
  // By commands that the last snapshot covered; the catalog may remember fewer of them.
  std::set<Uuid> deleted_unseen_;
};

}  // namespace chronik::metadata
