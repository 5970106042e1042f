// A file for the tests of the disk.
#pragma once

#include "sim/disk/volume.h"

#include <algorithm>

namespace chronik::sim {

class StringVolume final : public Volume {
 public:
  const std::string& bytes() const { return bytes_; }

  uint64_t size() const override { return bytes_.size(); }
  void read(uint64_t at, char* to, uint64_t n) const override {
    if (at < bytes_.size()) bytes_.copy(to, n, at);
  }
  void write(uint64_t at, const char* from, uint64_t n) override {
    if (bytes_.size() < at + n) bytes_.resize(at + n);
    bytes_.replace(at, n, from, n);
  }
  void resize(uint64_t n) override { bytes_.resize(n); }

 private:
  std::string bytes_;
};

}  // namespace chronik::sim
