// FileCompleter: how writes and syncs of files end.
#pragma once

#include "host/files/file_op.h"

#include <chronik/result.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace chronik::host {

class Runtime;

// Counts operations, lets go of what they hold, and completes their tokens. Thread-safe.
class FileCompleter {
 public:
  explicit FileCompleter(Runtime& runtime);

  // The operation begins, after OpenFile said that it may.
  void begin(FileOp& op);
  // These have ended. Their tokens are completed together, after leases and files were let go.
  void end(std::vector<std::unique_ptr<FileOp>> ops);
  void end(std::unique_ptr<FileOp> op);
  // The same for one that has no token.
  Status end_waited(FileOp& op);

 private:
  void count(const FileOp& op);

  Runtime& runtime_;
  uint64_t writes_, bytes_, syncs_, in_flight_, durable_seconds_;
};

}  // namespace chronik::host
