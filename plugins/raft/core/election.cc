// Elections: timers, pre-votes and votes, check-quorum, handing leadership over.
#include "raft/core/raft.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace chronik::raft {
namespace {

// Quick campaigns after a lost link, before the timeouts take over again.
constexpr uint32_t kQuickAttempts = 8;

uint64_t mix(uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

void Raft::reset_election_timer(Nanos silent_since) {
  // Node and group go into the draw: nodes that share a seed, or groups of one node, must not draw alike.
  const uint64_t draw = mix(mix(mix(config_.seed) ^ config_.self) ^ mix(config_.group) ^ ++timer_count_);
  // A timer may come late, but not after more than 2T.
  const Nanos spread = config_.election_timeout - config_.election_timeout / 32;
  // mutant timeouts-without-jitter: election_deadline_ = silent_since + config_.election_timeout + draw %
  //     spread * 0;
  election_deadline_ = silent_since + config_.election_timeout + draw % spread;
}

void Raft::leader_heard(Nanos at) {
  if (role_ != Role::kFollower || leader_ == kNobody || at <= heard_leader_) return;
  heard_leader_ = at;
  quick_attempts_ = 0;
  reset_election_timer(at);
}

void Raft::retry_election_timer() {
  if (quick_attempts_ == 0) return reset_election_timer();
  --quick_attempts_;
  // Ranks retry at different rhythms, so that collisions do not repeat.
  election_deadline_ = now_ + 3 * config_.stagger + rank_ * config_.stagger * 7 / 5;
}

// A configuration without this node may never be committed unless this node, which has
// it, brings it to the others.
bool Raft::may_campaign() const {
  if (log_end() < left_) return false;
  if (installing_) return false;                                // the log is about to be another one
  if (full_ && log_.stable() < log_.committed()) return false;  // others have what there is no room for here
  for (size_t at = configs_.size(); at-- > 0;) {
    if (configs_[at].members.is_voter(config_.self)) return true;
    if (configs_[at].index <= log_.committed()) return false;
  }
  return false;
}

void Raft::campaign_soon(NodeId lost_leader) {
  if (!may_campaign() || apply_stalled()) return;  // then the others come first
  rank_ = 0;
  for (NodeId node : membership_.voters) {
    if (node == config_.self) break;
    rank_ += node != lost_leader;
  }
  quick_attempts_ = kQuickAttempts;
  election_deadline_ = now_ + rank_ * config_.stagger;
  if (rank_ == 0) pre_campaign();
}

void Raft::campaign(Nanos now) {
  now_ = now;
  if (role_ != Role::kLeader && may_campaign()) pre_campaign();
}

void Raft::pre_campaign() {
  drop_refused();
  if (membership_.sole_voter(config_.self)) return begin_election(false);
  role_ = Role::kPreCandidate;
  leader_ = kNobody;
  votes_.clear();
  retry_election_timer();
  // Nodes that have not seen yet that the leader's link is lost did not answer; soon after they do.
  if (quick_attempts_ + 1 == kQuickAttempts) election_deadline_ = now_ + config_.stagger * 2 / 5;
  announce_role();
  for (NodeId node : membership_.members()) {
    if (node == config_.self || !membership_.is_voter(node)) continue;
    Message request;
    request.type = MessageType::kPreVote;
    request.to = node;
    request.term = term() + 1;
    request.index = log_.last_index();
    request.log_term = log_.last_term();
    send(std::move(request));
  }
  record_vote(config_.self, true);
}

void Raft::begin_election(bool forced) {
  drop_refused();
  set_hard_state(term() + 1, config_.self);
  role_ = Role::kCandidate;
  leader_ = kNobody;
  handed_over_ = forced;
  votes_.clear();
  // The vote is durable before anything commits. Where the configuration may fall back to one with others,
  // they might vote in this term, too, once this node has lost both: then it waits for its own vote.
  if (membership_.sole_voter(config_.self) && configs_.size() == 1) return become_leader();
  retry_election_timer();
  announce_role();
  for (NodeId node : membership_.members()) {
    if (!membership_.is_voter(node)) continue;
    Message request;
    request.type = node == config_.self ? MessageType::kVoteResponse : MessageType::kVote;
    request.to = node;
    request.term = term();
    request.index = log_.last_index();
    request.log_term = log_.last_term();
    request.forced = forced;
    send_when_safe(std::move(request));
  }
}

bool Raft::leader_is_alive() const {
  if (role_ == Role::kLeader) return true;  // check-quorum sees to it
  return leader_ != kNobody && now_ < heard_leader_ + config_.election_timeout;
}

// Adopts a higher term; false: the message is not to be looked at further.
bool Raft::take_term(const Message& m) {
  const bool pre_vote = m.type == MessageType::kPreVote;
  const bool vote = m.type == MessageType::kVote;
  const bool from_leader =
      m.type == MessageType::kAppend || m.type == MessageType::kHeartbeat || m.type == MessageType::kSnapshot;
  if (m.term > term()) {
    if ((vote || pre_vote) && !m.forced && leader_is_alive()) return false;
    if (pre_vote || (m.type == MessageType::kPreVoteResponse && !m.reject)) return true;
    become_follower(m.term, from_leader ? m.from : kNobody);
    return true;
  }
  if (m.term == term()) return true;
  // A sender of an older term learns the newer one; without that, pre-vote and check-quorum could leave an
  // old leader or a returning candidate stuck.
  Message answer;
  answer.to = m.from;
  answer.term = term();
  answer.reject = true;
  if (from_leader) {
    answer.type = MessageType::kHeartbeatResponse;
    send_when_safe(std::move(answer));
  } else if (pre_vote) {
    answer.type = MessageType::kPreVoteResponse;
    send_when_safe(std::move(answer));
  }
  return false;
}

void Raft::on_vote_request(const Message& m) {
  const bool pre_vote = m.type == MessageType::kPreVote;
  // mutant vote-twice: const bool free = true;
  const bool free =
      vote() == m.from || (vote() == kNobody && leader_ == kNobody) || (pre_vote && m.term > term());
  const Index end = rests_on();
  const LogEnd own{log_.term(end).value_or(0), end};
  // mutant vote-for-shorter-log: const bool up_to_date = true;
  const bool up_to_date = LogEnd{m.log_term, m.index} >= std::max(own, left_);
  Message answer;
  answer.type = pre_vote ? MessageType::kPreVoteResponse : MessageType::kVoteResponse;
  answer.to = m.from;
  answer.reject = !(free && up_to_date);
  answer.term = answer.reject ? term() : m.term;
  if (pre_vote) return send_when_safe(std::move(answer));
  if (!answer.reject) {
    set_hard_state(term(), m.from);
    quick_attempts_ = 0;
    reset_election_timer();
  }
  // mutant vote-before-durable: send(std::move(answer));
  send_when_safe(std::move(answer));
}

void Raft::on_vote_response(const Message& m) {
  const bool pre_vote = m.type == MessageType::kPreVoteResponse;
  if (pre_vote && (role_ != Role::kPreCandidate || (!m.reject && m.term != term() + 1))) return;
  if (!pre_vote && role_ != Role::kCandidate) return;
  record_vote(m.from, !m.reject);
}

void Raft::record_vote(NodeId from, bool granted) {
  const auto known =
      std::find_if(votes_.begin(), votes_.end(), [&](const auto& v) { return v.first == from; });
  if (known != votes_.end()) return;
  votes_.emplace_back(from, granted);
  // mutant joint-elected-by-new: const VoteOutcome outcome = Membership{membership_.voters, {},
  //     {}}.tally([&](NodeId node) {
  const VoteOutcome outcome = membership_.tally([&](NodeId node) {
    for (const auto& [voter, yes] : votes_)
      if (voter == node) return yes ? 1 : -1;
    return 0;
  });
  if (outcome == VoteOutcome::kPending) return;
  if (outcome == VoteOutcome::kLost) return become_follower(term(), kNobody);
  if (role_ == Role::kPreCandidate) return begin_election(false);
  become_leader();
}

// When the peer was last known to follow. That its node is alive is not enough where the log owes an answer:
// what is sent to it may get lost, or its disk may stall.
Nanos Raft::followed(const PeerProgress& progress) const {
  const bool settled = progress.settled(log_.last_index(), log_.committed());
  const Nanos log = settled ? progress.heard : progress.responded + config_.election_timeout;
  return std::max(std::min(progress.heard, log), leads_since_);
}

// Due when the last answer of a majority may be too old, by what is known when the deadline is set.
void Raft::check_quorum() {
  const Nanos heard = membership_.quorum_index([&](NodeId node) {
    const PeerProgress* progress = peer(node);
    return node == config_.self ? now_ : progress == nullptr ? 0 : followed(*progress);
  });
  quorum_check_due_ = heard + config_.election_timeout;
  // mutant check-quorum-off: quorum_check_due_ = now_ + config_.election_timeout; return;
  if (now_ < quorum_check_due_) return;
  Event event;
  event.kind = EventKind::kCheckQuorumFailed;
  event.term = term();
  events_.push_back(event);
  become_follower(term(), kNobody);
}

void Raft::on_timeout_now() {
  if (role_ == Role::kLeader || role_ == Role::kCandidate || !may_campaign()) return;
  // The leader takes proposals again soon, and this node could not.
  if (apply_stalled()) return tell_apply_stall(kNobody);
  begin_election(true);
}

Status Raft::transfer(Nanos now, NodeId to) {
  now_ = now;
  if (role_ != Role::kLeader) return fail(Code::kNotLeader, "only the leader can hand leadership over");
  if (to == config_.self) return {};
  if (to == kNobody) {
    const PeerProgress* best = best_voter();
    if (best == nullptr) return fail(Code::kUnavailable, "the group has no other voter");
    to = best->id;
  }
  if (!Membership::contains(membership_.voters, to))
    return fail(Code::kInvalidArgument, "the target is not a voter of the group");
  transfer_to_ = to;
  transfer_deadline_ = now_ + config_.election_timeout;
  retry_due_ = now_ + config_.retry_interval;
  peer(to)->ask = peer(to)->match < log_.last_index();
  check_transfer();
  return {};
}

bool Raft::linked(NodeId node) const {
  return std::any_of(linked_.begin(), linked_.end(), [node](const Link& link) { return link.peer == node; });
}

bool Raft::has_transferee() const {
  return std::any_of(membership_.voters.begin(), membership_.voters.end(),
                     [&](NodeId node) { return node != config_.self && linked(node); });
}

bool Raft::answered_of_late(const PeerProgress& progress) const {
  constexpr Nanos kIntervals = 8;
  return now_ < progress.heard + std::min(kIntervals * config_.retry_interval, config_.election_timeout / 2);
}

// One among those to come: one that is up, if any is; of these one that answers and has all that is committed; then the one that
// has most of the log; of equals the preferred one.
PeerProgress* Raft::best_voter() {
  PeerProgress* best = nullptr;
  const auto rank = [&](const PeerProgress* progress) {
    const bool is_ready = answered_of_late(*progress) && progress->match >= log_.committed();
    return std::tuple(linked(progress->id), is_ready, progress->match);
  };
  for (NodeId node : membership_.voters) {
    PeerProgress* progress = peer(node);
    if (progress != nullptr && (best == nullptr || rank(progress) > rank(best))) best = progress;
  }
  return best;
}

void Raft::check_transfer() {
  const PeerProgress* target = transfer_to_ == kNobody ? nullptr : peer(transfer_to_);
  if (target == nullptr || target->match < log_.last_index()) return;
  Message message;
  message.type = MessageType::kTimeoutNow;
  message.to = target->id;
  message.term = term();
  send(std::move(message));
}

Nanos Raft::stall_due() const {
  return std::max(written_.front().issued, storage_alive_) + config_.election_timeout;
}

// Others may still commit without this disk, but not while this node leads by being alone alive.
void Raft::check_storage_stall() {
  if (peers_.empty() || written_.empty() || transfer_to_ != kNobody) return;
  if (now_ < stall_due()) return;
  written_.front().issued = now_;
  Event event;
  event.kind = EventKind::kStorageStalled;
  event.term = term();
  // When nobody took over the first time, the others are to find a leader by themselves.
  if (!std::exchange(stall_told_, true) && transfer(now_, kNobody)) event.peer = transfer_to_;
  events_.push_back(event);
  if (event.peer == kNobody) become_follower(term(), kNobody);
}

}  // namespace chronik::raft
