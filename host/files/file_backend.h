// FileBackend: what carries out the writes and syncs that nobody waits for.
#pragma once

#include "host/files/file_op.h"

#include <memory>

namespace chronik::host {

// Thread-safe.
class FileBackend {
 public:
  virtual ~FileBackend() = default;
  // Begins an operation that has a token; FileCompleter::end() is called when note() says so. Does not block.
  virtual void start(std::unique_ptr<FileOp> op) = 0;
};

}  // namespace chronik::host
