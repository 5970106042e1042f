#include "sim/net/links.h"

#include <chronik/host.hpp>

#include <algorithm>
#include <cstring>

namespace chronik::sim {

Links::Links(World& world, uint32_t nodes)
    : world_(world),
      n_(nodes),
      rng_(world.stream("links")),
      sides_(nodes + 1),
      pairs_((nodes + 1) * (nodes + 1)) {}

// ---- connections
// ---------------------------------------------------------------------------------------------------

void Links::node_up(Machine& node) {
  sides_[node.id()] = {&node, {}, {}};
  for (const chr_peer& peer : node.peers()) sides_[node.id()].peers[static_cast<uint32_t>(peer.id)] = {};
  for (uint32_t peer = 1; peer <= n_; ++peer) {
    if (peer != node.id()) connect_later(node.id(), peer);
  }
}

void Links::node_down(Machine& node) {
  const uint32_t id = node.id();
  sides_[id] = {};
  for (uint32_t peer = 1; peer <= n_; ++peer) {
    if (peer == id) continue;
    Pair& into = pair(peer, id);
    into.up = false;
    ++into.epoch;
    notice_loss(peer, id, silent_death ? faults.silence_ns : transit(0));
  }
}

void Links::connect_later(uint32_t a, uint32_t b) {
  Pair& one = pair(std::min(a, b), std::max(a, b));
  const uint32_t attempt = ++one.attempt;
  world_.loop.call(world_.now() + 2 * transit(0) + rng_.below(2 * kMillisecond), [this, a, b, &one, attempt] {
    if (one.attempt == attempt) connect(a, b);
  });
}

void Links::connect(uint32_t a, uint32_t b) {
  if (sides_[a].node == nullptr || sides_[b].node == nullptr) return;
  if (pair(a, b).blocked || pair(b, a).blocked) return;  // the end of the block tries again
  if (!accepts(a, b) || !accepts(b, a)) return;          // set_peer tries again
  for (const auto& [at, peer] : {std::pair(a, b), std::pair(b, a)}) {
    if (pair(peer, at).up) tell(at, peer, false);  // the connection before this one
  }
  for (const auto& [at, peer] : {std::pair(a, b), std::pair(b, a)}) tell(at, peer, true);
}

bool Links::accepts(uint32_t at, uint32_t peer) const {
  const auto found = sides_[at].peers.find(peer);
  if (found == sides_[at].peers.end()) return false;
  const chr_uuid& wanted = found->second;
  const chr_uuid is = sides_[peer].node->incarnation();
  return std::ranges::all_of(wanted.b, [](uint8_t byte) { return byte == 0; }) ||
         std::ranges::equal(wanted.b, is.b);
}

chr_status Links::set_peer(Machine& node, int32_t peer, const chr_uuid& incarnation) {
  const auto id = static_cast<uint32_t>(peer);
  if (peer < 1 || id > n_ || id == node.id()) return CHR_E_INVALID_ARGUMENT;
  sides_[node.id()].peers[id] = incarnation;
  if (sides_[id].node == nullptr) return CHR_OK;
  if (!pair(id, node.id()).up) connect_later(node.id(), id);
  if (!accepts(node.id(), id)) remove_links(node.id(), id);
  return CHR_OK;
}

void Links::remove_peer(Machine& node, int32_t peer) {
  const auto id = static_cast<uint32_t>(peer);
  if (sides_[node.id()].peers.erase(id) != 0) remove_links(node.id(), id);
}

void Links::remove_links(uint32_t at, uint32_t peer) {
  if (pair(peer, at).up) tell(at, peer, false);
  if (pair(at, peer).up) notice_loss(peer, at, transit(0));
}

bool Links::is_up(const Machine& node, int32_t peer) const {
  return peer >= 1 && static_cast<uint32_t>(peer) <= n_ && pair(static_cast<uint32_t>(peer), node.id()).up;
}

void Links::notice_loss(uint32_t at, uint32_t peer, uint64_t delay) {
  const uint32_t epoch = pair(peer, at).epoch;
  world_.loop.call(world_.now() + delay, [this, at, peer, epoch] {
    const Pair& into = pair(peer, at);
    if (into.epoch == epoch && into.up) tell(at, peer, false);
  });
}

void Links::tell(uint32_t at, uint32_t peer, bool up) {
  Pair& into = pair(peer, at);
  into.up = up;
  ++into.epoch;
  Side& side = sides_[at];
  for (Channel& channel : side.channels) tell_channel(*side.node, channel, peer, up);
}

void Links::tell_channel(Machine& node, Channel& channel, uint32_t peer, bool up) {
  const auto run = [](const Event& event, bool alive) {
    if (!alive) return;
    auto& target_node = *static_cast<Machine*>(event.b);
    const auto& target = *static_cast<Channel*>(event.a);
    target_node.world().trace.note(event.at, target_node.id(), Kind::kLink, event.c);
    const Enter enter(target_node.world(), target_node.at_shard(0));
    target.receiver->link(target.context, static_cast<int32_t>(event.c >> 1),
                          static_cast<uint32_t>(event.c & 1));
  };
  world_.loop.add(world_.now(), node.id(), run, &channel, &node,
                  static_cast<uint64_t>(peer) << 1 | (up ? 1 : 0));
}

chr_status Links::open(Machine& node, chr_host*, std::string_view name, const chr_channel_v1* receiver,
                       void* context, uint32_t* id) {
  Side& side = sides_[node.id()];
  if (side.channels.capacity() == 0) side.channels.reserve(8);  // events point at channels
  if (side.channels.size() == 8) return CHR_E_OVERLOADED;
  for (const Channel& channel : side.channels) {
    if (channel.name == name) return CHR_E_EXISTS;
  }
  *id = static_cast<uint32_t>(side.channels.size());
  side.channels.push_back({std::string(name), receiver, context});
  for (uint32_t peer = 1; peer <= n_; ++peer) {
    if (peer != node.id() && pair(peer, node.id()).up) tell_channel(node, side.channels.back(), peer, true);
  }
  return CHR_OK;
}

// ---- frames
// --------------------------------------------------------------------------------------------------------

uint64_t Links::transit(uint64_t n) {
  return faults.floor_ns + rng_.around(faults.delay_ns) +
         static_cast<uint64_t>(static_cast<double>(n) / faults.bytes_per_ns);
}

chr_status Links::send(Machine& from, uint32_t channel, int32_t to, uint32_t lane, const chr_slice* slices,
                       uint32_t n) {
  const auto peer = static_cast<uint32_t>(to);
  Side& side = sides_[from.id()];
  if (to < 1 || peer > n_ || peer == from.id() || channel >= side.channels.size() || lane > 1) {
    return CHR_E_INVALID_ARGUMENT;
  }
  if (!pair(peer, from.id()).up) return CHR_E_UNAVAILABLE;
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < n; ++i) bytes += slices[i].n;
  Pair& there = pair(from.id(), peer);
  if (there.queued[lane] + bytes > faults.queue_bytes) return CHR_E_OVERLOADED;
  ++frames_;
  Side& target = sides_[peer];
  const std::string& name = side.channels[channel].name;
  const auto found = std::find_if(target.channels.begin(), target.channels.end(),
                                  [&](const Channel& other) { return other.name == name; });
  if (target.node == nullptr || found == target.channels.end() || there.blocked || rng_.chance(faults.loss)) {
    ++lost_;
    return CHR_OK;
  }
  Frame frame{target.node->alloc(bytes),
              from.id(),
              peer,
              lane,
              there.epoch,
              static_cast<uint32_t>(found - target.channels.begin())};
  auto* at = const_cast<uint8_t*>(frame.bytes.p);
  for (uint32_t i = 0; i < n; ++i) {
    if (slices[i].n != 0) std::memcpy(at, slices[i].p, slices[i].n);
    at += slices[i].n;
  }
  if (filter && !filter(from.id(), peer, name, const_cast<uint8_t*>(frame.bytes.p), bytes)) {
    frame.bytes.lease->ops->release(frame.bytes.lease);
    ++lost_;
    return CHR_OK;
  }
  uint64_t arrival = world_.now() + transit(bytes);
  if (!rng_.chance(faults.reorder)) arrival = there.last[lane] = std::max(arrival, there.last[lane]);
  if (rng_.chance(faults.duplicate)) {
    frame.bytes.lease->ops->retain(frame.bytes.lease);
    deliver_later(frame, arrival + rng_.around(faults.delay_ns));
  }
  deliver_later(frame, arrival);
  return CHR_OK;
}

void Links::deliver_later(const Frame& frame, uint64_t at) {
  uint32_t index = 0;
  if (spare_frames_.empty()) {
    index = static_cast<uint32_t>(frames_in_flight_.size());
    frames_in_flight_.emplace_back();
  } else {
    index = spare_frames_.back();
    spare_frames_.pop_back();
  }
  frames_in_flight_[index] = frame;
  pair(frame.from, frame.to).queued[frame.lane] += frame.bytes.n;
  world_.loop.add(at, frame.to, &Links::run_frame, this, nullptr, index);
}

void Links::run_frame(const Event& event, bool alive) {
  auto& links = *static_cast<Links*>(event.a);
  const Frame frame = links.frames_in_flight_[event.c];
  links.spare_frames_.push_back(static_cast<uint32_t>(event.c));
  Pair& pair = links.pair(frame.from, frame.to);
  pair.queued[frame.lane] -= frame.bytes.n;
  const Side& side = links.sides_[frame.to];
  if (alive && pair.epoch == frame.epoch && pair.up && frame.channel < side.channels.size()) {
    links.world_.trace.note(event.at, frame.to, Kind::kFrame,
                            digest(frame.bytes.p, frame.bytes.n, frame.from));
    const Channel& channel = side.channels[frame.channel];
    const Enter enter(links.world_, side.node->at_shard(0));
    channel.receiver->frame(channel.context, static_cast<int32_t>(frame.from), frame.bytes);
  }
  frame.bytes.lease->ops->release(frame.bytes.lease);
}

// ---- faults
// --------------------------------------------------------------------------------------------------------

void Links::block(uint32_t from, uint32_t to, bool blocked) {
  Pair& direction = pair(from, to);
  if (direction.blocked == blocked) return;
  direction.blocked = blocked;
  if (blocked) return silence(from, to);
  if (!pair(from, to).up || !pair(to, from).up)
    connect_later(from, to);  // otherwise the connection lived through it
}

// A blocked connection dies of silence, on both ends: one hears nothing, the other gets no acknowledgement.
void Links::silence(uint32_t a, uint32_t b) {
  world_.loop.call(world_.now() + faults.silence_ns, [this, a, b] {
    if (!pair(a, b).blocked && !pair(b, a).blocked) return;
    for (const auto& [at, peer] : {std::pair(a, b), std::pair(b, a)}) {
      if (pair(peer, at).up) tell(at, peer, false);
    }
  });
}

void Links::reset(uint32_t a, uint32_t b) {
  for (const auto& [at, peer] : {std::pair(a, b), std::pair(b, a)}) {
    if (pair(peer, at).up) notice_loss(at, peer, transit(0));
  }
  connect_later(a, b);
}

void Links::heal() {
  for (uint32_t a = 1; a <= n_; ++a) {
    for (uint32_t b = 1; b <= n_; ++b) block(a, b, false);
  }
}

}  // namespace chronik::sim
