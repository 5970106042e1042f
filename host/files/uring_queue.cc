#include "host/files/uring_queue.h"

#include "host/files/uring_probe.h"
#include "host/runtime/runtime.h"

#include <boost/asio/buffer.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace chronik::host {
namespace {

constexpr uint64_t kFlushAgainNs = 1'000'000;

}  // namespace

Result<std::unique_ptr<UringQueue>> UringQueue::open(Shard& shard, FileCompleter& completer,
                                                     FileBackend& refused) {
  io_uring ring;
  CHRONIK_CHECK(open_uring(kMaxInFlight, &ring));
  const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  const int error = event < 0 ? -errno : io_uring_register_eventfd(&ring, event);
  if (error != 0) {
    if (event >= 0) ::close(event);
    io_uring_queue_exit(&ring);
    return uring_error(-error);
  }
  std::unique_ptr<UringQueue> queue(new UringQueue(shard, completer, refused, ring, event));
  queue->wait_for_event();
  return queue;
}

UringQueue::UringQueue(Shard& shard, FileCompleter& completer, FileBackend& refused, const io_uring& ring,
                       int event)
    : shard_(shard), completer_(completer), refused_(refused), ring_(ring), event_(shard.io(), event) {}

UringQueue::~UringQueue() {
  finish();
  io_uring_queue_exit(&ring_);
}

void UringQueue::start(std::unique_ptr<FileOp> op) {
  if (finished_) return refused_.start(std::move(op));
  waiting_.push_back(std::move(op));
  submit_waiting();
}

void UringQueue::finish() {
  if (finished_) return;
  while (in_flight_ > 0 || !waiting_.empty()) {
    (void)io_uring_submit_and_wait(&ring_, 1);
    reap();
  }
  finished_ = true;
  boost::system::error_code ignored;
  (void)event_.close(ignored);
}

void UringQueue::wait_for_event() {
  event_.async_read_some(boost::asio::buffer(&event_count_, sizeof event_count_),
                         shard_.as_turn([this](boost::system::error_code error, size_t) {
                           if (error) return;  // closed
                           reap();
                           wait_for_event();
                         }));
}

void UringQueue::submit_waiting() {
  while (!waiting_.empty() && in_flight_ < kMaxInFlight && io_uring_sq_space_left(&ring_) > 0) {
    prepare(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  flush();
}

void UringQueue::prepare(std::unique_ptr<FileOp> op) {
  io_uring_sqe* const sqe = io_uring_get_sqe(&ring_);
  if (op->is_sync) {
    io_uring_prep_fsync(sqe, op->file->sync_fd(), IORING_FSYNC_DATASYNC);
  } else {
    const auto parts = static_cast<unsigned>(op->parts.size() - op->first_part);
    io_uring_prep_writev2(sqe, op->file->fd(), op->parts.data() + op->first_part, parts, op->at,
                          op->durable ? RWF_DSYNC : 0);
  }
  ++in_flight_;
  sqe->user_data = reinterpret_cast<uintptr_t>(op.release());  // note() takes it back
}

void UringQueue::flush() {
  while (io_uring_sq_ready(&ring_) > 0) {
    const int submitted = io_uring_submit(&ring_);
    if (submitted == -EINTR) continue;
    if (submitted <= 0) return flush_later();  // short of memory
  }
}

void UringQueue::flush_later() {
  if (std::exchange(flush_soon_, true)) return;
  shard_.timer_start(
      kFlushAgainNs,
      [](void* context) {
        auto* const queue = static_cast<UringQueue*>(context);
        queue->flush_soon_ = false;
        if (!queue->finished_) queue->flush();
      },
      this);
}

void UringQueue::reap() {
  std::array<io_uring_cqe*, kMaxInFlight> cqes;
  while (const unsigned n =
             io_uring_peek_batch_cqe(&ring_, cqes.data(), static_cast<unsigned>(cqes.size()))) {
    for (unsigned i = 0; i < n; ++i) note(*cqes[i]);
    io_uring_cq_advance(&ring_, n);
  }
  submit_waiting();
  if (!ended_.empty()) completer_.end(std::exchange(ended_, {}));
}

void UringQueue::note(const io_uring_cqe& cqe) {
  --in_flight_;
  std::unique_ptr<FileOp> op(reinterpret_cast<FileOp*>(cqe.user_data));
  if (op->note(cqe.res)) {
    ended_.push_back(std::move(op));
  } else if (cqe.res < 0) {
    refused_.start(std::move(op));
  } else {
    waiting_.push_front(std::move(op));
  }
}

}  // namespace chronik::host
