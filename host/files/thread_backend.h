// ThreadBackend: writes and syncs on the runtime's blocking threads.
#pragma once

#include "host/files/file_backend.h"
#include "host/files/file_completer.h"

namespace chronik::host {

class ThreadBackend final : public FileBackend {
 public:
  // Both outlive it.
  ThreadBackend(Runtime& runtime, FileCompleter& completer) : runtime_(runtime), completer_(completer) {}
  void start(std::unique_ptr<FileOp> op) override;

 private:
  struct Job {
    FileCompleter* completer;
    std::unique_ptr<FileOp> op;
  };
  static void CHR_CALL run(void* context);

  Runtime& runtime_;
  FileCompleter& completer_;
};

}  // namespace chronik::host
