#include "metadata/service/peers.h"

#include <fmt/format.h>

#include <chronik/plugin.hpp>

#include "metadata/wire/codec.h"

namespace chronik::metadata {
namespace {

constexpr chr_channel_v1 kChannel = {sizeof kChannel, 1, thunk<&Peers::frame>, thunk<&Peers::link>};

}  // namespace

Peers::Peers(Host host, HomeShard* home, Owner* owner)
    : host_(host), home_(home), owner_(owner), link_(host.find<chr_link_v1>(CHR_LINK_ID)) {}

Status Peers::open() {
  if (link_ == nullptr) return {};
  chr_error error = make_abi_error();
  const chr_status status = link_->open(host_.self(), to_abi("metadata"), &kChannel, this, &channel_, &error);
  if (status == CHR_OK) return {};
  return std::unexpected(from_abi(error, status));
}

Status Peers::send(int32_t to, const Frame& frame) {
  if (link_ == nullptr) return fail(Code::kUnavailable, fmt::format("there is no link to node {}", to));
  const std::string bytes = encode(frame);
  if (bytes.size() > kMaxCommandBytes)  // it would be refused there, and never answered
    return fail(Code::kInvalidArgument, "the change is too large; ask for fewer items at once");
  chr_slice slice{};
  if (host_.alloc(bytes.size(), &slice) != CHR_OK) return fail(Code::kOverloaded, "no memory for a frame");
  const Lease lease = Lease::adopt(slice.lease);
  std::memcpy(const_cast<uint8_t*>(slice.p), bytes.data(), bytes.size());
  const chr_status status = link_->send(host_.self(), channel_, to, CHR_LANE_CONTROL, &slice, 1);
  if (status == CHR_OK) return {};
  return fail(static_cast<Code>(status), status == CHR_E_OVERLOADED
                                             ? fmt::format("the link to node {} is full", to)
                                             : fmt::format("the link to node {} is down", to));
}

Status Peers::set_peer(int32_t peer, std::string_view address, const Uuid& incarnation) {
  if (link_ == nullptr) return {};
  const chr_uuid id = incarnation.to_abi();
  const chr_status status = link_->set_peer(host_.self(), peer, to_abi(address), &id);
  if (status == CHR_OK) return {};
  return fail(static_cast<Code>(status), fmt::format("the address is '{}'", address));
}

void Peers::remove_peer(int32_t peer) {
  if (link_ != nullptr) link_->remove_peer(host_.self(), peer);
}

void Peers::tell(int32_t to, const Frame& frame) {
  if (const Status sent = send(to, frame); !sent)
    host_.debug("A frame of metadata was not sent: " + sent.error().message, fmt::format("to={}", to));
}

void Peers::frame(int32_t from, chr_slice bytes) {
  home_->post([this, from, bytes, lease = Lease::share(bytes.lease)] { receive(from, bytes); });
}

void Peers::receive(int32_t from, const chr_slice& bytes) {
  if (closed_) return;
  Result<Frame> frame = decode_frame({reinterpret_cast<const char*>(bytes.p), bytes.n});
  if (!frame) {
    host_.warn("A frame of metadata was dropped: " + frame.error().message,
               fmt::format("from={} bytes={}", from, bytes.n));
    return;
  }
  owner_->frame_received(from, std::move(*frame));
}

void Peers::link(int32_t peer, uint32_t up) {
  home_->post([this, peer, up] {
    if (closed_) return;
    up != 0 ? static_cast<void>(up_.insert(peer)) : static_cast<void>(up_.erase(peer));
    owner_->link_changed(peer, up != 0);
  });
}

}  // namespace chronik::metadata
