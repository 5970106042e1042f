// The bytes of a disk, in pieces: it grows without moving what it holds.
#pragma once

#include "sim/disk/volume.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

namespace chronik::sim {

class Platter final : public Volume {
 public:
  uint64_t size() const override { return size_; }
  char& at(uint64_t i) { return pieces_[i / kPiece][i % kPiece]; }

  void read(uint64_t at, char* to, uint64_t n) const override {
    for (uint64_t done = 0; done < n;) {
      const uint64_t part = std::min(n - done, kPiece - (at + done) % kPiece);
      std::memcpy(to + done, &pieces_[(at + done) / kPiece][(at + done) % kPiece], part);
      done += part;
    }
  }
  void write(uint64_t at, const char* from, uint64_t n) override {
    if (at > size_) resize(at);
    reserve(at + n);
    size_ = std::max(size_, at + n);
    for (uint64_t done = 0; done < n;) {
      const uint64_t part = std::min(n - done, kPiece - (at + done) % kPiece);
      std::memcpy(&this->at(at + done), from + done, part);
      done += part;
    }
  }
  void resize(uint64_t n) override {
    reserve(n);
    while (size_ < n) {
      const uint64_t part = std::min(n - size_, kPiece - size_ % kPiece);
      std::memset(&at(size_), 0, part);
      size_ += part;
    }
    size_ = n;
  }

 private:
  static constexpr uint64_t kPiece = 64 << 10;

  void reserve(uint64_t n) {
    while (pieces_.size() * kPiece < n) pieces_.push_back(std::make_unique_for_overwrite<char[]>(kPiece));
  }

  std::vector<std::unique_ptr<char[]>> pieces_;
  uint64_t size_ = 0;
};

}  // namespace chronik::sim
