#include "host/link/links.h"

#include "host/link/link_frame.h"
#include "host/link/link_greeter.h"
#include "host/link/peer_link.h"
#include "host/net/accept_loop.h"
#include "host/net/bound_socket.h"
#include "host/observe/logger.h"
#include "host/observe/metrics.h"
#include "host/runtime/shard.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace chronik::host {
namespace {

constexpr std::string_view kComponent = "link";
constexpr size_t kMaxGreeters = 128;  // connections that have not said yet who they are
constexpr uint64_t kBusyTickNs = 50'000'000;
constexpr uint64_t kIdleTickNs = 500'000'000;
constexpr uint64_t kLateNs = 1'000'000'000;
constexpr uint64_t kWarnAgainNs = 10'000'000'000;
constexpr size_t kMaxWarned = 256;
constexpr std::string_view kLaneNames[kLanes] = {"control", "bulk"};

}  // namespace

// ---- metrics ----

struct Links::Series {
  struct Lane {
    uint64_t sent_bytes, sent_frames, received_bytes, received_frames, dropped;
  };
  Series(Metrics& metrics, int32_t peer) {
    const std::string id = label("peer", std::to_string(peer));
    up = metrics.define(CHR_METRIC_GAUGE, "chronik_link_up", id, "Whether the link to a node is up.");
    for (uint32_t i = 0; i < kLanes; ++i) {
      const std::string labels = id + "," + label("lane", kLaneNames[i]);
      const auto counter = [&](std::string_view name, std::string_view help) {
        return metrics.define(CHR_METRIC_COUNTER, name, labels, help);
      };
      lanes[i] = {counter("chronik_link_sent_bytes_total", "Bytes sent to a node."),
                  counter("chronik_link_sent_frames_total", "Frames queued for a node."),
                  counter("chronik_link_received_bytes_total", "Bytes received from a node."),
                  counter("chronik_link_received_frames_total", "Frames received from a node."),
                  counter("chronik_link_dropped_frames_total", "Frames dropped as the queue was full.")};
    }
  }
  void remove_from(Metrics& metrics) const {
    metrics.remove(up);
    for (const Lane& lane : lanes) {
      for (const uint64_t id :
           {lane.sent_bytes, lane.sent_frames, lane.received_bytes, lane.received_frames, lane.dropped})
        metrics.remove(id);
    }
  }
  void export_metrics(Metrics& metrics, const LinkOut& out) const {
    metrics.set(up, out.up.load() ? 1 : 0);
    for (uint32_t i = 0; i < kLanes; ++i) {
      const LinkOutbox::Counts counts = out.lanes[i].counts();
      metrics.set(lanes[i].sent_bytes, static_cast<double>(counts.bytes));
      metrics.set(lanes[i].sent_frames, static_cast<double>(counts.frames));
      metrics.set(lanes[i].received_bytes, static_cast<double>(out.received_bytes[i].load()));
      metrics.set(lanes[i].received_frames, static_cast<double>(out.received_frames[i].load()));
      metrics.set(lanes[i].dropped, static_cast<double>(counts.dropped));
    }
  }

  uint64_t up;
  Lane lanes[kLanes];
};

void Links::export_metrics() {
  const std::shared_lock lock(mutex_);
  for (const auto& [id, peer] : peers_) peer.series->export_metrics(runtime_.metrics(), *peer.out);
}

// ---- life ----

Links::Links(Runtime& runtime, LinkOptions options)
    : runtime_(runtime),
      options_(std::move(options)),
      decode_errors_(runtime.metrics().define(CHR_METRIC_COUNTER, "chronik_wire_decode_errors_total", {},
                                              "What other nodes sent and could not be read.")),
      cluster_id_(options_.cluster_id) {
  for (const LinkOptions::Peer& peer : options_.peers) {
    if (peer.id != options_.node) (void)set_peer(peer.id, peer.address, {});
  }
  collector_ = runtime_.metrics().on_collect([this](Metrics&) { export_metrics(); });
}

Links::~Links() { stop(); }

Status Links::listen() {
  if (options_.listen.empty()) return {};
  CHRONIK_TRY(const BoundSocket bound, listen_tcp(options_.listen, "the address of this node in [[peer]]"));
  port_ = bound.port;
  acceptor_ =
      std::make_shared<AcceptLoop>(runtime_, bound.fd, options_.listen, [this](int fd) { accepted(fd); });
  runtime_.post(0, [loop = acceptor_] { loop->wait(); });
  runtime_.logger().info(kComponent, "listening for other nodes",
                         Fields().add("listen", options_.listen).add("port", port_));
  return {};
}

void Links::start() {
  runtime_.run_on(0, [this] {
    started_ = true;
    std::vector<int32_t> ids;
    {
      const std::shared_lock lock(mutex_);
      for (const auto& [id, peer] : peers_) ids.push_back(id);
    }
    for (const int32_t id : ids) sync(id);
  });
}

void Links::stop() {
  runtime_.metrics().off_collect(std::exchange(collector_, 0));
  if (!runtime_.is_running()) return;
  runtime_.run_on(0, [this] {
    stopped_ = true;
    if (acceptor_ != nullptr) std::exchange(acceptor_, nullptr)->close();
    for (const auto& greeter : std::exchange(greeters_, {})) greeter->cancel();
    links_.clear();
    runtime_.timer_cancel(std::exchange(tick_timer_, 0));
  });
}

void Links::set_cluster_id(std::string id) {
  runtime_.post(0, [this, id = std::move(id)] { cluster_id_ = id; });
}

// ---- peers ----

chr_status Links::set_peer(int32_t peer, std::string_view address, const chr_uuid& incarnation) {
  if (peer < 0 || peer == options_.node) return CHR_E_INVALID_ARGUMENT;
  if (!address.empty() && !parse_host_port(address, "peer")) return CHR_E_INVALID_ARGUMENT;
  const std::lock_guard changing(change_mutex_);
  std::shared_ptr<Series> series;  // defined without mutex_, which the collector of metrics takes
  if (!is_known(peer)) series = std::make_shared<Series>(runtime_.metrics(), peer);
  {
    const std::unique_lock lock(mutex_);
    Peer& entry = peers_[peer];
    entry.address = address;
    entry.incarnation = incarnation;
    if (series != nullptr) {
      entry.series = std::move(series);
      entry.out = std::make_shared<LinkOut>(runtime_.buffers(), options_.control_queue_bytes,
                                            options_.bulk_queue_bytes);
    }
  }
  runtime_.post(0, [this, peer] { sync(peer); });
  return CHR_OK;
}

bool Links::is_known(int32_t peer) const {
  const std::shared_lock lock(mutex_);
  return peers_.contains(peer);
}

void Links::remove_peer(int32_t peer) {
  const std::lock_guard changing(change_mutex_);
  Peer removed;
  {
    const std::unique_lock lock(mutex_);
    if (const auto found = peers_.find(peer); found != peers_.end()) {
      removed = std::move(found->second);
      peers_.erase(found);
    }
  }
  runtime_.post(0, [this, peer] { removed_.insert(peer); });
  if (removed.out == nullptr) return;
  removed.out->up.store(false);
  for (LinkOutbox& lane : removed.out->lanes) lane.close();
  removed.series->remove_from(runtime_.metrics());
  runtime_.post(0, [this, peer] { sync(peer); });
}

bool Links::is_up(int32_t peer) const {
  const std::shared_lock lock(mutex_);
  const auto found = peers_.find(peer);
  return found != peers_.end() && found->second.out->up.load(std::memory_order_acquire);
}

// Makes the link of one peer what the table says.
void Links::sync(int32_t id) {
  if (!started_ || stopped_) return;
  Peer peer;
  {
    const std::shared_lock lock(mutex_);
    const auto found = peers_.find(id);
    if (found != peers_.end()) peer = found->second;
  }
  std::unique_ptr<PeerLink>& link = links_[id];
  if (link != nullptr && link->out() != peer.out) link = nullptr;  // removed, and perhaps set again
  if (peer.out == nullptr) {
    links_.erase(id);
    return;
  }
  removed_.erase(id);
  if (link == nullptr) link = std::make_unique<PeerLink>(*this, id, peer.out);
  link->configure(peer.address, peer.incarnation);
}

// ---- channels ----

Status Links::open(const void* owner, std::string_view name, const chr_channel_v1* receiver, void* context,
                   uint32_t* id) {
  const uint32_t hash = channel_hash(name);
  {
    const std::unique_lock lock(mutex_);
    for (const Channel& channel : channels_) {
      if (channel.receiver == nullptr || channel.hash != hash) continue;
      return fail(Code::kExists,
                  fmt::format("the channel \"{}\" is taken by the channel \"{}\"", name, channel.name));
    }
    *id = static_cast<uint32_t>(channels_.size());
    channels_.push_back({std::string(name), hash, owner, receiver, context});
  }
  runtime_.post(0, [this, receiver, hash] {  // of those that are up already
    for (const auto& [peer, link] : links_) {
      const Channel channel = find_channel(hash);
      if (link->is_up() && channel.receiver == receiver) receiver->link(channel.context, peer, 1);
    }
  });
  return {};
}

void Links::close_channels(const void* owner) {
  bool any = false;
  {
    const std::unique_lock lock(mutex_);
    for (Channel& channel : channels_) {
      if (channel.owner != owner || channel.receiver == nullptr) continue;
      channel.receiver = nullptr;
      any = true;
    }
  }
  if (any && runtime_.is_running()) runtime_.run_on(0, [] {});  // what was under way has returned
}

chr_status Links::send(uint32_t channel, int32_t to, uint32_t lane, const chr_slice* slices, uint32_t n) {
  if (lane >= kLanes) return CHR_E_INVALID_ARGUMENT;
  std::shared_ptr<LinkOut> out;
  uint32_t hash = 0;
  {
    const std::shared_lock lock(mutex_);
    if (channel >= channels_.size()) return CHR_E_INVALID_ARGUMENT;
    hash = channels_[channel].hash;
    const auto found = peers_.find(to);
    if (found == peers_.end()) return CHR_E_UNAVAILABLE;
    out = found->second.out;
  }
  if (!out->up.load(std::memory_order_acquire)) return CHR_E_UNAVAILABLE;
  bool wake = false;
  Shard* const shard = Shard::current();
  SliceSums* const sums = shard == nullptr ? nullptr : &shard->sums();
  const chr_status status = out->lanes[lane].push(hash, slices, n, sums, &wake);
  if (sums != nullptr && !sums->empty()) shard->end_turn_soon();
  if (wake) {
    runtime_.post(0, [this, to, lane] {
      if (const auto link = links_.find(to); link != links_.end()) link->second->flush(lane);
    });
  }
  return status;
}

Links::Channel Links::find_channel(uint32_t hash) const {
  const std::shared_lock lock(mutex_);
  for (const Channel& channel : channels_) {
    if (channel.hash == hash && channel.receiver != nullptr) return channel;
  }
  return {};
}

void Links::deliver(int32_t from, uint32_t hash, chr_slice payload) {
  const Channel channel = find_channel(hash);
  if (channel.receiver != nullptr) channel.receiver->frame(channel.context, from, payload);
}

void Links::tell_channels(int32_t peer, bool up) {
  std::vector<Channel> channels;
  {
    const std::shared_lock lock(mutex_);
    channels = channels_;
  }
  for (const Channel& channel : channels) {
    if (find_channel(channel.hash).receiver == channel.receiver && channel.receiver != nullptr)
      channel.receiver->link(channel.context, peer, up ? 1 : 0);
  }
}

// ---- those that connect ----

void Links::accepted(int fd) {
  if (stopped_ || greeters_.size() >= kMaxGreeters) {
    ::close(fd);
    return;
  }
  const auto key = std::make_shared<std::shared_ptr<LinkGreeter>>();
  const auto forget = [this, key] {
    greeters_.erase(*key);
    key->reset();
  };
  *key = LinkGreeter::start(
      runtime_.shard(0), fd, nullptr, static_cast<uint64_t>(options_.handshake.count()),
      [this, forget](const std::shared_ptr<LinkSocket>& socket, const Greeting& hello) {
        forget();
        greeted(socket, hello);
      },
      [this, forget](const LinkGreeter::Failure& failure) {
        forget();
        if (failure.kind == LinkGreeter::Failure::Kind::kGarbage)
          decode_error(-1, failure.peer, failure.refused.reason);
      });
  greeters_.insert(*key);
}

void Links::greeted(const std::shared_ptr<LinkSocket>& socket, const Greeting& hello) {
  if (socket->is_ended()) return socket->close();  // it thought better of it
  const auto found = links_.find(hello.node);
  PeerView peer;
  if (found != links_.end()) peer = found->second->view();
  std::optional<Refused> refused;
  if (!started_ || stopped_) refused = Refused{Refusal::kBusy, "this node is starting or stopping"};
  if (!refused) refused = judge(hello, view(), found == links_.end() ? nullptr : &peer);
  if (refused && refused->code == Refusal::kNotMember && removed_.contains(hello.node)) {
    refused = Refused{
        Refusal::kRemoved,
        fmt::format("node {0} was removed from this cluster; stop it, or start it on an empty data_dir and "
                    "run chronik-server node add --id {0} --raft HOST:PORT",
                    hello.node)};
  }
  if (!refused) refused = found->second->adopt_socket(socket, hello);
  if (refused) refuse(*socket, hello.node, *refused);
}

void Links::refuse(LinkSocket& socket, int32_t node, const Refused& refused) {
  if (refused.code != Refusal::kBusy) {
    warn_seldom(fmt::format("{}/{}", node, static_cast<int>(refused.code)),
                fmt::format("Refused a link: {}", refused.reason),
                Fields().add("peer", node).add("address", socket.peer()).text());
  }
  say(socket, runtime_.buffers(), encode(refused));
  socket.close();
}

void Links::report_trouble(int32_t peer, const std::string& trouble) {
  if (options_.on_trouble) options_.on_trouble(peer, trouble);
}

void Links::decode_error(int32_t peer, const std::string& from, const std::string& what) {
  runtime_.metrics().add(decode_errors_, 1);
  Fields fields;
  if (peer >= 0) fields.add("peer", peer);
  warn_seldom(fmt::format("{}/garbage", peer),
              fmt::format("What came on a link cannot be read; it is closed: {}", what),
              fields.add("address", from).text());
}

void Links::warn_seldom(const std::string& key, const std::string& message, const std::string& fields) {
  const uint64_t now = monotonic_ns();
  if (warned_.size() >= kMaxWarned && !warned_.contains(key)) warned_.clear();
  const auto [entry, is_new] = warned_.try_emplace(key, now);
  if (!is_new && now - entry->second < kWarnAgainNs) return;
  entry->second = now;
  runtime_.logger().warn(kComponent, message, fields);
}

// ---- time ----

void Links::tick_soon() { arm_tick(kBusyTickNs); }

void Links::arm_tick(uint64_t delay_ns) {
  const uint64_t due = monotonic_ns() + delay_ns;
  if (stopped_ || (tick_timer_ != 0 && tick_due_ns_ <= due)) return;
  runtime_.timer_cancel(tick_timer_);
  tick_due_ns_ = due;
  tick_timer_ = runtime_.timer_start(delay_ns, tick, this);
}

void CHR_CALL Links::tick(void* context) {
  auto* self = static_cast<Links*>(context);
  self->tick_timer_ = 0;
  const uint64_t now = monotonic_ns();
  bool busy = false;
  // A node that was stopped itself has heard nothing, through no fault of its peers: first it reads.
  if (now < self->tick_due_ns_ + kLateNs) {
    for (const auto& [id, link] : self->links_) busy |= link->tick(now);
  }
  const uint64_t idle = std::min(kIdleTickNs, static_cast<uint64_t>(self->options_.keepalive.count()) / 4);
  self->arm_tick(busy ? std::min(kBusyTickNs, idle) : idle);
}

}  // namespace chronik::host
