// How far a long command is, on stderr: a line every few seconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace chronik::host {

class Progress {
 public:
  // "storage copy: copied 1.2 GiB of 4.0 GiB (30 %), 210.0 MiB/s". Nothing before the first interval is over.
  Progress(std::string command, std::string done) : command_(std::move(command)), done_(std::move(done)) {}
  void set_total(uint64_t bytes) { total_ = bytes; }
  void set_done(uint64_t bytes);
  void add(uint64_t bytes) { set_done(bytes_ + bytes); }
  uint64_t done() const { return bytes_; }

 private:
  using Clock = std::chrono::steady_clock;
  void print(Clock::time_point now);

  std::string command_;
  std::string done_;
  uint64_t total_ = 0;
  uint64_t bytes_ = 0;
  uint64_t printed_bytes_ = 0;
  Clock::time_point printed_ = Clock::now();
};

}  // namespace chronik::host
