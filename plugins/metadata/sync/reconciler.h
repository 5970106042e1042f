// Reconciler: makes the catalog say what this node leads. Level-triggered: what is to be replicated is a
// state, one intent per group that this node leads and that the catalog does not show yet. An intent is
// attempted again and again until the catalog shows it or this node leads no more, however long that takes.
// Nothing here ever blocks Raft.
//
// Runs on the home shard of metadata only.
#pragma once

#include <chronik/retry_policy.h>

#include <algorithm>
#include <chronik/host.hpp>
#include <map>
#include <optional>
#include <set>

#include "metadata/catalog/catalog.h"
#include "metadata/sync/hints.h"

namespace chronik::metadata {

// What the reconciler needs of the service around it.
class SyncPort {
 public:
  virtual ~SyncPort() = default;
  virtual const Catalog& catalog() const = 0;
  // The leader of __meta that proposals can go to; -1: none.
  virtual int32_t meta_leader() const = 0;
  // Proposes or forwards. An error: nothing was sent. Otherwise the catalog shows the effect, or
  // batch_failed() tells.
  virtual Status send(uint64_t batch, const SyncBatch& what) = 0;
};

struct RetryPolicy {
  const chr_retry_policy_v1* table = nullptr;
  void* instance = nullptr;
};

class Reconciler {
 public:
  Reconciler(Host host, SyncPort* port, RetryPolicy policy);
  Reconciler(const Reconciler&) = delete;
  Reconciler& operator=(const Reconciler&) = delete;

  void start();
  void stop();

  // What this node leads, and no longer leads. Several may be told before one poll().
  void led(const GroupKey& key, uint64_t term, std::string label);
  void lost(const GroupKey& key);
  void topic_deleted(const Uuid& topic);
  // What the catalog shall say about this node, kept so for ever.
  void announce(Node node);
  // Attempts what is due, and waits for what is not.
  void poll();

  // Wake-ups.
  void meta_leader_changed();
  void link_changed(int32_t peer, bool up);
  void applied();
  void batch_failed(uint64_t batch, const Error& reason);

  size_t intents() const { return intents_.size(); }
  // What this node leads in a term for which the catalog has another leader, or none since two said so.
  const std::set<GroupKey>& disputed() const { return disputed_; }

 private:
  struct Schedule {
    uint32_t attempts = 0;
    uint64_t raised_ns = 0;
    uint64_t first_attempt_ns = 0;
    uint64_t due_ns = 0;
    uint64_t delay_ns = 0;  // the last one, once the policy gave up
    uint64_t batch = 0;     // 0: not in flight
    bool exhausted = false;
  };
  struct Intent {
    uint64_t term = 0;
    std::string label;
    Schedule schedule;
  };
  struct Led {
    uint64_t term = 0;
    std::string label;
  };
  struct InFlight {
    uint64_t batch = 0;
    int32_t to = -1;
    uint64_t deadline_ns = 0;
    uint64_t open = 0;  // intents that the catalog does not show yet
  };
  struct Attempt {
    Schedule* schedule;
    const Intent* intent;  // nullptr: this node's own record
  };
  using Intents = std::map<GroupKey, Intent>;

  void raise(const GroupKey& key, const Led& led);
  Intents::iterator erase(Intents::iterator intent);
  void detach(Schedule* schedule);
  void settle_intents();
  bool settled(const GroupKey& key, const Intent& intent);
  void compare(const GroupKey& key, const PartitionState& shown);
  void wake(uint64_t not_before_ns);
  void attempt_in_vain(uint64_t now);
  void send_batch(uint64_t now);
  void end_batch(const Error& reason);
  void begin_attempt(Schedule* schedule, uint64_t now);
  void fail(const std::vector<Attempt>& attempts, const Error& reason);
  void fail_alike(const std::vector<Attempt>& attempts, const Error& reason);
  void exhaust(const std::vector<Attempt>& attempts, std::string_view reason);
  uint64_t endless_delay(uint64_t before_ns);
  void arm();
  void anti_entropy();
  void export_metrics();
  void note_due(const Schedule& schedule) { next_due_ns_ = std::min(next_due_ns_, schedule.due_ns); }
  uint64_t soonest() const { return last_attempt_ns_ == 0 ? 0 : last_attempt_ns_ + kCoalesceNs; }
  static void CHR_CALL timer_fired(void* self);
  static void CHR_CALL anti_entropy_fired(void* self);

  static constexpr uint64_t kCoalesceNs = 5'000'000;
  static constexpr uint64_t kJitterNs = 20'000'000;
  static constexpr uint64_t kAnswerNs = 1'000'000'000;  // how long a batch may take
  static constexpr uint64_t kAntiEntropyNs = 5'000'000'000;
  static constexpr uint64_t kMaxDelayNs = 5'000'000'000;
  static constexpr uint64_t kMinDelayNs = 500'000'000;
  static constexpr uint64_t kExportNs = 100'000'000;
  static constexpr uint64_t kNever = UINT64_MAX;
  static constexpr uint32_t kAttempts = 5;

  const Host host_;
  SyncPort* const port_;
  const RetryPolicy policy_;
  std::map<GroupKey, Led> led_;
  std::set<GroupKey> disputed_;  // of these
  Intents intents_;
  std::optional<Node> node_;
  std::optional<Schedule> node_schedule_;  // while the catalog does not show node_
  std::optional<InFlight> in_flight_;
  uint64_t last_batch_ = 0;
  uint64_t last_attempt_ns_ = 0;
  uint64_t next_due_ns_ = kNever;  // what is not in flight is due then at the earliest
  uint64_t exported_ns_ = 0;       // when the gauges were set last
  size_t exported_ = 0;            // how many intents there were then
  uint64_t timer_ = 0;
  uint64_t timer_ns_ = 0;
  uint64_t anti_entropy_timer_ = 0;
  bool running_ = false;

  const uint64_t intents_metric_, oldest_metric_, batches_metric_, latency_metric_;
  const uint64_t applied_metric_, failed_metric_, superseded_metric_;
};

}  // namespace chronik::metadata
