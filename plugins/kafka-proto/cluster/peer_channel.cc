#include "kafka-proto/cluster/peer_channel.h"

#include <fmt/format.h>

#include <chronik/plugin.hpp>

namespace chronik::kafka {
namespace {

constexpr int8_t kVersion = 1;

constexpr chr_channel_v1 kChannel = {sizeof(chr_channel_v1), 1, thunk<&PeerChannel::frame>,
                                     thunk<&PeerChannel::link>};

}  // namespace

Status PeerChannel::open() {
  if (services_.link == nullptr) return {};
  chr_error error = make_abi_error();
  const chr_status status =
      services_.link->open(services_.host.self(), to_abi("kafka"), &kChannel, this, &channel_, &error);
  if (status == CHR_OK) return {};
  return std::unexpected(from_abi(error, status));
}

Writer PeerChannel::begin_frame(PeerFrame kind, int64_t number) {
  Writer out;
  out.int8(kVersion);
  out.int8(static_cast<int8_t>(kind));
  out.int64(number);
  return out;
}

Status PeerChannel::send(int32_t to, Writer&& frame, uint32_t lane) {
  const OutFrame out = std::move(frame).finish();
  return send(to, out.slices(), lane);
}

Status PeerChannel::send(int32_t to, std::span<const chr_slice> frame, uint32_t lane) {
  if (services_.link == nullptr) return fail(Code::kUnavailable, "this host has no links");
  const chr_status status = services_.link->send(services_.host.self(), channel_, to, lane, frame.data(),
                                                 static_cast<uint32_t>(frame.size()));
  if (status == CHR_OK) return {};
  return fail(static_cast<Code>(status), fmt::format("the link to node {} did not take it", to));
}

void PeerChannel::frame(int32_t from, chr_slice bytes) {
  if (stopped_) return;
  Reader in(Bytes(bytes.p, bytes.n));
  const int8_t version = in.int8("version");
  const auto kind = static_cast<PeerFrame>(in.int8("kind"));
  const int64_t number = in.int64("number");
  const auto receiver = receivers_.find(kind);
  if (in.ok() && version == kVersion && receiver != receivers_.end() &&
      receiver->second(from, bytes, number, in))
    return;
  services_.host.warn("a frame about elections was dropped: it cannot be read",
                      fmt::format("from={} bytes={} version={}", from, bytes.n, version));
}

void PeerChannel::link(int32_t peer, uint32_t up) {
  if (stopped_) return;
  for (const LinkObserver& observer : observers_) observer(peer, up != 0);
}

}  // namespace chronik::kafka
