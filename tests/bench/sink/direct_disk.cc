#include "bench/sink/direct_disk.h"

#include "bench/sink/request.h"

#ifdef BARE_SINK_HAS_IO_URING
#include <liburing.h>
#endif
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace bare_sink {
namespace {

void must_be_whole(int64_t written, size_t n) {
  if (written < 0) die(std::string("write: ") + std::strerror(static_cast<int>(-written)));
  if (static_cast<size_t>(written) != n) die("a write was cut short");
}

class ThreadsDisk final : public DirectDisk {
 public:
  ThreadsDisk(int fd, int wake) : fd_(fd), wake_(wake) {
    for (size_t i = 0; i < kMostInFlight; ++i) threads_.emplace_back([this] { run(); });
  }

  void write(const DiskWrite& write) override {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(write);
    changed_.notify_one();
  }
  std::vector<uint64_t> take_ended() override {
    const std::lock_guard lock(mutex_);
    return std::exchange(ended_, {});
  }

 private:
  [[noreturn]] void run() {
    for (;;) {
      DiskWrite next;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !waiting_.empty(); });
        next = waiting_.front();
        waiting_.pop_front();
      }
      const iovec from{const_cast<uint8_t*>(next.bytes), next.n};
      const ssize_t written = pwritev2(fd_, &from, 1, static_cast<off_t>(next.at), RWF_DSYNC);
      must_be_whole(written < 0 ? -errno : written, next.n);
      {
        const std::lock_guard lock(mutex_);
        ended_.push_back(next.token);
      }
      const uint64_t one = 1;
      if (::write(wake_, &one, sizeof one) != sizeof one) die("eventfd");
    }
  }

  int fd_, wake_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<DiskWrite> waiting_;
  std::vector<uint64_t> ended_;
  std::vector<std::thread> threads_;  // never end: the process does
};

#ifdef BARE_SINK_HAS_IO_URING
class UringDisk final : public DirectDisk {
 public:
  // Null where the kernel, or who runs this, does not allow it.
  static std::unique_ptr<DirectDisk> open(int fd, int wake) {
    auto disk = std::make_unique<UringDisk>(fd);
    if (const int rc = io_uring_queue_init(kMostInFlight, &disk->ring_, 0); rc < 0) {
      std::fprintf(stderr, "bare_sink: no io_uring (%s), threads write\n", std::strerror(-rc));
      return nullptr;
    }
    disk->opened_ = true;
    if (io_uring_register_eventfd(&disk->ring_, wake) < 0) die("io_uring_register_eventfd");
    return disk;
  }

  explicit UringDisk(int fd) : fd_(fd) {}
  ~UringDisk() override {
    if (opened_) io_uring_queue_exit(&ring_);
  }

  void write(const DiskWrite& write) override {
    io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) die("more writes than fit into the ring");
    io_uring_prep_write(entry, fd_, write.bytes, static_cast<unsigned>(write.n), write.at);
    entry->rw_flags = RWF_DSYNC;
    entry->user_data = write.token;
    sizes_[write.token % kMostInFlight] = write.n;
    if (io_uring_submit(&ring_) != 1) die("io_uring_submit");
  }
  std::vector<uint64_t> take_ended() override {
    std::vector<uint64_t> out;
    io_uring_cqe* ended = nullptr;
    while (io_uring_peek_cqe(&ring_, &ended) == 0) {
      must_be_whole(ended->res, sizes_[ended->user_data % kMostInFlight]);
      out.push_back(ended->user_data);
      io_uring_cqe_seen(&ring_, ended);
    }
    return out;
  }

 private:
  int fd_;
  bool opened_ = false;
  io_uring ring_{};
  size_t sizes_[kMostInFlight] = {};  // by token, which are consecutive
};
#endif

}  // namespace

int make_zeroed_file(const std::string& path, uint64_t bytes) {
  constexpr size_t kZeros = 1 << 20;
  const int fd = must_fd(open(path.c_str(), O_CREAT | O_RDWR | O_DIRECT | O_CLOEXEC, 0644), path.c_str());
  void* const zeros = std::aligned_alloc(kBlock, kZeros);
  if (zeros == nullptr) die("no memory");
  std::memset(zeros, 0, kZeros);
  for (uint64_t at = 0; at < bytes; at += kZeros) {
    const ssize_t written = pwrite(fd, zeros, kZeros, static_cast<off_t>(at));
    must_be_whole(written < 0 ? -errno : written, kZeros);
  }
  std::free(zeros);
  must_fd(fsync(fd), "fsync");
  return fd;
}

std::unique_ptr<DirectDisk> open_direct_disk(int fd, int wake, bool threads_only) {
#ifdef BARE_SINK_HAS_IO_URING
  if (!threads_only)
    if (auto disk = UringDisk::open(fd, wake)) return disk;
#else
  (void)threads_only;
#endif
  return std::make_unique<ThreadsDisk>(fd, wake);
}

}  // namespace bare_sink
