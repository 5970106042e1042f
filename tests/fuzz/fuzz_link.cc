// What comes on the raft port: the handshake of a link and the heads of its frames. Whatever the bytes are,
// they end in a greeting that is judged, or in a reason; and a greeting says the same after a round trip.
#include "host/link/link_frame.h"
#include "host/link/link_handshake.h"
#include "host/link/little_endian.h"

#include <chronik/crc32c.hpp>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

using namespace chronik::host;

void require(bool condition) {
  if (!condition) std::abort();
}

void greet(std::vector<uint8_t> message) {
  if (message.size() < kGreetingHead) return;
  const auto size = greeting_size(message.data());
  if (!size || message.size() < *size) return;
  message.resize(*size);
  Refused refused;
  const auto greeting = decode_greeting(message, &refused);
  if (!greeting) return require(refused.reason.size() <= kMaxGreetingBody + 200);
  const LinkView self{1, {}, "ours"};
  const PeerView peer{{}, {}, "127.0.0.1:1"};
  if (const auto verdict = judge(*greeting, self, &peer)) (void)encode(*verdict);
  (void)judge(*greeting, self, nullptr);
  const std::string again = encode(*greeting);
  const auto second =
      decode_greeting({reinterpret_cast<const uint8_t*>(again.data()), again.size()}, &refused);
  require(second && second->node == greeting->node && second->cluster_id == greeting->cluster_id);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  std::vector<uint8_t> bytes(data + 1, data + size);
  const uint8_t how = data[0];
  if (bytes.size() >= kFrameHead) {
    (void)decode_frame_head(bytes.data());
    std::vector<uint8_t> head(bytes.begin(), bytes.begin() + kFrameHead);
    put_le(&head[12], chronik::crc32c::extend(0, head.data(), 12));
    if (const auto decoded = decode_frame_head(head.data())) require(decoded->length <= kMaxFramePayload);
  }
  if (how % 2 != 0 &&
      bytes.size() > kGreetingHead + 4) {  // past the magic and the checksum, which chance would not meet
    std::memcpy(bytes.data(), "chronikL", 8);
    put_le(&bytes[14], static_cast<uint16_t>(bytes.size() - kGreetingHead));
    const size_t end = bytes.size() - 4;
    put_le(&bytes[end], chronik::crc32c::extend(0, bytes.data(), end));
  }
  greet(std::move(bytes));
  return 0;
}
