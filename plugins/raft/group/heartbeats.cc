#include "raft/group/heartbeats.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {
namespace {

constexpr uint32_t kMaxStreams = 1024;     // that a peer can have
constexpr Nanos kSilence = 1'000'000'000;  // an answer after as much is worth telling every leader

uint64_t digest_of(uint64_t group, Term term) {  // splitmix64
  uint64_t x = group + term * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

bool Heartbeats::ClaimSet::set(uint64_t group, Term term) {
  const auto known = terms_.find(group);
  const Term before = known == terms_.end() ? 0 : known->second;
  if (before == term) return false;
  if (before != 0) digest_ ^= digest_of(group, before);
  if (term != 0) digest_ ^= digest_of(group, term);
  if (term != 0) {
    terms_[group] = term;
  } else {
    terms_.erase(known);
  }
  return true;
}

void Heartbeats::ClaimSet::clear() {
  terms_.clear();
  digest_ = 0;
}

void Heartbeats::Stream::set(uint64_t group, Term term) {
  if (!claims_.set(group, term)) return;
  if (const auto before = versions_.find(group); before != versions_.end()) groups_.erase(before->second);
  versions_[group] = ++version_;
  groups_[version_] = group;
}

HeartbeatStream Heartbeats::Stream::since_acknowledged(uint32_t id) const {
  HeartbeatStream out{id, acknowledged_, version_, claims_.digest(), {}};
  for (auto at = groups_.upper_bound(acknowledged_); at != groups_.end(); ++at) {
    const auto claim = claims_.terms().find(at->second);
    if (claim != claims_.terms().end()) {
      out.claims.push_back({claim->first, claim->second});
    } else if (acknowledged_ != 0) {
      out.claims.push_back({at->second, 0});
    }
  }
  return out;
}

void Heartbeats::Stream::acknowledge(uint64_t version) {
  version = std::min(version, version_);
  for (auto at = groups_.upper_bound(acknowledged_); at != groups_.end() && at->first <= version;) {
    if (claims_.terms().contains(at->second)) {
      ++at;
    } else {  // withdrawn
      versions_.erase(at->second);
      at = groups_.erase(at);
    }
  }
  acknowledged_ = version;
}

void Heartbeats::start(const Options& options) {
  options_ = options;
  alive_.assign(options.shards, 0);
}

Heartbeats::Peer& Heartbeats::peer(NodeId id) {
  Peer& found = peers_[id];
  if (found.streams.empty()) {
    found.streams.resize(options_.shards);
    found.rejections.resize(options_.shards);
  }
  return found;
}

void Heartbeats::set_claim(uint32_t shard, NodeId id, uint64_t group, Term term) {
  const std::lock_guard lock(mutex_);
  peer(id).streams.at(shard).set(group, term);
}

void Heartbeats::shard_alive(uint32_t shard, Nanos now) {
  const std::lock_guard lock(mutex_);
  alive_.at(shard) = now;
}

Nanos Heartbeats::answered(NodeId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = peers_.find(id);
  return found == peers_.end() ? 0 : found->second.answered;
}

Nanos Heartbeats::heard(NodeId id, uint32_t stream) const {
  const std::lock_guard lock(mutex_);
  const auto found = peers_.find(id);
  if (found == peers_.end()) return 0;
  const auto heard = found->second.heard.find(stream);
  return heard == found->second.heard.end() ? 0 : heard->second.at;
}

void Heartbeats::set_rejections(uint32_t shard, NodeId id, std::vector<LeaderClaim> rejections) {
  const std::lock_guard lock(mutex_);
  peer(id).rejections.at(shard) = std::move(rejections);
}

// A new connection starts over on both sides: what was on its way is lost, and the
// process there may be another one.
void Heartbeats::link(NodeId id, bool) {
  const std::lock_guard lock(mutex_);
  Peer& to = peer(id);
  for (Stream& stream : to.streams) stream.acknowledge(0);
  to.session = 0;
  to.heard.clear();
}

Heartbeat Heartbeats::next(NodeId id, Nanos now) {
  const std::lock_guard lock(mutex_);
  Peer& to = peer(id);
  Heartbeat heartbeat;
  heartbeat.session = options_.session;
  heartbeat.seq = ++to.seq;
  heartbeat.sent = to.sent = now;
  for (uint32_t shard = 0; shard < options_.shards; ++shard)
    if (now < alive_[shard] + options_.stale_after)
      heartbeat.streams.push_back(to.streams[shard].since_acknowledged(shard));
  heartbeat.heard_session = to.session;
  heartbeat.heard_sent = to.last_sent;
  for (const auto& [stream, heard] : to.heard) heartbeat.have.push_back({stream, heard.version});
  for (const auto& rejections : to.rejections)
    heartbeat.rejections.insert(heartbeat.rejections.end(), rejections.begin(), rejections.end());
  return heartbeat;
}

ReceivedClaims Heartbeats::received(NodeId id, const Heartbeat& heartbeat, Nanos now) {
  const std::lock_guard lock(mutex_);
  Peer& from = peer(id);
  ReceivedClaims received;
  received.peer = id;
  if (from.session != heartbeat.session) {
    received.forget = true;
    from.session = heartbeat.session;
    from.last_seq = 0;
    from.heard.clear();
  }
  if (heartbeat.seq <= from.last_seq) return {};
  from.last_seq = heartbeat.seq;
  from.last_sent = heartbeat.sent;
  read_claims(&from, heartbeat, now, &received);
  read_answer(&from, heartbeat, &received);
  return received;
}

void Heartbeats::read_claims(Peer* from, const Heartbeat& heartbeat, Nanos now, ReceivedClaims* received) {
  for (const HeartbeatStream& stream : heartbeat.streams) {
    if (stream.id >= kMaxStreams) continue;
    Heard& heard = from->heard[stream.id];
    if (stream.base > heard.version) continue;  // something before it is missing; the answer says so
    heard.at = now;
    if (stream.version > heard.version) {
      if (stream.base == 0) heard.claims.clear();
      for (const LeaderClaim& claim : stream.claims) heard.claims.set(claim.group, claim.term);
      received->streams.push_back({stream.id, stream.base == 0, stream.claims});
      heard.version = stream.version;
    }
    if (heard.claims.digest() != stream.digest) heard.version = 0;
  }
}

void Heartbeats::read_answer(Peer* from, const Heartbeat& heartbeat, ReceivedClaims* received) {
  if (heartbeat.heard_session != options_.session) {
    for (Stream& stream : from->streams) stream.acknowledge(0);
    return;
  }
  for (uint32_t shard = 0; shard < options_.shards; ++shard) {
    const auto have = std::find_if(heartbeat.have.begin(), heartbeat.have.end(),
                                   [&](const Heartbeat::Have& each) { return each.stream == shard; });
    from->streams[shard].acknowledge(have == heartbeat.have.end() ? 0 : have->version);
  }
  if (heartbeat.heard_sent > from->answered && heartbeat.heard_sent <= from->sent) {
    received->returned = from->answered == 0 || heartbeat.heard_sent > from->answered + kSilence;
    from->answered = heartbeat.heard_sent;
  }
  received->has_rejections = from->rejects || !heartbeat.rejections.empty();
  from->rejects = !heartbeat.rejections.empty();
  received->rejections = heartbeat.rejections;
}

}  // namespace chronik::raft
