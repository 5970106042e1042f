// What the socket side of bare_sink hands to a log, and gets back when it is durable.
#pragma once

#include "bench/kafka_bytes.h"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace bare_sink {

using kafka_bytes::load;

[[noreturn]] inline void die(const std::string& what) {
  std::fprintf(stderr, "bare_sink: %s\n", what.c_str());
  std::exit(1);
}
inline int must_fd(int fd, const char* what) {
  if (fd < 0) die(std::string(what) + ": " + std::strerror(errno));
  return fd;
}

inline constexpr size_t kMostFrame = 2 << 20;

// Frames of one size, used again last in, first out: their pages stay warm.
class Frames {
 public:
  using Frame = std::unique_ptr<uint8_t[]>;
  Frame get() {
    if (free_.empty()) return Frame(new uint8_t[kMostFrame]);
    Frame frame = std::move(free_.back());
    free_.pop_back();
    return frame;
  }
  void put(Frame frame) { free_.push_back(std::move(frame)); }

 private:
  std::vector<Frame> free_;
};

struct Part {  // of a Produce request: the batches for one partition
  int32_t partition = 0;
  std::span<uint8_t> records;
  int64_t count = 0;  // of records
  int16_t error = 0;
  int64_t base_offset = -1;
};

struct Request {
  uint64_t connection = 0;
  int32_t correlation = 0;
  int16_t version = 0, acks = 0;
  std::string topic;
  std::vector<Part> parts;
  Frames::Frame frame;
  size_t bytes = 0;
};

// Writes a part's batches to `to`, each with its offset.
inline void copy_batches(const Part& part, uint8_t* to) {
  std::memcpy(to, part.records.data(), part.records.size());
  int64_t offset = part.base_offset;
  for (size_t at = 0; at < part.records.size(); at += load<uint32_t>(to + at + 8) + 12) {
    const int64_t wire = std::byteswap(offset);
    std::memcpy(to + at, &wire, sizeof wire);
    offset += int64_t{load<int32_t>(to + at + 23)} + 1;
  }
}

// Makes requests durable. Its eventfd, which the server gives to it, says that some are. All calls come from the server's thread.
class Log {
 public:
  Log() = default;
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  virtual ~Log() = default;
  virtual void submit(Request request) = 0;
  // All that came together was submitted.
  virtual void end_turn() {}
  // Those that are durable, in the order in which they were submitted.
  virtual std::vector<Request> take_done() = 0;
};

}  // namespace bare_sink
