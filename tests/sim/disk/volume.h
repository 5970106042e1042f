// Bytes that outlive a process: those of one file.
#pragma once

#include <cstdint>
#include <string>

namespace chronik::sim {

class Volume {
 public:
  virtual ~Volume() = default;

  virtual uint64_t size() const = 0;
  // Bytes past the end are left alone.
  virtual void read(uint64_t at, char* to, uint64_t n) const = 0;
  // Grows where it must; what lies between is zeros.
  virtual void write(uint64_t at, const char* from, uint64_t n) = 0;
  virtual void resize(uint64_t n) = 0;

  std::string copy(uint64_t at, uint64_t n) const {
    std::string out(n, '\0');
    read(at, out.data(), n);
    return out;
  }
};

// One bit of the bytes in front of each place where these bytes lie; `which` chooses it. False: there is none.
bool flip_before(Volume& file, const std::string& bytes, uint64_t which);

}  // namespace chronik::sim
