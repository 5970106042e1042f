// Takes what a state machine saves, in pieces that fit under one key.
#pragma once

#include "raft/core/payload.h"

#include <chronik/consensus.h>
#include <chronik/host.hpp>

#include <vector>

namespace chronik::raft {

class SnapshotSink {
 public:
  static constexpr uint64_t kPieceBytes = 512u << 10;

  explicit SnapshotSink(const Host& host) : host_(host) {}
  chr_sink abi() { return {this, write}; }

  // Each piece is full except for the last one.
  std::vector<chr_slice> pieces() const;
  uint64_t bytes() const { return bytes_; }
  uint32_t checksum() const { return checksum_; }  // CRC32C of all

 private:
  static uint32_t CHR_CALL write(void* context, const uint8_t* p, uint64_t n) noexcept;
  bool append(const uint8_t* p, uint64_t n);

  const Host host_;
  std::vector<Payload> pieces_;
  uint64_t bytes_ = 0;
  uint32_t checksum_ = 0;
};

}  // namespace chronik::raft
