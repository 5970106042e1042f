// FileService: the files of all plugins of a node. It chooses the back end; each plugin has a FileFolder of it.
#pragma once

#include "host/files/file_backend.h"
#include "host/files/file_completer.h"
#include "host/files/file_reaper.h"
#include "host/files/thread_backend.h"

#include <chronik/result.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace chronik::host {

class FileFolder;

// How writes and syncs are carried out.
enum class FileIo {
  kAuto,   // by io_uring where the kernel lets this process use it, by threads otherwise
  kUring,  // by io_uring, or not at all
  kThreads
};
// As the key file_io says it.
FileIo file_io_of(std::string_view name);

// Thread-safe. Lives until the runtime has stopped.
class FileService {
 public:
  // Control thread, before Runtime::start(). UNSUPPORTED: io_uring is a must, and not to be had.
  static Result<std::unique_ptr<FileService>> open(Runtime& runtime, FileIo io);
  // With another back end. It may leave to `threads` what it does not take.
  using MakeBackend =
      std::function<std::unique_ptr<FileBackend>(FileCompleter& completer, FileBackend& threads)>;
  FileService(Runtime& runtime, const MakeBackend& make);
  ~FileService();
  FileService(const FileService&) = delete;
  FileService& operator=(const FileService&) = delete;

  // The files in a directory that exists. owner: the plugin, for the log.
  Result<std::shared_ptr<FileFolder>> open_folder(std::string owner, const std::string& directory);

 private:
  friend class FileFolder;
  // Where io_uring was refused, the log tells so, once.
  void log_refusal_once();
  // Begins an operation, which has a token.
  void start(std::unique_ptr<FileOp> op);
  // [blocking] From begin to end.
  Status run(FileOp& op);
  // [blocking] Syncs, several at a time.
  std::vector<Status> run_syncs(std::vector<FileOp> ops);

  Runtime& runtime_;
  FileCompleter completer_;
  ThreadBackend threads_;
  std::unique_ptr<FileBackend> backend_;  // null: it is threads_
  std::shared_ptr<FileReaper> reaper_;
  std::string refusal_;  // why there is no io_uring
  std::once_flag told_refusal_;
};

}  // namespace chronik::host
