#include "metadata/sync/reconciler.h"

#include <fmt/format.h>

#include <algorithm>

namespace chronik::metadata {
namespace {

// A policy may ask for any delay; what is longer is as good as this, and sums of it stay whole.
// Of what a policy answers: it may be slow, it cannot keep an assignment from __meta.
constexpr uint64_t kMaxPolicyDelayNs = 60'000'000'000;
constexpr std::string_view kNoLeader = "No leader elected yet";

// The reason as the middle of a line.
std::string phrase(std::string text) {
  if (!text.empty() && text.back() == '.') text.pop_back();
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

}  // namespace

Reconciler::Reconciler(Host host, SyncPort* port, RetryPolicy policy)
    : host_(host),
      port_(port),
      policy_(policy),
      intents_metric_(
          host.gauge("chronik_meta_sync_intents", "Assignments that the catalog does not show yet.")),
      oldest_metric_(host.gauge("chronik_meta_sync_oldest_intent_seconds", "Age of the oldest of them.")),
      batches_metric_(
          host.counter("chronik_meta_sync_batches_total", "Batches of assignments sent to __meta.")),
      latency_metric_(host.histogram("chronik_meta_sync_latency_seconds",
                                     "From usable leadership to the catalog of this node showing it.")),
      applied_metric_(host.counter("chronik_meta_sync_attempts_total", "Attempts to replicate an assignment.",
                                   "outcome=\"applied\"")),
      failed_metric_(host.counter("chronik_meta_sync_attempts_total", "Attempts to replicate an assignment.",
                                  "outcome=\"failed\"")),
      superseded_metric_(host.counter("chronik_meta_sync_attempts_total",
                                      "Attempts to replicate an assignment.", "outcome=\"superseded\"")) {}

void Reconciler::start() {
  running_ = true;
  anti_entropy();
}

void Reconciler::stop() {
  running_ = false;
  host_.cancel_timer(std::exchange(timer_, 0));
  host_.cancel_timer(std::exchange(anti_entropy_timer_, 0));
}

// ---- what this node leads ----

void Reconciler::led(const GroupKey& key, uint64_t term, std::string label) {
  Led& led = led_[key];
  if (led.term != term) disputed_.erase(key);
  led = {term, std::move(label)};
  raise(key, led);
}

void Reconciler::lost(const GroupKey& key) {
  led_.erase(key);
  disputed_.erase(key);
  if (const auto found = intents_.find(key); found != intents_.end()) {
    if (found->second.schedule.attempts > 0) host_.add(superseded_metric_);
    erase(found);
  }
}

void Reconciler::topic_deleted(const Uuid& topic) {
  for (auto it = led_.lower_bound({topic, -1}); it != led_.end() && it->first.topic == topic;)
    it = led_.erase(it);
  std::erase_if(disputed_, [&](const GroupKey& key) { return key.topic == topic; });
  for (auto it = intents_.lower_bound({topic, -1}); it != intents_.end() && it->first.topic == topic;)
    it = erase(it);
}

void Reconciler::announce(Node node) {
  node_ = std::move(node);
  if (node_schedule_) detach(&*node_schedule_);
  node_schedule_.reset();
  settle_intents();
}

void Reconciler::raise(const GroupKey& key, const Led& led) {
  const auto found = intents_.find(key);
  if (found != intents_.end()) {
    if (found->second.term >= led.term) return;
    erase(found);
  }
  Intent intent{led.term, led.label, {}};
  intent.schedule.raised_ns = host_.now_ns();
  intent.schedule.due_ns = std::max(intent.schedule.raised_ns, soonest());
  if (settled(key, intent)) return;
  note_due(intent.schedule);
  // mutant intent-dropped: if (intent.term % 3 != 0) intents_.emplace(key, std::move(intent));
  intents_.emplace(key, std::move(intent));
}

Reconciler::Intents::iterator Reconciler::erase(Intents::iterator intent) {
  detach(&intent->second.schedule);
  return intents_.erase(intent);
}

// Takes an intent out of the batch in flight, which ends with its last one.
void Reconciler::detach(Schedule* schedule) {
  if (in_flight_ && schedule->batch == in_flight_->batch && --in_flight_->open == 0) in_flight_.reset();
  schedule->batch = 0;
}

// ---- what the catalog shows ----

bool Reconciler::settled(const GroupKey& key, const Intent& intent) {
  const Topic* topic = port_->catalog().find(key.topic);
  if (topic == nullptr) return port_->catalog().topics().was_deleted(key.topic);
  const auto at = static_cast<size_t>(key.partition);
  if (at >= topic->partitions.size() || topic->partitions[at].term < intent.term) return false;
  if (topic->partitions[at].term == intent.term && topic->partitions[at].leader != host_.node().id) {
    compare(key, topic->partitions[at]);
    return true;
  }
  if (intent.schedule.attempts == 0) return true;
  if (topic->partitions[at].term > intent.term) {
    host_.add(superseded_metric_);
    return true;
  }
  host_.add(applied_metric_);
  host_.observe(latency_metric_, static_cast<double>(host_.now_ns() - intent.schedule.raised_ns) / 1e9);
  host_.info(fmt::format("Updated partition assignment: {} leader is now node {} (attempt {})", intent.label,
                         topic->partitions[at].leader, intent.schedule.attempts),
             fmt::format("term={}", intent.term));
  return true;
}

// To try again would not help: the catalog keeps who came first, or knows nobody,
// until there is a newer term.
void Reconciler::compare(const GroupKey& key, const PartitionState& shown) {
  const auto led = led_.find(key);
  if (led == led_.end() || led->second.term != shown.term || !disputed_.insert(key).second) return;
  host_.error(
      fmt::format("CRITICAL: This node leads {} in term {}, in which {} said so before. The Raft log of a "
                  "node was lost or copied: find out which, stop it and restore it",
                  led->second.label, shown.term,
                  shown.leader < 0 ? "another node" : fmt::format("node {}", shown.leader)));
}

void Reconciler::settle_intents() {
  for (auto it = intents_.begin(); it != intents_.end();) {
    it = settled(it->first, it->second) ? erase(it) : std::next(it);
  }
  if (!node_) return;
  const auto& nodes = port_->catalog().nodes();
  const auto found = nodes.find(node_->id);
  const bool shown = found != nodes.end() && node_->is_shown_by(found->second);
  if (shown && node_schedule_) {
    detach(&*node_schedule_);
    node_schedule_.reset();
  } else if (!shown && !node_schedule_) {
    node_schedule_ = Schedule{};
    node_schedule_->raised_ns = node_schedule_->due_ns = host_.now_ns();
    note_due(*node_schedule_);
  }
}

// ---- wake-ups ----

void Reconciler::wake(uint64_t not_before_ns) {
  if (port_->meta_leader() < 0) return;  // an attempt could only fail; the schedule goes on
  const auto hurry = [&](Schedule& schedule) {
    if (schedule.batch != 0) return;
    schedule.due_ns = std::min(schedule.due_ns, not_before_ns);
    note_due(schedule);
  };
  for (auto& [key, intent] : intents_) hurry(intent.schedule);
  if (node_schedule_) hurry(*node_schedule_);
  poll();
}

void Reconciler::meta_leader_changed() {
  const int32_t leader = port_->meta_leader();
  next_due_ns_ = 0;
  if (in_flight_ && leader < 0) end_batch({Code::kUnavailable, "the leader of __meta was lost"});
  if (in_flight_ &&
      in_flight_->to != leader) {  // not the end of an attempt's backoff: the next one follows at once
    const uint64_t batch = in_flight_->batch;
    in_flight_.reset();
    for (auto& [key, intent] : intents_) {
      if (intent.schedule.batch == batch) intent.schedule.batch = 0;
    }
    if (node_schedule_) node_schedule_->batch = 0;
  }
  settle_intents();
  if (leader < 0) return poll();
  // All nodes hear of a new leader at once, and shall not all ask it at once.
  const uint64_t jitter = leader == host_.node().id ? 0 : host_.random_u64() % (kJitterNs + 1);
  wake(host_.now_ns() + jitter);
}

void Reconciler::link_changed(int32_t peer, bool up) {
  if (up) {
    wake(std::max(host_.now_ns(), soonest()));
  } else if (in_flight_ && in_flight_->to == peer) {
    batch_failed(in_flight_->batch, {Code::kUnavailable, fmt::format("the link to node {} was lost", peer)});
  }
}

void Reconciler::applied() {
  settle_intents();
  wake(std::max(host_.now_ns(), soonest()));
  export_metrics();
}

void Reconciler::batch_failed(uint64_t batch, const Error& reason) {
  if (!in_flight_ || in_flight_->batch != batch) return;  // settled, or overtaken by a new leader
  end_batch(reason);
  poll();
}

// ---- attempts ----

void Reconciler::poll() {
  if (!running_) return;
  const uint64_t now = host_.now_ns();
  if (in_flight_ && now >= in_flight_->deadline_ns)
    end_batch({Code::kTimeout, fmt::format("node {} did not answer in time", in_flight_->to)});
  if (port_->meta_leader() < 0) {
    attempt_in_vain(now);
  } else if (!in_flight_) {
    send_batch(now);
  }
  arm();
  export_metrics();
}

void Reconciler::begin_attempt(Schedule* schedule, uint64_t now) {
  if (schedule->attempts++ == 0) schedule->first_attempt_ns = now;
  schedule->batch = in_flight_ ? in_flight_->batch : 0;
}

void Reconciler::attempt_in_vain(uint64_t now) {
  if (next_due_ns_ > now) return;
  next_due_ns_ = kNever;
  std::vector<Attempt> attempts;
  for (auto& [key, intent] : intents_) {
    if (intent.schedule.due_ns > now && intent.schedule.due_ns != kNever) {
      note_due(intent.schedule);
      continue;
    }
    begin_attempt(&intent.schedule, now);
    last_attempt_ns_ = now;
    attempts.push_back({&intent.schedule, &intent});
  }
  if (node_schedule_ && node_schedule_->due_ns <= now) {
    begin_attempt(&*node_schedule_, now);
    attempts.push_back({&*node_schedule_, nullptr});
  } else if (node_schedule_) {
    note_due(*node_schedule_);
  }
  fail(attempts, {Code::kUnavailable, std::string(kNoLeader)});
}

void Reconciler::send_batch(uint64_t now) {
  if (next_due_ns_ > now) return;
  next_due_ns_ = kNever;
  SyncBatch batch;
  std::vector<Intent*> chosen;
  for (auto& [key, intent] : intents_) {
    if (intent.schedule.due_ns > now) {
      note_due(intent.schedule);
      continue;
    }
    if (port_->catalog().find(key.topic) ==
        nullptr) {  // its creation is not applied here yet, and will wake us
      intent.schedule.due_ns = kNever;
      continue;
    }
    batch.assignments.push_back({key.topic, key.partition, intent.term, host_.node().id});
    chosen.push_back(&intent);
    if (chosen.size() == kMaxAssignments) {
      next_due_ns_ = now;  // more may be
      break;
    }
  }
  const bool with_node = node_schedule_ && node_schedule_->due_ns <= now;
  if (node_schedule_ && !with_node) note_due(*node_schedule_);
  if (chosen.empty() && !with_node) return;
  if (with_node) batch.nodes = {*node_};
  in_flight_ =
      InFlight{++last_batch_, port_->meta_leader(), now + kAnswerNs, chosen.size() + (with_node ? 1 : 0)};
  for (Intent* intent : chosen) begin_attempt(&intent->schedule, now);
  if (with_node) begin_attempt(&*node_schedule_, now);
  last_attempt_ns_ = now;
  host_.add(batches_metric_);
  if (const Status sent = port_->send(last_batch_, batch); !sent) end_batch(sent.error());
}

void Reconciler::end_batch(const Error& reason) {
  const uint64_t batch = in_flight_->batch;
  in_flight_.reset();
  std::vector<Attempt> attempts;
  for (auto& [key, intent] : intents_) {
    if (intent.schedule.batch == batch) attempts.push_back({&intent.schedule, &intent});
  }
  if (node_schedule_ && node_schedule_->batch == batch) attempts.push_back({&*node_schedule_, nullptr});
  fail(attempts, reason);
}

// ---- failures ----

// Intents that failed as often share one delay, so that they stay one batch, and one line in the log.
void Reconciler::fail(const std::vector<Attempt>& attempts, const Error& reason) {
  std::map<std::tuple<bool, bool, uint32_t>, std::vector<Attempt>> alike;
  for (const Attempt& attempt : attempts) {
    attempt.schedule->batch = 0;
    alike[{attempt.intent == nullptr, attempt.schedule->exhausted, attempt.schedule->attempts}].push_back(
        attempt);
  }
  for (const auto& [kind, group] : alike) fail_alike(group, reason);
}

void Reconciler::fail_alike(const std::vector<Attempt>& attempts, const Error& reason) {
  const Attempt& first = attempts.front();
  const uint64_t now = host_.now_ns();
  const uint32_t n = first.schedule->attempts;
  const std::string why = phrase(reason.message);
  uint64_t delay = 0;
  bool exhausted = first.schedule->exhausted;
  if (!exhausted) {
    chr_retry retry{};
    retry.struct_size = sizeof retry;
    retry.attempt = n;
    retry.elapsed_ns = now - first.schedule->first_attempt_ns;
    retry.code = static_cast<chr_status>(reason.code);
    retry.seed = host_.random_u64();
    exhausted = n >= kAttempts || policy_.table->next_delay(policy_.instance, &retry, &delay) != CHR_OK;
    delay = std::min(delay, kMaxPolicyDelayNs);
    if (exhausted) exhaust(attempts, why);
  }
  if (exhausted) {
    delay = endless_delay(first.schedule->delay_ns);
  } else if (first.intent != nullptr) {
    host_.warn(fmt::format("Failed to update partition assignment (attempt {}): {}. Retrying in {}ms...", n,
                           why, delay / 1'000'000),
               fmt::format("partitions={} first={}", attempts.size(), first.intent->label));
  }
  for (const Attempt& attempt : attempts) {
    attempt.schedule->exhausted = exhausted;
    attempt.schedule->delay_ns = exhausted ? delay : 0;
    attempt.schedule->due_ns = now + delay;
    note_due(*attempt.schedule);
    if (attempt.intent != nullptr) host_.add(failed_metric_);
  }
}

// The policy gave up. Metadata does not: it says so once, and goes on.
void Reconciler::exhaust(const std::vector<Attempt>& attempts, std::string_view reason) {
  const uint32_t n = attempts.front().schedule->attempts;
  if (attempts.front().intent == nullptr) {
    host_.warn(
        fmt::format("The address of this node could not be replicated after {} attempts: {}", n, reason));
    return;
  }
  host_.error(fmt::format("Failed to update partition assignment after {} attempts: {}", n, reason),
              fmt::format("partitions={} first={}", attempts.size(), attempts.front().intent->label));
  for (const Attempt& attempt : attempts) {
    host_.error(fmt::format(
        "CRITICAL: Partition assignment for {} leader {} could not be replicated after {} attempts!",
        attempt.intent->label, host_.node().id, n));
  }
}

// Decorrelated jitter: nodes that failed together do not come back together.
uint64_t Reconciler::endless_delay(uint64_t before_ns) {
  const uint64_t top = std::min(kMaxDelayNs, std::max(before_ns, kMinDelayNs) * 3);
  return kMinDelayNs + host_.random_u64() % (top - kMinDelayNs + 1);
}

// ---- time ----

void Reconciler::arm() {
  uint64_t next = kNever;
  if (in_flight_) {
    next = in_flight_->deadline_ns;  // what else is due goes out when this batch has ended
  } else if (node_schedule_ || !intents_.empty()) {
    next = next_due_ns_;
  }
  if (timer_ != 0 && next == timer_ns_) return;
  host_.cancel_timer(std::exchange(timer_, 0));
  if (next == kNever) return;
  const uint64_t now = host_.now_ns();
  timer_ns_ = next;
  timer_ = host_.timer(next > now ? next - now : 0, timer_fired, this);
}

void Reconciler::timer_fired(void* self) {
  auto* reconciler = static_cast<Reconciler*>(self);
  reconciler->timer_ = 0;
  reconciler->poll();
}

// Compares what this node leads with what the catalog says, however they came to differ.
void Reconciler::anti_entropy() {
  for (const auto& [key, led] : led_) raise(key, led);
  settle_intents();
  poll();
  const uint64_t spread = kAntiEntropyNs / 5;
  anti_entropy_timer_ =
      host_.timer(kAntiEntropyNs - spread + host_.random_u64() % (2 * spread + 1), anti_entropy_fired, this);
}

void Reconciler::anti_entropy_fired(void* self) { static_cast<Reconciler*>(self)->anti_entropy(); }

// The oldest is looked for among all of them, so not at each event.
void Reconciler::export_metrics() {
  const uint64_t now = host_.now_ns();
  if (!intents_.empty() && exported_ != 0 && now < exported_ns_ + kExportNs) return;
  exported_ns_ = now;
  exported_ = intents_.size();
  uint64_t oldest = now;
  for (const auto& [key, intent] : intents_) oldest = std::min(oldest, intent.schedule.raised_ns);
  host_.set(intents_metric_, static_cast<double>(intents_.size()));
  host_.set(oldest_metric_, static_cast<double>(now - oldest) / 1e9);
}

}  // namespace chronik::metadata
