// The bytes of a frame while it is gathered, and afterwards for as long as somebody reads entries from it.
#pragma once

#include "storage-log/format/frame.h"

#include <chronik/host.hpp>

#include <string_view>

namespace chronik::storage_log {

// Begins on a block boundary, as what passes the page cache must.
class FrameBuffer {
 public:
  FrameBuffer(Host host, uint64_t block) : host_(host), block_(block) {}

  // Room for n more bytes of payload, and for the ids of so many groups in all. False: the host has no memory.
  // What was there may move.
  bool reserve(uint64_t n, uint64_t groups);
  // n bytes more of payload, which were reserved.
  uint8_t* extend(uint64_t n) { return base_ + sizeof(FrameHeader) + std::exchange(payload_, payload_ + n); }
  // Was written: moves the payload to memory of its size where it lies in much more, as entries keep it for seconds.
  void shrink();

  bool is_empty() const { return payload_ == 0; }
  uint64_t payload_bytes() const { return payload_; }
  std::string_view payload() const {
    return {reinterpret_cast<const char*>(base_) + sizeof(FrameHeader), payload_};
  }
  uint8_t* base() const { return base_; }
  // Of the memory; payloads are read under it.
  chr_buf* lease() const { return lease_.get(); }

 private:
  Host host_;
  uint64_t block_;
  uint8_t* base_ = nullptr;
  uint64_t capacity_ = 0;  // from base_ on
  uint64_t payload_ = 0;
  Lease lease_;
};

}  // namespace chronik::storage_log
