#include "host/link/link_handshake.h"

#include "host/link/little_endian.h"

#include <chronik/crc32c.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace chronik::host {
namespace {

constexpr std::string_view kMagic = "chronikL";
constexpr size_t kMaxClusterId = 255;
constexpr size_t kMaxReason = 600;

template <std::integral T>
void append_le(std::string* out, T value) {
  uint8_t bytes[sizeof value];
  put_le(bytes, value);
  out->append(reinterpret_cast<const char*>(bytes), sizeof bytes);
}

void append(std::string* out, const chr_uuid& id) {
  out->append(reinterpret_cast<const char*>(id.b), sizeof id.b);
}

std::string head_of(GreetingKind kind, uint8_t lane, size_t body) {
  std::string out(kMagic);
  append_le(&out, static_cast<uint8_t>(kind));
  append_le(&out, lane);
  append_le(&out, kLinkVersion);
  append_le(&out, kLinkVersion);
  append_le(&out, static_cast<uint16_t>(body));
  return out;
}

// Reads from the front; what is not there is zero, and remembered.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  template <std::integral T>
  T integer() {
    const std::span<const uint8_t> from = take_bytes(sizeof(T));
    return from.empty() ? T{} : get_le<T>(from.data());
  }
  chr_uuid uuid() {
    chr_uuid id{};
    if (const std::span<const uint8_t> from = take_bytes(sizeof id.b); !from.empty())
      std::memcpy(id.b, from.data(), sizeof id.b);
    return id;
  }
  std::string text(size_t n) {
    const std::span<const uint8_t> from = take_bytes(n);
    return {reinterpret_cast<const char*>(from.data()), from.size()};
  }
  bool complete() const { return !failed_ && bytes_.empty(); }

 private:
  std::span<const uint8_t> take_bytes(size_t n) {
    if (bytes_.size() < n) {
      failed_ = true;
      return {};
    }
    const std::span<const uint8_t> front = bytes_.first(n);
    bytes_ = bytes_.subspan(n);
    return front;
  }
  std::span<const uint8_t> bytes_;
  bool failed_ = false;
};

std::optional<Greeting> malformed(std::string reason, Refused* refused, Refusal code = Refusal::kMalformed) {
  *refused = {code, std::move(reason)};
  return std::nullopt;
}

// What a peer sent goes into log lines.
std::string printable(std::string text) {
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

}  // namespace

std::string encode(const Greeting& greeting) {
  std::string body;
  append_le(&body, greeting.node);
  append_le(&body, greeting.meant);
  append_le(&body, greeting.session);
  append(&body, greeting.incarnation);
  append(&body, greeting.meant_incarnation);
  const std::string_view cluster = std::string_view(greeting.cluster_id).substr(0, kMaxClusterId);
  append_le(&body, static_cast<uint8_t>(cluster.size()));
  body += cluster;
  std::string out = head_of(greeting.kind, greeting.lane, body.size() + 4) + body;
  append_le(&out, crc32c::extend(0, out.data(), out.size()));
  return out;
}

std::string encode(const Refused& refused) {
  const std::string_view reason = std::string_view(refused.reason).substr(0, kMaxReason);
  std::string out = head_of(GreetingKind::kRefused, 0, reason.size() + 2);
  append_le(&out, static_cast<uint16_t>(refused.code));
  return out.append(reason);
}

Result<uint64_t> greeting_size(const uint8_t* head) {
  if (std::memcmp(head, kMagic.data(), kMagic.size()) != 0)
    return fail(Code::kCorrupt, "what connected speaks another protocol: it is no chronik node");
  const uint64_t body = get_le<uint16_t>(head + 14);
  if (body > kMaxGreetingBody) {
    return fail(Code::kCorrupt,
                fmt::format("a greeting announces {} bytes, more than the {} that one may have", body,
                            kMaxGreetingBody));
  }
  return kGreetingHead + body;
}

bool is_refusal(std::span<const uint8_t> message) {
  return message.size() >= kGreetingHead && message[8] == static_cast<uint8_t>(GreetingKind::kRefused);
}

std::optional<Greeting> decode_greeting(std::span<const uint8_t> message, Refused* refused) {
  const uint8_t kind = message[8];
  const auto lowest = get_le<uint16_t>(&message[10]);
  const auto highest = get_le<uint16_t>(&message[12]);
  Reader in(message.subspan(kGreetingHead));
  if (is_refusal(message)) {
    const auto code = in.integer<uint16_t>();
    return malformed(printable(in.text(message.size() - std::min<size_t>(message.size(), kGreetingHead + 2))),
                     refused, static_cast<Refusal>(code));
  }
  if (lowest > kLinkVersion || highest < kLinkVersion) {
    return malformed(fmt::format("it speaks versions {} to {} of the protocol between nodes, and this node "
                                 "version {}; upgrade the older one",
                                 lowest, highest, kLinkVersion),
                     refused, Refusal::kVersion);
  }
  const bool known = kind == static_cast<uint8_t>(GreetingKind::kHello) ||
                     kind == static_cast<uint8_t>(GreetingKind::kWelcome);
  if (!known || message[9] > 1) return malformed("a greeting of an unknown kind or lane", refused);
  Greeting greeting;
  greeting.kind = static_cast<GreetingKind>(kind);
  greeting.lane = message[9];
  greeting.node = in.integer<int32_t>();
  greeting.meant = in.integer<int32_t>();
  greeting.session = in.integer<uint64_t>();
  greeting.incarnation = in.uuid();
  greeting.meant_incarnation = in.uuid();
  greeting.cluster_id = in.text(in.integer<uint8_t>());
  const auto crc = in.integer<uint32_t>();
  if (!in.complete()) return malformed("a greeting whose fields do not fill it", refused);
  if (crc != crc32c::extend(0, message.data(), message.size() - 4))
    return malformed("a greeting that is damaged", refused);
  greeting.cluster_id = printable(std::move(greeting.cluster_id));
  return greeting;
}

bool is_zero(const chr_uuid& id) {
  return std::ranges::all_of(id.b, [](uint8_t byte) { return byte == 0; });
}

bool is_same(const chr_uuid& a, const chr_uuid& b) { return std::ranges::equal(a.b, b.b); }

std::optional<Refused> judge(const Greeting& greeting, const LinkView& self, const PeerView* peer) {
  const int32_t id = greeting.node;
  if (!greeting.cluster_id.empty() && !self.cluster_id.empty() && greeting.cluster_id != self.cluster_id) {
    return Refused{Refusal::kCluster,
                   fmt::format("node {} belongs to cluster {} and node {} to cluster {}; check the addresses "
                               "in [[peer]] and data_dir",
                               id, greeting.cluster_id, self.node, self.cluster_id)};
  }
  if (id == self.node) {
    return Refused{Refusal::kSameId,
                   fmt::format("both nodes have node_id {}; each node needs one of its own", id)};
  }
  if (greeting.meant != self.node) {
    return Refused{Refusal::kWrongNode,
                   fmt::format("node {} wants node {}, but this is node {}; check the addresses in [[peer]]",
                               id, greeting.meant, self.node)};
  }
  if (peer == nullptr) {
    return Refused{
        Refusal::kNotMember,
        fmt::format("node {} is not a member: chronik-server node add --id {} --raft HOST:PORT", id, id)};
  }
  if (!is_zero(greeting.meant_incarnation) && !is_same(greeting.meant_incarnation, self.incarnation)) {
    return Refused{
        Refusal::kIncarnation,
        fmt::format("node {} is known to node {} with data that it does not have any more; give it "
                    "an unused node_id and add it as a new node",
                    self.node, id)};
  }
  if (!is_zero(peer->incarnation) && !is_same(peer->incarnation, greeting.incarnation)) {
    return Refused{Refusal::kIncarnation,
                   fmt::format("node {} is known with data that this one does not have; start it with an "
                               "unused node_id and add it as a new node",
                               id)};
  }
  if (!is_zero(peer->connected) && !is_same(peer->connected, greeting.incarnation)) {
    return Refused{Refusal::kIncarnation,
                   fmt::format("another node {} is connected from {}; each node needs a node_id of its own",
                               id, peer->address)};
  }
  return std::nullopt;
}

}  // namespace chronik::host
