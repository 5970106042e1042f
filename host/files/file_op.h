// FileOp: one write or sync of a file, from the call to its end.
#pragma once

#include "host/files/open_file.h"

#include <chronik/host.hpp>

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace chronik::host {

struct FileOp {
  std::shared_ptr<OpenFile> file;
  uint64_t token = 0;  // 0: the caller waits
  bool is_sync = false;
  bool durable = false;
  uint64_t bytes = 0;         // of the whole write
  uint64_t at = 0, left = 0;  // of what is not written yet
  std::vector<iovec> parts;   // not empty ones; those before first_part are written
  size_t first_part = 0;
  std::vector<Lease> leases;
  uint64_t began_ns = 0;
  uint32_t refusals = 0;  // EINTR and EAGAIN, one after the other
  int error = 0;          // errno, when it has ended

  // What one system call for it gave: bytes, or -errno. True: it has ended. False: what is left has to be called for.
  bool note(int64_t result);
};

// [blocking] Does what is left of it.
void run_file_op(FileOp& op);
// What is dirty of the file goes to the disk from now on.
void begin_write_back(const OpenFile& file);

}  // namespace chronik::host
