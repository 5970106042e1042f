#include "host/link/peer_link.h"

#include "host/link/link_dial.h"
#include "host/link/link_frame.h"
#include "host/link/link_greeter.h"
#include "host/link/links.h"
#include "host/observe/logger.h"
#include "host/runtime/shard.h"

#include <chronik/crc32c.hpp>

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <utility>

namespace chronik::host {
namespace {

constexpr std::string_view kComponent = "link";
constexpr uint64_t kHeldNs = 5'000'000'000;       // a link that stood this long starts its redials afresh
constexpr uint64_t kHigherFirstNs = 100'000'000;  // how long the higher node waits for the lower to dial
constexpr uint64_t kHigherMostNs = 5'000'000'000;
constexpr uint64_t kRefusedNs = 1'000'000'000;  // before the next attempt after a refusal

uint64_t random_u64() {
  uint64_t value = 0;
  // Only has to differ from attempt to attempt; without entropy the clock does.
  if (::getrandom(&value, sizeof value, GRND_NONBLOCK) != sizeof value) value = monotonic_ns();
  return value;
}

uint64_t nanos(std::chrono::nanoseconds d) { return static_cast<uint64_t>(d.count()); }

std::string session_fields(int32_t peer, const std::string& address) {
  return Fields().add("peer", peer).add("address", address).text();
}

std::array<uint8_t, kFrameHead> make_keepalive() {
  std::array<uint8_t, kFrameHead> head{};
  encode_frame_head({}, head.data());
  return head;
}
const std::array<uint8_t, kFrameHead> keepalive_frame = make_keepalive();

}  // namespace

PeerLink::PeerLink(Links& links, int32_t id, std::shared_ptr<LinkOut> out)
    : links_(links), id_(id), out_(std::move(out)) {}

PeerLink::~PeerLink() { end("it is not needed any more"); }

bool PeerLink::is_lower() const { return links_.options_.node < id_; }

PeerView PeerLink::view() const {
  const bool stands = lanes_[0] != nullptr;
  return {incarnation_, stands ? connected_ : chr_uuid{}, stands ? lanes_[0]->peer() : address_};
}

void PeerLink::configure(const std::string& address, const chr_uuid& incarnation) {
  const bool moved = address != address_;
  address_ = address;
  incarnation_ = incarnation;
  if (!is_zero(incarnation) && lanes_[0] != nullptr && !is_same(incarnation, connected_))
    return go_down("it has not the data that this node is known with");
  if (lanes_[0] != nullptr || !moved) return;
  stop_dialling();
  attempts_ = 0;
  dial_later();
}

void PeerLink::end(const std::string& reason) {
  if (ended_) return;
  ended_ = true;
  go_down(reason);
  links_.report_trouble(id_, {});
}

// ---- dialling ----

void PeerLink::dial_later() {
  if (ended_ || retry_timer_ != 0 || dial_ != nullptr || greeter_ != nullptr || address_.empty()) return;
  const uint64_t first = nanos(links_.options_.redial_first);
  uint64_t most = nanos(links_.options_.redial_most);
  uint64_t delay = 0;
  if (is_lower()) {
    delay = attempts_ == 0 ? 0 : first << std::min(attempts_ - 1, 16u);
  } else {
    delay =
        attempts_ == 0 ? kHigherFirstNs : nanos(links_.options_.redial_most) << std::min(attempts_ - 1, 4u);
    most = std::max(most, kHigherMostNs);
  }
  delay = std::min(delay, most);
  if (was_refused_) delay = std::max(delay, kRefusedNs);
  if (delay != 0) delay = delay / 2 + random_u64() % (delay / 2 + 1);
  const chr_fn fire = [](void* context) {
    auto* self = static_cast<PeerLink*>(context);
    self->retry_timer_ = 0;
    self->dial(CHR_LANE_CONTROL);
  };
  retry_timer_ = links_.runtime_.timer_start(delay, fire, this);
}

void PeerLink::dial(uint32_t lane) {
  if (lane == CHR_LANE_CONTROL) {
    ++attempts_;
    was_refused_ = false;
    session_ = random_u64();
    dialled_ = true;
  }
  dial_ = LinkDial::start(links_.runtime_.shard(0), address_, nanos(links_.options_.handshake),
                          [this, lane](int fd, const std::string& error) {
                            dial_ = nullptr;
                            fd < 0 ? dial_failed(error) : greet(lane, fd);
                          });
}

void PeerLink::greet(uint32_t lane, int fd) {
  const LinkView self = links_.view();
  Greeting hello;
  hello.lane = static_cast<uint8_t>(lane);
  hello.node = self.node;
  hello.meant = id_;
  hello.session = session_;
  hello.incarnation = self.incarnation;
  hello.meant_incarnation = incarnation_;
  hello.cluster_id = self.cluster_id;
  greeter_ = LinkGreeter::start(
      links_.runtime_.shard(0), fd, &hello, nanos(links_.options_.handshake),
      [this, lane](const std::shared_ptr<LinkSocket>& socket, const Greeting& welcome) {
        greeter_ = nullptr;
        welcomed(lane, socket, welcome);
      },
      [this](const LinkGreeter::Failure& failure) {
        greeter_ = nullptr;
        greeting_failed(failure.kind == LinkGreeter::Failure::Kind::kGarbage,
                        failure.kind == LinkGreeter::Failure::Kind::kRefused, failure.refused, failure.peer);
      });
}

void PeerLink::greeting_failed(bool garbage, bool refused, const Refused& why, const std::string& from) {
  std::string reason = why.reason;
  // The other side cannot know where this node listens.
  if (const size_t at = reason.find("HOST:PORT"); at != std::string::npos && !links_.options_.listen.empty())
    reason.replace(at, 9, links_.options_.listen);
  if (garbage) {
    links_.decode_error(id_, from, reason);
    was_refused_ = true;
  } else if (refused && why.code != Refusal::kBusy) {
    links_.warn_seldom(fmt::format("{}/{}", id_, static_cast<int>(why.code)),
                       fmt::format("Node {} refused a link: {}", id_, reason), session_fields(id_, from));
    was_refused_ = true;
    reason = "it refuses this node: " + reason;
  }
  dial_failed(reason);
}

void PeerLink::welcomed(uint32_t lane, const std::shared_ptr<LinkSocket>& socket, const Greeting& welcome) {
  const PeerView peer = view();
  std::optional<Refused> refused = judge(welcome, links_.view(), &peer);
  if (!refused && (welcome.node != id_ || welcome.session != session_ || welcome.lane != lane))
    refused =
        Refused{Refusal::kWrongNode, fmt::format("node {} answered in place of node {}", welcome.node, id_)};
  if (refused) {
    links_.warn_seldom(fmt::format("{}/{}", id_, static_cast<int>(refused->code)),
                       "A link was given up: " + refused->reason, session_fields(id_, socket->peer()));
    socket->close();
    was_refused_ = true;
    return dial_failed(refused->reason);
  }
  attach(lane, socket, welcome);
  if (lane == CHR_LANE_CONTROL && lanes_[0] != nullptr) dial(CHR_LANE_BULK);
}

void PeerLink::dial_failed(const std::string& why) {
  if (links_.runtime_.logger().logs(CHR_LOG_DEBUG)) {
    links_.runtime_.logger().debug(kComponent, fmt::format("No link to node {}: {}", id_, why),
                                   session_fields(id_, address_));
  }
  go_down(why);
  links_.report_trouble(id_, fmt::format("no link to node {} at {}: {}", id_, address_, why));
}

void PeerLink::stop_dialling() {
  links_.runtime_.timer_cancel(std::exchange(retry_timer_, 0));
  if (dial_ != nullptr) std::exchange(dial_, nullptr)->cancel();
  if (greeter_ != nullptr) std::exchange(greeter_, nullptr)->cancel();
}

// ---- up and down ----

std::optional<Refused> PeerLink::adopt_socket(const std::shared_ptr<LinkSocket>& socket,
                                              const Greeting& hello) {
  if (hello.lane == CHR_LANE_CONTROL) {
    // Both said HELLO at the same time: that of the lower node goes on.
    const bool dials = dialled_ && !up_ && (greeter_ != nullptr || lanes_[0] != nullptr);
    if (dials && is_lower()) return Refused{Refusal::kBusy, "this node is about to connect from its side"};
    stop_dialling();
    go_down("it connected anew");
    stop_dialling();  // what go_down() has begun
    session_ = hello.session;
    dialled_ = false;
  } else if (lanes_[0] == nullptr || lanes_[1] != nullptr || hello.session != session_) {
    return Refused{Refusal::kBusy, "the control lane of this session is gone"};
  }
  Greeting welcome;
  const LinkView self = links_.view();
  welcome.kind = GreetingKind::kWelcome;
  welcome.lane = hello.lane;
  welcome.node = self.node;
  welcome.meant = id_;
  welcome.session = hello.session;
  welcome.incarnation = self.incarnation;
  welcome.meant_incarnation = hello.incarnation;
  welcome.cluster_id = self.cluster_id;
  say(*socket, links_.runtime_.buffers(), encode(welcome));
  attach(hello.lane, socket, hello);
  return std::nullopt;
}

void PeerLink::attach(uint32_t lane, const std::shared_ptr<LinkSocket>& socket, const Greeting& greeting) {
  lanes_[lane] = socket;
  connected_ = greeting.incarnation;
  socket->set_owner(this);
  if (lane == CHR_LANE_CONTROL) attached_ns_ = monotonic_ns();
  if (lanes_[1 - lane] != nullptr) return come_up();
  socket->flush();
  links_.tick_soon();
}

void PeerLink::come_up() {
  up_ = true;
  up_ns_ = monotonic_ns();
  links_.runtime_.logger().info(kComponent, fmt::format("The link to node {} is up", id_),
                                session_fields(id_, lanes_[0]->peer()));
  for (LinkOutbox& lane : out_->lanes) lane.open();
  out_->up.store(true, std::memory_order_release);
  links_.tell_channels(id_, true);
  links_.report_trouble(id_, {});
  for (const std::shared_ptr<LinkSocket>& lane : lanes_) {
    if (lane != nullptr) lane->read();
  }
  for (uint32_t lane = 0; lane < kLanes; ++lane) flush(lane);
  links_.tick_soon();
}

void PeerLink::go_down(const std::string& reason) {
  stop_dialling();
  out_->up.store(false, std::memory_order_release);
  for (LinkOutbox& lane : out_->lanes) lane.close();
  for (std::shared_ptr<LinkSocket>& lane : lanes_) {
    if (lane != nullptr) std::exchange(lane, nullptr)->close();
  }
  if (std::exchange(up_, false)) {
    if (monotonic_ns() - up_ns_ > kHeldNs) attempts_ = 0;
    links_.runtime_.logger().info(kComponent, fmt::format("The link to node {} is down: {}", id_, reason),
                                  session_fields(id_, address_));
    links_.tell_channels(id_, false);
    if (!ended_) links_.report_trouble(id_, fmt::format("the link to node {} is down: {}", id_, reason));
  }
  dial_later();
}

void PeerLink::lost(LinkSocket&, const std::string& reason) { go_down(reason); }

// ---- frames ----

uint64_t PeerLink::received(LinkSocket& socket, chr_slice bytes, uint64_t* need) {
  *need = kFrameHead;
  if (bytes.n < kFrameHead) return 0;
  const Result<FrameHead> head = decode_frame_head(bytes.p);
  std::string wrong = head ? std::string() : head.error().message;
  if (head) {
    *need = kFrameHead + head->length;
    if (bytes.n < *need) return 0;
    if (crc32c::extend(0, bytes.p + kFrameHead, head->length) != head->crc)
      wrong = fmt::format("a frame of {} bytes is damaged", head->length);
  }
  if (!wrong.empty()) {
    links_.decode_error(id_, socket.peer(), wrong);
    go_down(wrong);
    return 0;
  }
  const uint32_t lane = lane_of(socket);
  const uint64_t size = std::exchange(*need, kFrameHead);
  out_->received_bytes[lane].fetch_add(size, std::memory_order_relaxed);
  if (head->channel != 0) {
    out_->received_frames[lane].fetch_add(1, std::memory_order_relaxed);
    links_.deliver(id_, head->channel, {bytes.p + kFrameHead, head->length, bytes.lease});
  }
  return size;
}

void PeerLink::flush(uint32_t lane) {
  const std::shared_ptr<LinkSocket> socket = lanes_[lane];
  if (socket == nullptr || !up_) return;
  out_->lanes[lane].take_frames(&socket->queue(), monotonic_ns());
  const uint64_t before = socket->queue().bytes();
  if (!socket->flush()) return;
  out_->lanes[lane].sent(before - socket->queue().bytes());
  if (!socket->queue().empty()) links_.tick_soon();
}

void PeerLink::writable(LinkSocket& socket) {
  if (up_) return flush(lane_of(socket));
  socket.flush();
}

bool PeerLink::tick(uint64_t now_ns) {
  const uint64_t handshake = nanos(links_.options_.handshake);
  if (!up_ && lanes_[0] != nullptr && now_ns - std::min(now_ns, attached_ns_) > 2 * handshake) {
    go_down("its bulk lane did not come");
    return false;
  }
  bool busy = false;
  for (uint32_t lane = 0; lane < kLanes && up_; ++lane) busy |= look_at(lane, now_ns);
  uint64_t dropped = 0;
  for (const LinkOutbox& lane : out_->lanes) dropped += lane.counts().dropped;
  if (dropped > dropped_) {
    links_.warn_seldom(fmt::format("{}/full", id_),
                       fmt::format("The queue to node {} is full: frames are dropped", id_),
                       Fields().add("dropped", static_cast<int64_t>(dropped)).text());
    dropped_ = dropped;
  }
  return busy;
}

// What others lease may pin a read transaction: a peer's pace must not decide how long.
bool PeerLink::look_at(uint32_t lane, uint64_t now_ns) {
  const std::shared_ptr<LinkSocket> socket = lanes_[lane];
  WriteQueue& queue = socket->queue();
  const auto since = [now_ns](uint64_t then) { return now_ns - std::min(now_ns, then); };
  if (since(socket->heard_ns()) > nanos(links_.options_.silence)) {
    go_down(fmt::format("nothing was heard of it for {} s", since(socket->heard_ns()) / 1'000'000'000));
    return false;
  }
  const uint64_t oldest = queue.oldest_foreign_ns();
  if (oldest != UINT64_MAX &&
      (since(oldest) > nanos(links_.runtime_.options().lease_age) || queue.is_recalled()) &&
      !queue.copy_foreign()) {
    go_down("no memory for what it has not read yet");
    return false;
  }
  if (!queue.empty()) return true;
  socket->rest();
  if (since(socket->sent_ns()) < nanos(links_.options_.keepalive)) return false;
  const chr_slice keepalive{keepalive_frame.data(), keepalive_frame.size(), nullptr};
  queue.push(&keepalive, 1, now_ns);
  if (socket->flush() && !queue.empty()) return true;
  return false;
}

}  // namespace chronik::host
