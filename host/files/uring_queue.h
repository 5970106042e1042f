// UringQueue: the io_uring of one shard. It is submitted to by the shard, and completes on the shard: no thread is between
// a write and its completion.
//
// An operation waits here while kMaxInFlight are with the kernel; one that was written in part, goes first.
#pragma once

#include "host/files/file_backend.h"
#include "host/files/file_completer.h"
#include "host/runtime/shard.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <liburing.h>

#include <deque>
#include <memory>
#include <vector>

namespace chronik::host {

// On its shard only, but for the destructor: after the shard has stopped, or on an io_context that does not run.
class UringQueue {
 public:
  static constexpr uint32_t kMaxInFlight = 128;

  // refused: takes what the kernel does not take just now, EAGAIN. All outlive it.
  static Result<std::unique_ptr<UringQueue>> open(Shard& shard, FileCompleter& completer,
                                                  FileBackend& refused);
  ~UringQueue();
  UringQueue(const UringQueue&) = delete;
  UringQueue& operator=(const UringQueue&) = delete;

  void start(std::unique_ptr<FileOp> op);
  // Blocks until all has ended, which an end of the shard must not interrupt: the kernel reads from its memory.
  void finish();

 private:
  UringQueue(Shard& shard, FileCompleter& completer, FileBackend& refused, const io_uring& ring, int event);
  void wait_for_event();
  void submit_waiting();
  void prepare(std::unique_ptr<FileOp> op);
  void flush();
  void flush_later();
  void reap();
  void note(const io_uring_cqe& cqe);

  Shard& shard_;
  FileCompleter& completer_;
  FileBackend& refused_;
  io_uring ring_;
  boost::asio::posix::stream_descriptor event_;  // the kernel counts there what it has completed
  uint64_t event_count_ = 0;
  std::deque<std::unique_ptr<FileOp>> waiting_;
  std::vector<std::unique_ptr<FileOp>> ended_;  // of this pass
  uint32_t in_flight_ = 0;                      // with the kernel, or on the way there
  bool flush_soon_ = false;                     // a timer runs
  bool finished_ = false;
};

}  // namespace chronik::host
