#include "host/files/file_service.h"

#include "host/files/file_error.h"
#include "host/files/file_folder.h"
#include "host/files/sync_group.h"
#include "host/files/uring_backend.h"
#include "host/files/uring_probe.h"
#include "host/observe/logger.h"
#include "host/runtime/runtime.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <utility>

namespace chronik::host {

FileService::FileService(Runtime& runtime, const MakeBackend& make)
    : runtime_(runtime),
      completer_(runtime),
      threads_(runtime, completer_),
      backend_(make ? make(completer_, threads_) : nullptr),
      reaper_(std::make_shared<FileReaper>(runtime)) {}

FileService::~FileService() { reaper_->detach(); }

FileIo file_io_of(std::string_view name) {
  if (name == "io_uring") return FileIo::kUring;
  return name == "threads" ? FileIo::kThreads : FileIo::kAuto;
}

Result<std::unique_ptr<FileService>> FileService::open(Runtime& runtime, FileIo io) {
  if (io == FileIo::kThreads) return std::make_unique<FileService>(runtime, nullptr);
  const Status usable = probe_uring();
  if (usable) {
    return std::make_unique<FileService>(runtime, [&](FileCompleter& completer, FileBackend& threads) {
      return std::make_unique<UringBackend>(runtime, completer, threads);
    });
  }
  if (io == FileIo::kUring) {
    return fail(usable.error().code,
                fmt::format("file_io is \"io_uring\", which this node cannot have: {}; set it to \"auto\"",
                            usable.error().message));
  }
  auto service = std::make_unique<FileService>(runtime, nullptr);
  service->refusal_ = usable.error().message;
  return service;
}

Result<std::shared_ptr<FileFolder>> FileService::open_folder(std::string owner,
                                                             const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(file_error(errno, "open", directory));
  return std::make_shared<FileFolder>(*this, std::move(owner), directory, fd);
}

void FileService::log_refusal_once() {
  if (refusal_.empty()) return;
  std::call_once(told_refusal_, [this] {
    runtime_.logger().info("files", "no io_uring, so threads write files: " + refusal_);
  });
}

void FileService::start(std::unique_ptr<FileOp> op) {
  completer_.begin(*op);
  if (backend_ != nullptr) return backend_->start(std::move(op));
  threads_.start(std::move(op));
}

Status FileService::run(FileOp& op) {
  completer_.begin(op);
  run_file_op(op);
  return completer_.end_waited(op);
}

std::vector<Status> FileService::run_syncs(std::vector<FileOp> ops) {
  for (FileOp& op : ops) completer_.begin(op);
  ops = run_together(runtime_, std::move(ops));
  std::vector<Status> ended;
  for (FileOp& op : ops) ended.push_back(completer_.end_waited(op));
  return ended;
}

}  // namespace chronik::host
