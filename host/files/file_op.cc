#include "host/files/file_op.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace chronik::host {
namespace {

constexpr uint32_t kMaxRefusals = 1000;
constexpr ssize_t kWrittenBackAtOnce = 64 << 10;  // bytes

// What was written goes to the disk from now on, so that the sync which comes later finds little left. All at once, it would hold
// up the commits of others for as long. What fails here that sync is told.
void start_write_back(int fd, uint64_t at, ssize_t n) {
  if (n < kWrittenBackAtOnce) return;
  ::sync_file_range(fd, static_cast<off_t>(at), n, SYNC_FILE_RANGE_WRITE);
}

// Where a file system does not know RWF_DSYNC.
int64_t write_then_sync(FileOp& op, const iovec* parts, int count) {
  const int fd = op.file->fd();
  const ssize_t n = ::pwritev(fd, parts, count, static_cast<off_t>(op.at));
  if (n < 0 || ::fdatasync(fd) != 0) return -errno;
  return n;
}

int64_t call_once(FileOp& op) {
  if (op.is_sync) return ::fdatasync(op.file->sync_fd()) == 0 ? 0 : -errno;
  const int fd = op.file->fd();
  const iovec* const parts = op.parts.data() + op.first_part;
  const int count = static_cast<int>(op.parts.size() - op.first_part);
  if (!op.durable) {
    const ssize_t n = ::pwritev(fd, parts, count, static_cast<off_t>(op.at));
    if (n < 0) return -errno;
    start_write_back(fd, op.at, n);
    return n;
  }
  const ssize_t n = ::pwritev2(fd, parts, count, static_cast<off_t>(op.at), RWF_DSYNC);
  if (n < 0 && errno == EOPNOTSUPP) return write_then_sync(op, parts, count);
  return n >= 0 ? n : -errno;
}

}  // namespace

bool FileOp::note(int64_t result) {
  if ((result == -EINTR || result == -EAGAIN) && ++refusals <= kMaxRefusals) return false;
  if (result < 0) {
    error = static_cast<int>(-result);
    return true;
  }
  refusals = 0;
  if (is_sync) return true;
  if (result == 0 || static_cast<uint64_t>(result) > left) {  // no system call for a write should say so
    error = EIO;
    return true;
  }
  auto written = static_cast<uint64_t>(result);
  at += written;
  left -= written;
  while (written > 0) {
    iovec& part = parts[first_part];
    if (written < part.iov_len) {
      part.iov_base = static_cast<uint8_t*>(part.iov_base) + written;
      part.iov_len -= written;
      return false;
    }
    written -= part.iov_len;
    ++first_part;
  }
  return left == 0;
}

void begin_write_back(const OpenFile& file) {
  ::sync_file_range(file.sync_fd(), 0, 0, SYNC_FILE_RANGE_WRITE);  // what fails the sync is told
}

void run_file_op(FileOp& op) {
  while (!op.note(call_once(op))) {
  }
}

}  // namespace chronik::host
