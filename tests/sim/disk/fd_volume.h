// A volume that is a file of the machine below, by system calls alone: the functions of libc are interposed.
#pragma once

#include "sim/disk/volume.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace chronik::sim {

class FdVolume : public Volume {
 public:
  explicit FdVolume(int fd) : fd_(fd) {}
  ~FdVolume() override { close(fd_); }
  FdVolume(const FdVolume&) = delete;
  FdVolume& operator=(const FdVolume&) = delete;

  int fd() const { return fd_; }
  // The machine below refused to do as told.
  bool failed() const { return failed_; }

  uint64_t size() const override {
    struct stat status{};
    return fstat(fd_, &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
  }
  void read(uint64_t at, char* to, uint64_t n) const override {
    while (n > 0) {
      const ssize_t got = syscall(SYS_pread64, fd_, to, n, at);
      if (got <= 0) return;
      to += got;
      at += static_cast<uint64_t>(got);
      n -= static_cast<uint64_t>(got);
    }
  }
  void write(uint64_t at, const char* from, uint64_t n) override {
    while (n > 0) {
      const ssize_t put = syscall(SYS_pwrite64, fd_, from, n, at);
      if (put <= 0) return void(failed_ = true);
      from += put;
      at += static_cast<uint64_t>(put);
      n -= static_cast<uint64_t>(put);
    }
  }
  void resize(uint64_t n) override { failed_ |= syscall(SYS_ftruncate, fd_, n) != 0; }

 private:
  const int fd_;
  bool failed_ = false;
};

}  // namespace chronik::sim
