#include "host/files/open_file.h"

#include "host/files/file_system.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

namespace chronik::host {
namespace {

constexpr uint64_t kMinProbeBytes = 1u << 20;

}  // namespace

OpenFile::~OpenFile() {
  // The reaper may close it later, and an open() must not wait for that.
  unlock(fds_.fd);
  if (fds_.sync_fd >= 0) ::close(fds_.sync_fd);  // not the last one: it does not wait for the disk
  reaper_->close(fds_.fd);
}

std::string OpenFile::name() const {
  const std::lock_guard lock(mutex_);
  return name_;
}

void OpenFile::rename(std::string_view name) {
  const std::lock_guard lock(mutex_);
  name_ = name;
}

chr_file_info OpenFile::info() const {
  chr_file_info info{};
  info.struct_size = sizeof info;
  info.block = kind_.block;
  info.direct = kind_.direct ? 1 : 0;
  info.size = size();
  return info;
}

uint64_t OpenFile::size() const {
  const std::lock_guard lock(mutex_);
  return size_;
}

void OpenFile::set_size(uint64_t n) {
  const std::lock_guard lock(mutex_);
  size_ = n;
}

// Larger than the file, so that one which grows is mapped few times.
std::shared_ptr<const ProbeMap> OpenFile::probe(uint64_t n) const {
  const std::lock_guard lock(mutex_);
  if (probe_ != nullptr && probe_->bytes() >= n) return probe_;
  const uint64_t bytes = std::bit_ceil(std::max({n, size_, kMinProbeBytes}));
  void* const p = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fds_.fd, 0);
  if (p != MAP_FAILED) probe_ = std::make_shared<const ProbeMap>(reaper_, p, bytes);
  return p == MAP_FAILED ? nullptr : probe_;
}

Status OpenFile::begin_write(uint64_t at, uint64_t n) {
  const std::lock_guard lock(mutex_);
  if (at > size_) {
    return fail(Code::kOutOfRange,
                fmt::format("a write at {} would leave a hole in {}, which has {} bytes", at, name_, size_));
  }
  size_ = std::max(size_, at + n);
  ++in_flight_;
  return {};
}

void OpenFile::begin_sync() {
  const std::lock_guard lock(mutex_);
  ++in_flight_;
}

void OpenFile::end(bool failed) {
  const std::lock_guard lock(mutex_);
  size_unsure_ |= failed;
  if (--in_flight_ > 0) return;
  struct stat status{};
  if (size_unsure_ && ::fstat(fds_.fd, &status) == 0) {
    size_ = static_cast<uint64_t>(status.st_size);
    size_unsure_ = false;
  }
  idle_.notify_all();
}

void OpenFile::wait_idle() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return in_flight_ == 0; });
}

}  // namespace chronik::host
