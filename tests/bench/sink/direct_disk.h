// One file past the page cache: O_DIRECT, each write durable when it completes (RWF_DSYNC), several in flight. By io_uring where the
// build and the kernel have it, by threads where not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bare_sink {

inline constexpr size_t kBlock = 4096;
inline constexpr size_t kMostInFlight = 8;

struct DiskWrite {
  const uint8_t* bytes = nullptr;  // aligned to kBlock, as the next two are
  size_t n = 0;
  uint64_t at = 0;
  uint64_t token = 0;
};

// Used from one thread.
class DirectDisk {
 public:
  DirectDisk() = default;
  DirectDisk(const DirectDisk&) = delete;
  DirectDisk& operator=(const DirectDisk&) = delete;
  virtual ~DirectDisk() = default;
  // At most kMostInFlight at a time. wake is signalled when one has ended.
  virtual void write(const DiskWrite& write) = 0;
  // Tokens of those that have ended, in any order. A write that fails ends the process.
  virtual std::vector<uint64_t> take_ended() = 0;
};

// The file, made of `bytes` written zeros, so that no later write changes its metadata.
int make_zeroed_file(const std::string& path, uint64_t bytes);
std::unique_ptr<DirectDisk> open_direct_disk(int fd, int wake, bool threads_only);

}  // namespace bare_sink
