// FileReaper: ends what may wait for the disk though nobody waits for it. The last close of a removed file gives its
// blocks back, and so does the end of its last map: on a shard that is left to a blocking thread.
#pragma once

#include <cstdint>
#include <mutex>

namespace chronik::host {

class Runtime;

// Thread-safe. Shared by open files and maps, which may outlive the runtime.
class FileReaper {
 public:
  explicit FileReaper(Runtime& runtime) : runtime_(&runtime) {}
  // The runtime ends: from here on the caller's thread does it.
  void detach();

  void close(int fd);
  void unmap(void* p, uint64_t n);

 private:
  template <class F>
  void run(F job);

  std::mutex mutex_;
  Runtime* runtime_;  // null: detached
};

}  // namespace chronik::host
