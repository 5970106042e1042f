// What another node sends on raft's channel, and what raft reads back from disk.
#include <cstdint>
#include <string_view>

#include "raft/wire/frame.h"
#include "raft/wire/stored.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] % 2 == 0) {
    (void)chronik::raft::decode_frame({data + 1, size - 1, nullptr}, 2, 1);
  } else {
    (void)chronik::raft::decode_vote(bytes);
    (void)chronik::raft::decode_log_meta(bytes);
    (void)chronik::raft::decode_snapshot(bytes);
    (void)chronik::raft::decode_trim(bytes);
  }
  return 0;
}
