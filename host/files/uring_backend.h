// UringBackend: writes and syncs through the io_uring of the shard that asks for them; those of other threads, on blocking threads.
#pragma once

#include "host/files/file_backend.h"
#include "host/files/file_completer.h"

#include <memory>
#include <vector>

namespace chronik::host {

class Shard;
class UringQueue;

class UringBackend final : public FileBackend {
 public:
  // Before Runtime::start(); lives until it has stopped. threads: for what no ring takes. All outlive it.
  UringBackend(Runtime& runtime, FileCompleter& completer, FileBackend& threads);
  ~UringBackend() override;
  void start(std::unique_ptr<FileOp> op) override;

 private:
  // A shard's, touched by the shard only.
  struct Slot {
    bool opened = false;                // or failed to
    std::unique_ptr<UringQueue> queue;  // null: not opened
  };
  static void CHR_CALL finish(void* slot);
  UringQueue* queue_of(Shard& shard);

  Runtime& runtime_;
  FileCompleter& completer_;
  FileBackend& threads_;
  std::vector<Slot> slots_;
};

}  // namespace chronik::host
