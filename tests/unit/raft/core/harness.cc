#include "unit/raft/core/harness.h"

#include <fmt/format.h>

#include <chronik/crc32c.hpp>
#include <cstring>
#include <sstream>
#include <stdexcept>

namespace chronik::raft::test {

namespace {

std::string text_of_state(const std::vector<Applied>& applied) {
  std::string text;
  for (const Applied& a : applied)
    text += fmt::format("{} {} {} {}\n", a.index, a.term, a.offset, a.text.empty() ? "-" : a.text);
  return text;
}

std::vector<Applied> state_of(const Saved& saved) {
  std::string text;
  for (const std::string& piece : saved.pieces) text += piece;
  std::istringstream in(text);
  std::vector<Applied> applied;
  for (Applied a; in >> a.index >> a.term >> a.offset && in.get() && std::getline(in, a.text);) {
    if (a.text == "-") a.text.clear();
    applied.push_back(a);
  }
  return applied;
}

ConfigEntry config_of(const Entry& entry) {
  ConfigEntry config{entry.header.index, entry.header.term, {}};
  (void)decode_members(entry.payload.text(), &config.members);
  return config;
}

}  // namespace

void Disk::write(const StorageBatch& batch) {
  if (batch.truncate_from != 0) entries.erase(entries.lower_bound(batch.truncate_from), entries.end());
  for (const Entry& entry : batch.entries) entries[entry.header.index] = entry;
  if (batch.has_hard_state) hard_state = batch.hard_state;
  commit = std::max(commit, batch.commit);
}

void Disk::trim(Index first) {
  for (auto it = entries.begin(); it != entries.end() && it->first < first; it = entries.erase(it)) {
    if (terms_before.empty() || terms_before.back().term != it->second.header.term)
      terms_before.push_back({it->second.header.term, it->first, it->second.header.base_offset});
    const bool newer = config_before.empty() || config_before.back().index < it->first;
    if (it->second.header.kind == CHR_ENTRY_CONFIG && newer) config_before = {config_of(it->second)};
    start_offset = it->second.header.end_offset();
  }
  first_index = std::max(first_index, first);
}

void Disk::install(const SnapshotInstall& snapshot) {
  const SnapshotInfo& info = *snapshot.info;
  entries.clear();
  first_index = info.base + 1;
  terms_before = {info.base_term};
  config_before = {info.config};
  start_offset = info.base_offset;
  commit = std::max(commit, info.base);
  saved = {info.index, info.term, info.config, {}};
  for (const Payload& piece : snapshot.pieces) saved.pieces.emplace_back(piece.text());
}

StoredLog Disk::load(size_t entries_in_memory, const Membership& initial) const {
  StoredLog log;
  log.first_index = first_index;
  log.left = given_up;
  log.before_index = first_index - 1;
  log.before_end_offset = start_offset;
  log.commit = std::min(commit, entries.empty() ? first_index - 1 : entries.rbegin()->first);
  log.applied = std::max(saved.index, first_index - 1);
  log.terms = terms_before;
  log.configs = config_before;
  size_t left = entries.size();
  for (const auto& [index, entry] : entries) {
    if (log.terms.empty() || log.terms.back().term != entry.header.term)
      log.terms.push_back({entry.header.term, index, entry.header.base_offset});
    const bool over = !config_before.empty() && index <= config_before.back().index;
    if (entry.header.kind == CHR_ENTRY_CONFIG && !forget_configs && !over) {
      if (log.configs.empty()) log.configs.push_back({0, 0, initial});
      log.configs.push_back(config_of(entry));
    }
    log.entries.push_back(entry);
    if (left-- > entries_in_memory) log.entries.back().payload = Payload();
  }
  return log;
}

Harness::Harness(uint32_t nodes, const Config& config, uint32_t voters)
    : config_(config), voters_(voters), nodes_(nodes) {
  for (NodeId id = 1; id <= nodes; ++id) boot(id);
}

void Harness::boot(NodeId id) {
  SimNode& n = node(id);
  Config config = config_;
  config.self = id;
  Membership membership;
  for (NodeId voter = 1; voter <= voters_ && id <= voters_; ++voter) membership.voters.push_back(voter);
  n.applied = state_of(n.disk.saved);
  n.raft = std::make_unique<Raft>(config, membership, n.disk.hard_state, n.disk.load(2, membership));
  n.raft->start(n.now);
}

void Harness::crash(NodeId id, size_t keep) {
  SimNode& n = node(id);
  for (size_t i = 0; i < keep && i < n.writing.size(); ++i) n.disk.write(n.writing[i]);
  n.writing.clear();
  n.room = Room::kAll;
  n.reads.clear();
  n.snapshot_reads.clear();
  n.install.reset();
  n.hangs = false;
  n.to_apply = 0;
  n.raft.reset();
}

void Harness::leave(NodeId id) {
  Disk left;
  left.hard_state = node(id).disk.hard_state;
  left.given_up = node(id).raft->log_end();
  crash(id, 0);
  node(id).disk = std::move(left);
}

Payload Harness::payload(const std::string& text) {
  texts_.push_back(text);
  return Payload::share({reinterpret_cast<const uint8_t*>(texts_.back().data()), text.size(), nullptr});
}

Result<Placement> Harness::propose(NodeId id, Term expected, const std::vector<Proposal>& items) {
  std::vector<Proposal> copy = items;
  return node(id).raft->propose(node(id).now, expected, copy);
}

void Harness::tick(NodeId id, Nanos passed) {
  SimNode& n = node(id);
  n.now += passed;
  n.raft->tick(n.now);
  if (n.raft->next_deadline() <= n.now) throw std::logic_error("a tick left something to do at once");
  if (n.raft->role() != Role::kLeader || n.heartbeats_of != n.raft->term() || n.now < n.next_heartbeat)
    return;
  n.next_heartbeat = n.now + config_.retry_interval;
  for (const PeerProgress& peer : n.raft->peers()) {
    Message heartbeat;
    heartbeat.type = MessageType::kHeartbeat;
    heartbeat.from = id;
    heartbeat.to = peer.id;
    heartbeat.term = n.raft->term();
    network_.push_back(heartbeat);
  }
}

Ready Harness::take(NodeId id) {
  SimNode& n = node(id);
  Ready ready;
  if (n.raft->role() == Role::kLeader && n.heartbeats_of != n.raft->term()) {
    n.heartbeats_of = n.raft->term();
    n.next_heartbeat = n.now + config_.retry_interval;
  }
  n.raft->take_ready(&ready, n.room);
  if (ready.storage.ticket != 0) n.writing.push_back(ready.storage);
  for (const Message& message : ready.messages) network_.push_back(message);
  for (const ReadRequest& request : ready.reads) n.reads.push_back(request);
  for (const SnapshotRequest& request : ready.snapshot_reads) n.snapshot_reads.push_back(request);
  if (ready.install) n.install = ready.install;
  apply(&n, ready);
  return ready;
}

void Harness::apply(SimNode* n, const Ready& ready) {
  // What a snapshot covers needs no apply.
  const RaftLog& log = n->raft->log();
  n->raft->apply_done(n->now,
                      std::max(log.applied(), std::min({n->disk.saved.index, log.committed(), log.stable()})),
                      UINT64_MAX);
  if (ready.apply_to == 0) return;
  if (n->to_apply == 0) n->apply_from = ready.apply_from;
  n->to_apply = ready.apply_to;
  if (!n->hangs) apply_owed(n);
}

void Harness::apply_owed(SimNode* n) {
  const Index to = std::exchange(n->to_apply, 0);
  for (auto it = n->disk.entries.lower_bound(n->apply_from); it != n->disk.entries.end() && it->first <= to;
       ++it) {
    const EntryHeader& header = it->second.header;
    const bool config = header.kind == CHR_ENTRY_CONFIG;
    n->applied.push_back(
        {header.index, header.term, header.base_offset,
         config ? "members:" + describe(config_of(it->second).members) : text_of(it->second)});
  }
  n->raft->apply_done(n->now, to, UINT64_MAX);
}

void Harness::hang(NodeId id, bool hangs) {
  SimNode& n = node(id);
  n.hangs = hangs;
  if (!hangs && n.to_apply != 0) apply_owed(&n);
}

bool Harness::write_one(NodeId id) {
  SimNode& n = node(id);
  if (n.writing.empty() && n.install) {
    n.disk.install(*n.install);
    n.applied = state_of(n.disk.saved);
    n.install.reset();
    n.raft->snapshot_installed(n.now);
    return true;
  }
  if (n.writing.empty()) return false;
  const StorageBatch batch = std::move(n.writing.front());
  n.writing.pop_front();
  n.disk.write(batch);
  n.raft->storage_done(n.now, batch.ticket);
  return true;
}

void Harness::refuse(NodeId id) {
  SimNode& n = node(id);
  if (n.writing.empty()) return;
  n.writing.pop_front();
  for (const StorageBatch& batch : n.writing)
    if (batch.entries.empty() && batch.truncate_from == 0) n.disk.write(batch);
  n.writing.clear();
  (void)n.raft->storage_refused(n.now);
}

void Harness::serve_read(NodeId id) {
  SimNode& n = node(id);
  const ReadRequest request = n.reads.front();
  n.reads.pop_front();
  std::vector<Entry> entries;
  uint64_t bytes = 0;
  for (auto it = n.disk.entries.lower_bound(request.from);
       it != n.disk.entries.end() && it->first < request.to && bytes < request.max_bytes; ++it) {
    entries.push_back(it->second);
    bytes += it->second.header.bytes;
  }
  n.raft->entries_read(request, std::move(entries));
}

void Harness::save(NodeId id) {
  SimNode& n = node(id);
  const Index index = n.raft->log().applied();
  if (index <= n.disk.saved.index) return;
  n.disk.saved = {index, n.raft->log().term(index).value_or(0), n.raft->config_at(index), {}};
  const std::string text = text_of_state(n.applied);
  for (size_t at = 0; at < text.size(); at += piece_bytes)
    n.disk.saved.pieces.push_back(text.substr(at, piece_bytes));
}

void Harness::trim(NodeId id, Index first) {
  SimNode& n = node(id);
  if (first > n.disk.saved.index + 1) save(id);
  n.raft->trim(first);
  n.disk.trim(first);
}

void Harness::serve_snapshot(NodeId id) {
  SimNode& n = node(id);
  const SnapshotRequest request = n.snapshot_reads.front();
  n.snapshot_reads.pop_front();
  const Saved& saved = n.disk.saved;
  if (request.info != nullptr) {
    const bool there = request.info->generation == saved.index;
    return n.raft->snapshot_read(n.now, request, there ? request.info : nullptr,
                                 there ? payload(saved.pieces[request.piece]) : Payload());
  }
  SnapshotInfo info;
  info.index = info.generation = saved.index;
  info.term = saved.term;
  info.pieces = static_cast<uint32_t>(saved.pieces.size());
  for (const std::string& piece : saved.pieces) {
    info.bytes += piece.size();
    info.checksum = crc32c::extend(info.checksum, piece.data(), piece.size());
  }
  info.config = saved.config;
  info.base = n.disk.first_index - 1;
  info.base_term = n.raft->log().term_start(info.base).value_or(TermStart());
  if (wrong_base_term) info.base_term.term = info.term;
  info.base_offset = n.disk.start_offset;
  n.raft->snapshot_read(n.now, request, std::make_shared<const SnapshotInfo>(info), Payload());
}

std::string text_of(const Entry& entry) {
  const chr_slice& slice = entry.payload.slice();
  return {reinterpret_cast<const char*>(slice.p), slice.n};
}

std::string describe(const Membership& membership) {
  std::string out = fmt::format("{}", fmt::join(membership.voters, ","));
  if (!membership.outgoing.empty()) out += fmt::format(" leaving {}", fmt::join(membership.outgoing, ","));
  if (!membership.learners.empty()) out += fmt::format(" learning {}", fmt::join(membership.learners, ","));
  return out;
}

std::string describe(const Entry& entry) {
  const EntryHeader& header = entry.header;
  std::string out = fmt::format("{}/{}", header.index, header.term);
  if (header.kind == CHR_ENTRY_NOOP) return out + " noop";
  if (header.kind == CHR_ENTRY_CONFIG) return out + " members " + describe(config_of(entry).members);
  out += fmt::format(" @{}+{}", header.base_offset, header.records);
  if (header.max_timestamp != kNoTimestamp)
    out += fmt::format(" ts={}/{}", header.max_timestamp, header.log_max_timestamp);
  return out + fmt::format(" {}", entry.in_memory() ? text_of(entry) : "(on disk)");
}

namespace {

const char* name_of(MessageType type) {
  switch (type) {
    case MessageType::kPreVote:
      return "pre-vote";
    case MessageType::kPreVoteResponse:
      return "pre-vote-response";
    case MessageType::kVote:
      return "vote";
    case MessageType::kVoteResponse:
      return "vote-response";
    case MessageType::kAppend:
      return "append";
    case MessageType::kAppendResponse:
      return "append-response";
    case MessageType::kHeartbeat:
      return "heartbeat";
    case MessageType::kHeartbeatResponse:
      return "heartbeat-response";
    case MessageType::kTimeoutNow:
      return "timeout-now";
    case MessageType::kSnapshot:
      return "snapshot";
    case MessageType::kSnapshotResponse:
      return "snapshot-response";
  }
  return "?";
}

std::string describe_snapshot(const SnapshotInfo& info) {
  return fmt::format("as of {}/{} members {} log after {}/{} @{}", info.index, info.term,
                     describe(info.config.members), info.base, info.base_term.term, info.base_offset);
}

std::string join(const std::vector<Entry>& entries) {
  std::string out;
  for (const Entry& entry : entries) out += (out.empty() ? "" : ", ") + describe(entry);
  return "[" + out + "]";
}

}  // namespace

const char* name_of(Role role) {
  switch (role) {
    case Role::kFollower:
      return "follower";
    case Role::kPreCandidate:
      return "pre-candidate";
    case Role::kCandidate:
      return "candidate";
    case Role::kLeader:
      return "leader";
  }
  return "?";
}

std::string describe(const Message& m) {
  std::string out = fmt::format("{}->{} {} term={}", m.from, m.to, name_of(m.type), m.term);
  switch (m.type) {
    case MessageType::kPreVote:
    case MessageType::kVote:
      out += fmt::format(" last={}/{}{}", m.index, m.log_term, m.forced ? " forced" : "");
      break;
    case MessageType::kPreVoteResponse:
    case MessageType::kVoteResponse:
      out += m.reject ? " refused" : " granted";
      break;
    case MessageType::kAppend:
      out += fmt::format(" after={}/{} commit={} {}", m.index, m.log_term, m.commit, join(m.entries));
      break;
    case MessageType::kAppendResponse:
      out += m.reject ? fmt::format(" refused={} hint={}/{}", m.index, m.hint_index, m.log_term)
                      : fmt::format(" matched={} commit={}", m.index, m.commit);
      break;
    case MessageType::kHeartbeat:
    case MessageType::kHeartbeatResponse:
      if (m.context != 0) out += fmt::format(" read={}", m.context);
      break;
    case MessageType::kSnapshot:
      out += fmt::format(" #{} {}", m.context, describe_snapshot(*m.snapshot));
      out += m.piece.size() > 0 ? fmt::format(" piece {} of {}", m.hint_index, m.snapshot->pieces)
                                : std::string(" which pieces?");
      break;
    case MessageType::kSnapshotResponse:
      out += fmt::format(" #{} {}", m.context,
                         m.reject ? std::string("damaged") : fmt::format("has {}", m.index));
      break;
    default:
      break;
  }
  return out;
}

std::string describe(const StorageBatch& batch) {
  std::string out = fmt::format("write #{}", batch.ticket);
  if (batch.has_hard_state)
    out += fmt::format(" term={} vote={}", batch.hard_state.term, batch.hard_state.vote);
  if (batch.truncate_from != 0) out += fmt::format(" truncate={}", batch.truncate_from);
  if (!batch.entries.empty()) out += " " + join(batch.entries);
  return out;
}

std::string describe(const Event& event) {
  switch (event.kind) {
    case EventKind::kRole:
      return fmt::format("{} at term {}, leader {}{}", name_of(event.role), event.term,
                         event.leader == kNobody ? "unknown" : std::to_string(event.leader),
                         event.handed_over ? ", handed over" : "");
    case EventKind::kTruncated:
      return fmt::format("truncated from {}, log end {}", event.index, event.offset);
    case EventKind::kCommitted:
      return fmt::format("committed {}, high watermark {}", event.index, event.offset);
    case EventKind::kNeedSnapshot:
      return fmt::format("{} needs a snapshot", event.peer);
    case EventKind::kSnapshotSent:
      return fmt::format("{} has installed the snapshot", event.peer);
    case EventKind::kSnapshotRefused:
      return fmt::format("{} got a damaged snapshot", event.peer);
    case EventKind::kSnapshotDamaged:
      return fmt::format("the snapshot of {} is damaged", event.peer);
    case EventKind::kReadable:
      return fmt::format("read {} may see up to {}", event.context, event.index);
    case EventKind::kCheckQuorumFailed:
      return "no quorum answered";
    case EventKind::kStorageStalled:
      return fmt::format("disk stalled, handing over to {}", event.peer);
    case EventKind::kStorageFull:
      return fmt::format("storage full, handing over to {}", event.peer);
    case EventKind::kApplyStalled:
      return fmt::format("cannot apply {}, {}", event.index,
                         event.peer == kNobody ? std::string("does not take over")
                                               : fmt::format("offers to {}", event.peer));
    case EventKind::kMembersChanged:
      return fmt::format("members changed at {}", event.index);
    case EventKind::kInconsistentPeer:
      return fmt::format("{} contradicts the log from {} on", event.peer, event.index);
  }
  return "?";
}

}  // namespace chronik::raft::test
