#include "metadata/service/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "metadata/catalog/features.h"

namespace chronik::metadata {
namespace {

constexpr uint64_t kHousekeepingNs = 30'000'000'000;
// Raft asks for votes as soon as it knows no leader, again and again.
constexpr uint64_t kElectedByThenNs = 1'000'000'000;
constexpr std::string_view kHealthPart = "catalog";

}  // namespace

Service::Service(Host host, ServiceOptions options, uint32_t home_shard)
    : host_(host),
      options_(options),
      home_(host, home_shard),
      views_(host, &home_),
      peers_(host, &home_, this),
      replica_(host, this, options.services, options.log),
      levels_(host, &peers_),
      liveness_(host, &replica_, &peers_, [this] { views_.notify(); }),
      disputes_(host, &replica_, &reconciler_),
      sync_proposals_(
          host, &home_,
          [this](SyncBatch what, SyncProposals::Done done) {
            return replica_.propose(Command{{}, std::move(what)}, std::move(done));
          },
          [this](const Assignment& assignment) { return replica_.catalog().topics().rival_of(assignment); },
          [this](const Dispute& dispute) { disputes_.report_refused(dispute); }),
      sync_inbox_(host, &replica_, &peers_, &sync_proposals_),
      changes_(host, &replica_, &peers_, [this] { return cluster_view(); }),
      quorum_(host, &replica_, &peers_),
      catch_up_(host, &replica_, &peers_, [this] { currency_changed(); }),
      own_(host, &replica_, &catch_up_),
      identity_(host, &home_, &replica_, [this] { show_health(); }),
      membership_(host, &replica_, &peers_),
      admin_(host, &replica_, &liveness_, &levels_, &changes_),
      reconciler_(host, this, options.retry),
      metrics_(host) {
  views_.publish(replica_.catalog().publish());
}

// ---- life ----

Status Service::start(uint64_t token) {
  show_health();
  CHRONIK_CHECK(peers_.open());
  options_.services.consensus.watch(role_event, this);
  home_.post([this, token] {
    if (const Status routed = admin_.open(); !routed)
      host_.warn("operators cannot ask metadata over HTTP: " + routed.error().message);
    replica_.open([this, token](const Status& opened) {
      if (opened && !stopping_) {
        reconciler_.start();
        liveness_.start();
        reconciler_.announce(own_.node());
        role_changed();
        housekeeping();
      }
      host_.complete(token, opened);
    });
  });
  return {};
}

// Closing __meta lets another node take it over first.
void Service::stop(uint64_t token) {
  options_.services.consensus.unwatch(role_event, this);
  home_.post([this, token] {
    stopping_ = true;
    peers_.close();
    reconciler_.stop();
    liveness_.stop();
    membership_.stop();
    catch_up_.stop();
    host_.cancel_timer(std::exchange(housekeeping_timer_, 0));
    sync_proposals_.give_up({Code::kShuttingDown, "this node stops"});
    changes_.stop(CHR_E_SHUTTING_DOWN, "this node stops");
    quorum_.stop(CHR_E_SHUTTING_DOWN, "this node stops");
    replica_.close([this, token](const Status& closed) {
      if (!closed) host_.warn("__meta was not closed cleanly: " + closed.error().message);
      home_.finish_stop(token);
    });
  });
}

// ---- who leads ----

void Service::role_event(void* self, const chr_group_id* id, const chr_role* role, uint32_t usable) {
  if (id->partition < 0) return;  // __meta tells its state machine
  auto* service = static_cast<Service*>(self);
  const bool leader = role->role == CHR_ROLE_LEADER;
  Hint hint{role->term, role->leader,           leader && usable != 0, std::string(from_abi(id->label)),
            0,          service->host_.now_ns()};
  if (leader) hint.leader = hint.leads ? service->own_.id() : -1;
  if (service->hints_.update({Uuid::from_abi(id->topic), id->partition}, std::move(hint)))
    service->home_.post([service] { service->drain_hints(); });
}

void Service::drain_hints() {
  const bool disputed = !reconciler_.disputed().empty();
  for (auto& [key, hint] : hints_.drain()) {
    if (replica_.catalog().topics().was_deleted(key.topic) || deleted_unseen_.contains(key.topic)) {
      hints_.forget(key.topic);
    } else if (hint.leads) {
      reconciler_.led(key, hint.term, std::move(hint.label));
    } else {
      reconciler_.lost(key);
    }
  }
  if (stopping_) return;
  reconciler_.poll();
  if (disputed || !reconciler_.disputed().empty()) show_health();
  views_.notify();
}

PartitionState Service::leader_of(const Topic& topic, int32_t partition) const {
  const PartitionState shown = topic.partitions[static_cast<size_t>(partition)];
  const std::optional<KnownLeader> hint = hints_.find({topic.id, partition});
  // In the same term consensus knows better: it may have lost the leader, or still have to hear from it.
  if (!hint || hint->term < shown.term) return shown;
  // Two leaders in one term: one of them has logs that are not those of the partition.
  if (hint->term == shown.term && hint->leader >= 0 && hint->leader != shown.leader) return {-1, shown.term};
  if (is_out_of_touch(*hint, shown)) return shown;
  // A node that the partition left hears no more of its leaders; those that it knew of reach the catalog.
  if (hint->leader < 0 && hint->named <= shown.term && !topic.may_be_on(partition, own_.id())) return shown;
  return {hint->leader, hint->term};
}

// Nor does consensus know of a leader that this node does not hear, while others do: their votes would have
// brought another one by now.
bool Service::is_out_of_touch(const KnownLeader& hint, const PartitionState& shown) const {
  if (hint.leader >= 0 || hint.term != shown.term || shown.leader < 0 || shown.leader == own_.id())
    return false;
  if (!peers_.has_links() || !liveness_.is_up(shown.leader)) return false;
  return !peers_.is_linked(shown.leader) || host_.now_ns() - hint.since_ns >= kElectedByThenNs;
}

int32_t Service::meta_leader() const {
  if (!replica_.is_open() || stopping_) return -1;
  const int32_t leader = replica_.leader();
  return leader == own_.id() && !replica_.leads() ? -1 : leader;
}

Status Service::send(uint64_t batch, const SyncBatch& what) {
  const int32_t leader = meta_leader();
  if (leader != own_.id()) return peers_.send(leader, SyncFrame{batch, what});
  sync_proposals_.add_batch(what, [this, batch](const Error& error) {
    if (!stopping_) reconciler_.batch_failed(batch, error);
  });
  return {};
}

ClusterView Service::cluster_view() const {
  ClusterView out;
  out.live = peers_.up();
  out.live.insert(own_.id());
  const chr_node_info& node = host_.node();
  for (uint32_t i = 0; i < node.n_peers; ++i) out.expected.insert(node.peers[i].id);
  const std::vector<int32_t> voters = replica_.voters();
  out.voters = {voters.begin(), voters.end()};
  out.features = levels_.known();
  return out;
}

// ---- what __meta says ----

void Service::command_applied(const Command& command, const Outcome& outcome) {
  forget(outcome.deleted);
  disputes_.report_found(outcome);
  changes_.command_applied(command, outcome);
}

void Service::catalog_replaced(const std::vector<Uuid>& deleted) {
  forget(deleted);
  deleted_unseen_ = {deleted.begin(), deleted.end()};
  changes_.catalog_replaced();
}

void Service::forget(const std::vector<Uuid>& deleted) {
  for (const Uuid& topic : deleted) {
    hints_.forget(topic);
    reconciler_.topic_deleted(topic);
  }
}

void Service::catalog_changed() {
  views_.publish(replica_.catalog().publish());
  changes_.published();
  own_.check();
  check_levels();
  identity_.adopt_cluster();
  reconciler_.applied();
  membership_.review_nodes();
  liveness_.review_live_nodes();
  catch_up_.review_catalog();
  metrics_.show_size(replica_.catalog());
  show_health();
}

void Service::role_changed() {
  views_.set_controller(catch_up_.is_current() ? meta_leader() : -1);
  if (!replica_.leads()) sync_proposals_.give_up({Code::kNotLeader, "this node does not lead __meta"});
  if (stopping_) return;
  identity_.name_cluster();
  changes_.leader_changed();
  quorum_.leader_changed();
  sync_inbox_.receive_waiting_batches();
  reconciler_.meta_leader_changed();
  membership_.review_nodes();
  liveness_.review_live_nodes();
  catch_up_.review_catalog();
  show_health();
  views_.notify();
}

// Who does not know yet what the catalog has to say answers clients as one that knows no leader.
void Service::currency_changed() {
  views_.set_controller(catch_up_.is_current() ? meta_leader() : -1);
  own_.check();
  show_health();
  views_.notify();
}

// What the cluster agreed to write, this build may not read.
void Service::check_levels() {
  const std::string unknown = unknown_level(replica_.catalog().records().spaces());
  if (!unknown.empty()) host_.fatal(unknown + "; upgrade this node");
}

// ---- peers ----

void Service::frame_received(int32_t from, Frame frame) {
  if (auto* change = std::get_if<ChangeFrame>(&frame)) {
    changes_.requested(from, std::move(*change));
  } else if (const auto* reply = std::get_if<ReplyFrame>(&frame)) {
    changes_.replied(*reply);
  } else if (const auto* sync = std::get_if<SyncFrame>(&frame)) {
    sync_inbox_.receive_batch(from, *sync);
  } else if (const auto* refused = std::get_if<SyncRefusedFrame>(&frame)) {
    reconciler_.batch_failed(refused->batch,
                             {static_cast<Code>(refused->verdict.code), refused->verdict.message});
  } else if (const auto* digest = std::get_if<DigestFrame>(&frame)) {
    digest_received(from, *digest);
  } else if (const auto* asked = std::get_if<QuorumRequestFrame>(&frame)) {
    quorum_.requested(from, *asked);
  } else if (const auto* told = std::get_if<QuorumReplyFrame>(&frame)) {
    told->number == 0 ? catch_up_.receive_reply(from, *told) : quorum_.replied(*told);
  } else if (const auto* levels = std::get_if<FeaturesFrame>(&frame)) {
    levels_.receive_frame(from, *levels);
  } else if (const auto* links = std::get_if<LinksFrame>(&frame)) {
    liveness_.receive_frame(from, *links);
  }
}

void Service::digest_received(int32_t from, const DigestFrame& frame) {
  const std::optional<uint64_t> own = replica_.digest_at(frame.index);
  if (!own || *own == frame.digest) return;
  metrics_.count_mismatch();
  host_.error(fmt::format("CRITICAL: The catalog of node {} differs from this one at entry {} of __meta",
                          from, frame.index),
              fmt::format("theirs={:016x} ours={:016x}", frame.digest, *own));
}

void Service::link_changed(int32_t peer, bool up) {
  levels_.link_changed(peer, up);
  changes_.link_changed(peer, up);
  quorum_.link_changed(peer, up);
  reconciler_.link_changed(peer, up);
  liveness_.link_changed(peer, up);
  membership_.review_nodes();
  catch_up_.review_catalog();
  show_health();
}

// ---- the callers' side ----

void Service::submit(Request request) {
  home_.post([this, request = std::move(request)]() mutable {
    if (stopping_) return host_.complete(request.token, CHR_E_SHUTTING_DOWN, "this node stops");
    changes_.submit(std::move(request));
  });
}

void Service::describe_quorum(uint64_t timeout_ns, chr_quorum* out, uint64_t token) {
  home_.post([this, timeout_ns, out, token] {
    if (stopping_) return host_.complete(token, CHR_E_SHUTTING_DOWN, "this node stops");
    quorum_.submit(timeout_ns, out, token);
  });
}

void Service::announce(std::string host, uint16_t port) {
  home_.post([this, host = std::move(host), port]() mutable {
    if (stopping_) return;
    own_.set_endpoint(std::move(host), port);
    reconciler_.announce(own_.node());
    reconciler_.poll();
  });
}

Uuid Service::new_id() const { return new_uuid(host_); }

// ---- what operators see ----

void Service::show_health() {
  const Catalog& catalog = replica_.catalog();
  if (catalog.removed_nodes().contains(own_.id())) {
    host_.health(kHealthPart, CHR_HEALTH_NOT_READY, "this node was removed from the cluster; stop it");
  } else if (!identity_.is_adopted() || controller() < 0) {
    host_.health(kHealthPart, was_ready_ ? CHR_HEALTH_DEGRADED : CHR_HEALTH_NOT_READY, waits_for());
  } else {
    was_ready_ = true;
    const auto own = catalog.nodes().find(own_.id());
    const bool leaving = own != catalog.nodes().end() && own->second.leaving;
    const std::string reason = leaving
                                   ? fmt::format("this node leaves the cluster; {} replicas are still on it",
                                                 catalog.topics().replicas_on(own_.id()))
                                   : disputes_.summary();
    host_.health(kHealthPart, reason.empty() ? CHR_HEALTH_READY : CHR_HEALTH_DEGRADED, reason);
  }
}

// What is missing until this node knows what the cluster agreed on.
std::string Service::waits_for() const {
  const int32_t leader = meta_leader();
  if (leader < 0) {
    std::vector<int32_t> others = replica_.voters();
    const chr_node_info& self = host_.node();
    for (uint32_t i = 0; others.empty() && i < self.n_peers; ++i) others.push_back(self.peers[i].id);
    std::erase(others, own_.id());
    const auto linked =
        std::ranges::count_if(others, [this](int32_t id) { return peers_.up().contains(id); });
    return fmt::format(
        "__meta has no leader that this node knows: it is linked with {} of {} other voters; most of the "
        "voters must run and reach one another",
        linked, others.size());
  }
  if (!catch_up_.is_current())
    return fmt::format("the catalog catches up with node {}, the leader of __meta", leader);
  return "the cluster id is not bound to the data directory yet";
}

// Compares catalogs with the peers at the entry that this node applied last.
void Service::housekeeping() {
  if (stopping_) return;
  identity_.name_cluster();
  levels_.tell_again();
  disputes_.report_again();
  if (const auto digest = replica_.digest_at(replica_.applied_index())) {
    for (const int32_t peer : peers_.up()) peers_.tell(peer, DigestFrame{replica_.applied_index(), *digest});
  }
  housekeeping_timer_ = host_.timer(kHousekeepingNs, housekeeping_fired, this);
}

void Service::housekeeping_fired(void* self) { static_cast<Service*>(self)->housekeeping(); }

}  // namespace chronik::metadata
