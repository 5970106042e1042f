// OpenFile: one open file of a plugin. Its handle has it, and what is in flight on it.
#pragma once

#include "host/files/file_reaper.h"

#include <chronik/draft/files.h>
#include <chronik/result.hpp>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace chronik::host {

// A map of a file that only asks which of its pages are in memory.
class ProbeMap {
 public:
  ProbeMap(std::shared_ptr<FileReaper> reaper, void* p, uint64_t n)
      : reaper_(std::move(reaper)), p_(p), n_(n) {}
  ~ProbeMap() { reaper_->unmap(p_, n_); }
  ProbeMap(const ProbeMap&) = delete;
  ProbeMap& operator=(const ProbeMap&) = delete;
  uint8_t* begin() const { return static_cast<uint8_t*>(p_); }
  uint64_t bytes() const { return n_; }

 private:
  const std::shared_ptr<FileReaper> reaper_;
  void* const p_;
  const uint64_t n_;
};

// Thread-safe. The descriptors are closed with the last reference.
//
// The kernel tells a failed write-back once per open file description, and a durable write asks, too. So syncs have a description
// of their own, opened with the first, before any write: what a durable write was told, the next sync is told again. The host
// mends it, not the plugin: only here is it known that the NO_SPACE of a durable write was that of a write-back.
class OpenFile {
 public:
  struct Kind {
    uint32_t block = 1;   // what positions, sizes and addresses are multiples of
    bool direct = false;  // writes pass the page cache
    bool to_read = false;
  };
  struct Descriptors {
    int fd = -1;
    int sync_fd = -1;  // to read only; -1: it is fd
  };
  // Takes the descriptors over.
  OpenFile(std::string name, Descriptors fds, Kind kind, uint64_t size, std::shared_ptr<FileReaper> reaper)
      : fds_(fds), kind_(kind), reaper_(std::move(reaper)), name_(std::move(name)), size_(size) {}
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int fd() const { return fds_.fd; }
  // Of syncs.
  int sync_fd() const { return fds_.sync_fd >= 0 ? fds_.sync_fd : fds_.fd; }
  // Whose reads fill the page cache, but where reads_past_cache().
  int cached_fd() const { return sync_fd(); }
  bool reads_past_cache() const { return kind_.direct && fds_.sync_fd < 0; }
  const Kind& kind() const { return kind_; }
  const std::shared_ptr<FileReaper>& reaper() const { return reaper_; }
  std::string name() const;
  void rename(std::string_view name);
  chr_file_info info() const;
  // In bytes, with what is in flight.
  uint64_t size() const;
  void set_size(uint64_t n);

  // Of [0, n) at least; kept for the next call. Null: there is no room for a map.
  std::shared_ptr<const ProbeMap> probe(uint64_t n) const;

  // A write of [at, at + n) begins. OUT_OF_RANGE: there would be a hole before it.
  Status begin_write(uint64_t at, uint64_t n);
  void begin_sync();
  // What began has ended.
  void end(bool failed);
  // Blocks until nothing is in flight.
  void wait_idle();

 private:
  const Descriptors fds_;
  const Kind kind_;
  const std::shared_ptr<FileReaper> reaper_;

  mutable std::mutex mutex_;  // all below
  mutable std::shared_ptr<const ProbeMap> probe_;
  std::condition_variable idle_;
  std::string name_;
  uint64_t size_;
  uint32_t in_flight_ = 0;
  bool size_unsure_ = false;  // a write has failed: the file system knows how far it came
};

}  // namespace chronik::host
