#include "metadata/service/changes.h"

#include <fmt/format.h>

#include <algorithm>

#include "metadata/catalog/features.h"

namespace chronik::metadata {
namespace {

constexpr uint64_t kMaxTimeoutNs = 3'600'000'000'000;

void fill(const ItemResult& from, chr_change_result* to) {
  *to = {};
  to->code = from.code;
  to->n_partitions = from.partitions;
  to->topic = from.topic.to_abi();
  const size_t n = std::min(from.message.size(), sizeof to->message - 1);
  std::memcpy(to->message, from.message.data(), n);
}

}  // namespace

Changes::Changes(Host host, Replica* replica, Peers* peers, std::function<ClusterView()> view)
    : host_(host),
      replica_(replica),
      peers_(peers),
      cluster_view_(std::move(view)),
      session_(host.random_u64()) {}

// ---- the asking side ----

void Changes::submit(Request request) {
  if (pending_.size() >= kMaxPending) {
    host_.complete(request.token, CHR_E_OVERLOADED, "too many changes are waiting for the leader of __meta");
    return;
  }
  const uint64_t now = host_.now_ns();
  Pending pending;
  const uint64_t timeout = std::min(request.timeout_ns, kMaxTimeoutNs);
  pending.deadline_ns = now + timeout;
  pending.begun_ns = now;
  // The refusal must still reach who waits for it.
  pending.patient_until_ns = pending.deadline_ns - std::min(timeout / 4, kLastWordNs);
  pending.request = std::move(request);
  pending.next_ns = now;
  pending_.emplace(++last_number_, std::move(pending));
  wake();
}

void Changes::attempt(uint64_t number, Pending* pending) {
  const int32_t leader = replica_->leader();
  const uint64_t now = host_.now_ns();
  if (leader < 0) {
    pending->next_ns = pending->deadline_ns;  // a leader wakes it
    return;
  }
  if (!is_understood(leader, *pending)) {
    const uint64_t until = std::min(pending->begun_ns + kSaysNothingNs, pending->deadline_ns);
    if (now >= until && pending->attempts == 0) return refuse_as_new(number, leader);
    pending->next_ns = now + kRefusedNs;
    return;
  }
  const uint32_t n = ++pending->attempts;
  ChangeFrame frame{{{host_.node().id, session_, number}, pending->request.body},
                    n,
                    pending->request.validate_only,
                    now < pending->patient_until_ns};
  pending->asked = leader;
  pending->next_ns = now + (kAnswerNs << std::min(pending->unanswered++, 3u));
  if (leader == host_.node().id) {
    decide(std::move(frame), [this](const ReplyFrame& reply) { replied(reply); });
  } else if (const Status sent = peers_->send(leader, frame); !sent) {
    if (sent.error().code == Code::kInvalidArgument)  // no attempt can succeed
      return refuse(number, CHR_E_INVALID_ARGUMENT, sent.error().message);
    pending->asked = -1;
    pending->next_ns = now + kRefusedNs;
  }
}

// Whether the leader knows this kind of change. One of before feature levels would drop it; where levels are
// finalized there is none.
bool Changes::is_understood(int32_t leader, const Pending& pending) const {
  return !is_new(pending.request.body) || replica_->catalog().level() >= kRecordsLevel ||
         cluster_view_().features.contains(leader);
}

void Changes::refuse_as_new(uint64_t number, int32_t leader) {
  refuse(
      number, CHR_E_UNSUPPORTED,
      fmt::format("Node {} leads __meta, and runs a build without feature levels: upgrade it first", leader));
}

void Changes::refuse(uint64_t number, chr_status code, const std::string& message) {
  const auto found = pending_.find(number);
  finish_change(found,
                std::vector<ItemResult>(verdicts(found->second.request.body).size(), {code, message, {}, 0}),
                0, 0);
}

void Changes::attempt_all() {
  const uint64_t now = host_.now_ns();
  std::vector<uint64_t> due;
  for (const auto& [number, pending] : pending_) {
    if (std::min(pending.next_ns, pending.deadline_ns) <= now) due.push_back(number);
  }
  for (const uint64_t number : due) {
    const auto found = pending_.find(number);
    if (found == pending_.end()) continue;
    // Whoever does not want to wait still wants it done: one attempt goes out first.
    const bool tried = found->second.attempts > 0 || replica_->leader() < 0;
    tried && found->second.deadline_ns <= now
        ? give_up(found, "the leader of __meta did not answer in time; the outcome is unknown")
        : attempt(number, &found->second);
  }
}

void Changes::wake() {
  attempt_all();
  published();
  arm();
}

void Changes::replied(const ReplyFrame& reply) {
  const auto found = pending_.find(reply.number);
  if (reply.session != session_ || found == pending_.end() || found->second.attempts != reply.attempt) return;
  if (reply.verdict.code == CHR_OK) {
    finish_change(found, reply.items, 0, 0);
    published();
  } else {
    found->second.asked = -1;
    found->second.unanswered = 0;
    found->second.next_ns = host_.now_ns() + kRefusedNs;
  }
  arm();
}

void Changes::leader_changed() {
  const uint64_t now = host_.now_ns();
  for (auto& [number, pending] : pending_) {
    if (pending.asked < 0 || pending.asked != replica_->leader()) pending.next_ns = now;
  }
  wake();
}

void Changes::link_changed(int32_t peer, bool up) {
  const uint64_t now = host_.now_ns();
  for (auto& [number, pending] : pending_) {
    if (up ? pending.asked < 0 : pending.asked == peer) pending.next_ns = now + (up ? 0 : kRefusedNs);
  }
  wake();
}

void Changes::command_applied(const Command& command, const Outcome& outcome) {
  if (command.request.node != host_.node().id || command.request.session != session_) return;
  const auto found = pending_.find(command.request.number);
  if (found == pending_.end() || outcome.seen == Seen::kApplied) return;
  if (outcome.seen == Seen::kForgotten)
    return give_up(found, "too many changes of this node overtook it; the outcome is unknown");
  finish_change(found, outcome.items, outcome.first_producer_id, outcome.producer_ids);
}

// A snapshot may hold the effect of a request that was sent, but not its outcome; sent again, it would be
// judged by what it did itself.
void Changes::catalog_replaced() {
  for (auto it = pending_.begin(); it != pending_.end();) {
    const auto pending = it++;
    if (pending->second.attempts > 0)
      give_up(pending, "this node got a snapshot of __meta meanwhile; the outcome is unknown");
  }
  arm();
}

void Changes::finish_change(std::map<uint64_t, Pending>::iterator pending,
                            const std::vector<ItemResult>& items, int64_t first_id, int64_t ids) {
  const Request& request = pending->second.request;
  if (items.size() != verdicts(request.body).size()) return;  // a peer's mistake; the deadline ends it
  for (size_t i = 0; i < items.size(); ++i) fill(items[i], &request.results[i]);
  chr_done done{};
  done.token = request.token;
  done.u[0] = static_cast<uint64_t>(first_id);
  done.u[1] = static_cast<uint64_t>(ids);
  ready_.push_back(done);
  pending_.erase(pending);
}

void Changes::give_up(std::map<uint64_t, Pending>::iterator pending, std::string_view why_unknown) {
  if (pending->second.attempts == 0) {
    host_.complete(pending->second.request.token, CHR_E_UNAVAILABLE,
                   "no leader of __meta was elected in time");
  } else {
    host_.complete(pending->second.request.token, CHR_E_TIMEOUT, why_unknown);
  }
  pending_.erase(pending);
}

void Changes::published() {
  if (ready_.empty()) return;
  host_.complete(ready_.data(), static_cast<uint32_t>(ready_.size()));
  ready_.clear();
}

void Changes::stop(chr_status code, std::string_view message) {
  host_.cancel_timer(std::exchange(timer_, 0));
  published();
  for (const auto& [number, pending] : pending_) host_.complete(pending.request.token, code, message);
  pending_.clear();
}

void Changes::arm() {
  host_.cancel_timer(std::exchange(timer_, 0));
  uint64_t next = UINT64_MAX;
  for (const auto& [number, pending] : pending_)
    next = std::min({next, pending.next_ns, pending.deadline_ns});
  if (next == UINT64_MAX) return;
  const uint64_t now = host_.now_ns();
  timer_ = host_.timer(next > now ? next - now : 0, timer_fired, this);
}

void Changes::timer_fired(void* self) {
  auto* changes = static_cast<Changes*>(self);
  changes->timer_ = 0;
  changes->wake();
}

// ---- the leader's side ----

// A frame that comes twice would be judged by what it did the first time.
bool Changes::came_before(const ChangeFrame& frame) {
  const RequestId& id = frame.command.request;
  Asked& asked = asked_[id.node];
  if (asked.session != id.session) asked = {id.session, {}};
  uint32_t& newest = asked.attempts[id.number];
  if (frame.attempt <= newest) return true;
  newest = frame.attempt;
  if (asked.attempts.size() > kRememberedRequests) asked.attempts.erase(asked.attempts.begin());
  return false;
}

void Changes::requested(int32_t from, ChangeFrame frame) {
  if (frame.command.request.node != from) return;  // one hop: nobody asks for another
  if (came_before(frame)) return;
  decide(std::move(frame), [this, from](const ReplyFrame& reply) {
    // A lost reply costs the asking node a timeout and another attempt.
    peers_->tell(from, reply);
  });
}

void Changes::decide(ChangeFrame frame, const Reply& reply) {
  const RequestId id = frame.command.request;
  ReplyFrame answer{id.session, id.number, frame.attempt, {}, {}};
  const auto refuse = [answer, reply](const Error& error) {
    ReplyFrame refusal = answer;
    refusal.verdict = {static_cast<chr_status>(error.code), error.message};
    reply(refusal);
  };
  if (!replica_->leads()) return refuse({Code::kNotLeader, "this node does not lead __meta"});
  resolve(replica_->catalog(), cluster_view_(), &frame.command.body);
  if (frame.patient && any_early(frame.command.body))
    return refuse({Code::kUnavailable, "nodes that it needs did not register yet"});
  // Before feature levels are finalized, nothing that is refused may reach nodes that do not know them. No
  // earlier attempt can be in the log either, since the level never falls.
  const bool repeats =
      frame.attempt > 1 && (!is_new(frame.command.body) || replica_->catalog().level() >= kRecordsLevel);
  const bool proposes = !frame.validate_only && (repeats || any_accepted(frame.command.body));
  if (!proposes) {
    answer.items = verdicts(frame.command.body);
    return reply(answer);
  }
  const Status proposed = replica_->propose(frame.command, [refuse](const Status& committed) {
    if (!committed) refuse(committed.error());
  });
  if (proposed) return;
  if (proposed.error().code != Code::kInvalidArgument) return refuse(proposed.error());
  answer.items = verdicts(frame.command.body);  // no attempt can succeed
  for (ItemResult& item : answer.items) item = {CHR_E_INVALID_ARGUMENT, proposed.error().message, {}, 0};
  reply(answer);
}

}  // namespace chronik::metadata
