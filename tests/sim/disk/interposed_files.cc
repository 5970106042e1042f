#include "sim/disk/interposed_files.h"

#include "sim/base/world.h"
#include "sim/disk/fd_volume.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <filesystem>
#include <utility>

namespace chronik::sim {
namespace {

std::vector<InterposedFiles*>& all() {
  static std::vector<InterposedFiles*> all;
  return all;
}

std::string path_of(int fd) {
  char path[4096];
  const ssize_t n = readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), path, sizeof path);
  return std::string(path, n > 0 ? static_cast<size_t>(n) : 0);
}

ssize_t failed(int error) {
  errno = error;
  return -1;
}

std::string made(const std::string& directory) {
  std::filesystem::create_directories(directory);
  return std::filesystem::canonical(directory);
}

}  // namespace

// A descriptor of its own keeps the file and its number alive, whatever the storage does to its name.
class InterposedFiles::File final : public FdVolume {
 public:
  File(InterposedFiles& files, std::string name, int fd)
      : FdVolume(fd), owner(files), path(std::move(name)) {}

  uint64_t size() const override { return exists() ? FdVolume::size() : 0; }
  bool exists() const {
    struct stat status{};
    return fstat(fd(), &status) == 0 && status.st_nlink != 0;
  }

  InterposedFiles& owner;
  const std::string path;
  bool mapped = false;  // for writing: what happens to it is not seen, and does not last
};

InterposedFiles::InterposedFiles(World& world, uint32_t node, Disk& disk, const std::string& directory)
    : world_(world), node_(node), disk_(disk), directory_(made(directory)) {
  all().push_back(this);
}

InterposedFiles::~InterposedFiles() {
  std::erase(all(), this);
  for (const auto& [inode, file] : files_) disk_.drop(*file);
}

void InterposedFiles::process_begins() {
  std::erase_if(files_, [this](const auto& entry) {
    File& file = *entry.second;
    if (file.mapped) std::filesystem::remove(file.path);
    if (file.exists()) return false;
    disk_.drop(file);
    return true;
  });
}

// Where they look for their files there are none: an orderly end removes some, which a death does not.
void InterposedFiles::process_dies() {
  dying_ = true;
  std::filesystem::rename(directory_, aside());
}

void InterposedFiles::process_is_gone() {
  if (!std::exchange(dying_, false)) return;
  std::filesystem::remove_all(directory_);
  std::filesystem::rename(aside(), directory_);
}

void InterposedFiles::remove_all() {
  for (const auto& [inode, file] : files_) disk_.drop(*file);
  files_.clear();
  for (const auto& entry : std::filesystem::directory_iterator(directory_))
    std::filesystem::remove_all(entry.path());
}

bool InterposedFiles::flip_before(const std::string& bytes, uint64_t which) {
  bool found = false;
  for (const auto& [inode, file] : files_)
    found |= !file->mapped && file->exists() && sim::flip_before(*file, bytes, which);
  if (found) disk_.note_damage();
  return found;
}

InterposedFiles::File* InterposedFiles::find(int fd) {
  if (all().empty()) return nullptr;
  struct stat status{};
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return nullptr;
  for (InterposedFiles* files : all()) {
    if (const auto known = files->files_.find(status.st_ino); known != files->files_.end())
      return known->second->mapped ? nullptr : known->second.get();
  }
  for (InterposedFiles* files : all()) {
    if (File* const file = files->file_of(fd, status.st_ino); file != nullptr) return file;
  }
  return nullptr;
}

InterposedFiles::File* InterposedFiles::file_of(int fd, uint64_t inode) {
  const std::string path = path_of(fd);
  if (!path.starts_with(directory_ + "/")) return nullptr;
  const int own = static_cast<int>(
      syscall(SYS_openat, AT_FDCWD, fmt::format("/proc/self/fd/{}", fd).c_str(), O_RDWR | O_CLOEXEC));
  if (own < 0) return nullptr;
  const auto& file = files_.emplace(inode, std::make_unique<File>(*this, path, own)).first->second;
  disk_.hold(*file);
  return file.get();
}

bool InterposedFiles::may_block() {
  if (dying_) return false;
  disk_.passed(world_.loop.now());
  if (world_.current.node == node_ && world_.current.shard < 0) return true;
  world_.fail(
      "plugin-misbehaviour",
      fmt::format("node {}: the storage writes to a file on a shard, where nothing may block", node_));
  return false;
}

ssize_t InterposedFiles::write(File& file, int fd, const iovec* parts, int count, uint64_t at) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  InterposedFiles& files = file.owner;
  if (!files.may_block()) return static_cast<ssize_t>(bytes.size());
  World& world = files.world_;
  const bool through = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
  uint64_t taken = 0;
  const chr_status status =
      files.disk_.write(world.now(), file, at, bytes, through, &taken, &world.current.cost);
  if (file.failed()) world.fail("host-disk", fmt::format("cannot write to {}", file.path));
  world.trace.note(world.now(), files.node_, Kind::kDisk, fold(at + 1, bytes.size() << 32 | taken));
  if (status == CHR_E_NO_SPACE) return failed(ENOSPC);
  return status == CHR_OK ? static_cast<ssize_t>(taken) : failed(EIO);
}

int InterposedFiles::sync(File& file) {
  InterposedFiles& files = file.owner;
  if (!files.may_block()) return 0;
  World& world = files.world_;
  const chr_status status = files.disk_.sync(world.now(), file, &world.current.cost);
  world.trace.note(world.now(), files.node_, Kind::kDisk, 0);
  return status == CHR_OK ? 0 : static_cast<int>(failed(status == CHR_E_NO_SPACE ? ENOSPC : EIO));
}

int InterposedFiles::resize(File& file, uint64_t size) {
  if (file.owner.may_block()) file.owner.disk_.resize(file.owner.world_.now(), file, size);
  return 0;
}

int InterposedFiles::allocate(File& file, uint64_t end) {
  Disk& disk = file.owner.disk_;
  const uint64_t size = file.size();
  if (end <= size || !file.owner.may_block()) return 0;
  if (disk.room() < end - size) return ENOSPC;
  disk.resize(file.owner.world_.now(), file, end);
  return 0;
}

void InterposedFiles::mapped_for_writing(File& file) {
  file.mapped = true;
  file.owner.disk_.drop(file);
}

}  // namespace chronik::sim

namespace {

using chronik::sim::InterposedFiles;

uint64_t position(int fd) { return static_cast<uint64_t>(syscall(SYS_lseek, fd, 0, SEEK_CUR)); }

// Where the next write goes, and behind it.
ssize_t write_at_position(InterposedFiles::File& file, int fd, const iovec* parts, int count) {
  if ((fcntl(fd, F_GETFL) & O_APPEND) != 0) syscall(SYS_lseek, fd, 0, SEEK_END);
  const uint64_t at = position(fd);
  const ssize_t written = InterposedFiles::write(file, fd, parts, count, at);
  if (written > 0) syscall(SYS_lseek, fd, at + static_cast<uint64_t>(written), SEEK_SET);
  return written;
}

// An open that empties a file does so by a resize, which is seen.
int open_seen(int directory, const char* path, int flags, mode_t mode) {
  const int fd = static_cast<int>(syscall(SYS_openat, directory, path, flags & ~O_TRUNC, mode));
  if (fd >= 0 && (flags & O_TRUNC) != 0) (void)!ftruncate(fd, 0);
  return fd;
}

}  // namespace

// The functions of libc that a storage finds here first.
#define CHRONIK_SIM_EXPORT __attribute__((visibility("default")))
extern "C" {

CHRONIK_SIM_EXPORT int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_seen(AT_FDCWD, path, flags, mode);
}
CHRONIK_SIM_EXPORT int openat(int directory, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_seen(directory, path, flags, mode);
}
CHRONIK_SIM_EXPORT int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_seen(AT_FDCWD, path, flags, mode);
}
CHRONIK_SIM_EXPORT ssize_t pwrite(int fd, const void* bytes, size_t n, off_t at) {
  const iovec part{const_cast<void*>(bytes), n};
  if (auto* file = InterposedFiles::find(fd))
    return InterposedFiles::write(*file, fd, &part, 1, static_cast<uint64_t>(at));
  return syscall(SYS_pwrite64, fd, bytes, n, at);
}
CHRONIK_SIM_EXPORT ssize_t pwrite64(int fd, const void* bytes, size_t n, off64_t at) {
  return pwrite(fd, bytes, n, at);
}
CHRONIK_SIM_EXPORT ssize_t pwritev(int fd, const iovec* parts, int count, off_t at) {
  if (auto* file = InterposedFiles::find(fd))
    return InterposedFiles::write(*file, fd, parts, count, static_cast<uint64_t>(at));
  return syscall(SYS_pwritev, fd, parts, count, at, 0);
}
CHRONIK_SIM_EXPORT ssize_t pwritev64(int fd, const iovec* parts, int count, off64_t at) {
  return pwritev(fd, parts, count, at);
}
CHRONIK_SIM_EXPORT ssize_t write(int fd, const void* bytes, size_t n) {
  const iovec part{const_cast<void*>(bytes), n};
  if (auto* file = InterposedFiles::find(fd)) return write_at_position(*file, fd, &part, 1);
  return syscall(SYS_write, fd, bytes, n);
}
CHRONIK_SIM_EXPORT ssize_t writev(int fd, const iovec* parts, int count) {
  if (auto* file = InterposedFiles::find(fd)) return write_at_position(*file, fd, parts, count);
  return syscall(SYS_writev, fd, parts, count);
}
CHRONIK_SIM_EXPORT int fsync(int fd) {
  if (auto* file = InterposedFiles::find(fd)) return InterposedFiles::sync(*file);
  return static_cast<int>(syscall(SYS_fsync, fd));
}
CHRONIK_SIM_EXPORT int fdatasync(int fd) {
  if (auto* file = InterposedFiles::find(fd)) return InterposedFiles::sync(*file);
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}
CHRONIK_SIM_EXPORT int ftruncate(int fd, off_t size) {
  if (auto* file = InterposedFiles::find(fd))
    return InterposedFiles::resize(*file, static_cast<uint64_t>(size));
  return static_cast<int>(syscall(SYS_ftruncate, fd, size));
}
CHRONIK_SIM_EXPORT int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }
CHRONIK_SIM_EXPORT int posix_fallocate(int fd, off_t at, off_t n) {
  if (auto* file = InterposedFiles::find(fd))
    return InterposedFiles::allocate(*file, static_cast<uint64_t>(at + n));
  return syscall(SYS_fallocate, fd, 0, at, n) == 0 ? 0 : errno;
}
CHRONIK_SIM_EXPORT int posix_fallocate64(int fd, off64_t at, off64_t n) { return posix_fallocate(fd, at, n); }
CHRONIK_SIM_EXPORT int fallocate(int fd, int mode, off_t at, off_t n) {
  auto* const file = InterposedFiles::find(fd);
  if (file == nullptr) return static_cast<int>(syscall(SYS_fallocate, fd, mode, at, n));
  errno = mode != 0 ? EOPNOTSUPP : InterposedFiles::allocate(*file, static_cast<uint64_t>(at + n));
  return errno == 0 ? 0 : -1;
}
CHRONIK_SIM_EXPORT int fallocate64(int fd, int mode, off64_t at, off64_t n) {
  return fallocate(fd, mode, at, n);
}
CHRONIK_SIM_EXPORT void* mmap(void* where, size_t n, int protection, int flags, int fd, off_t at) {
  const bool writes = (protection & PROT_WRITE) != 0 && (flags & MAP_SHARED) != 0 && fd >= 0;
  if (auto* file = writes ? InterposedFiles::find(fd) : nullptr) InterposedFiles::mapped_for_writing(*file);
  return reinterpret_cast<void*>(syscall(SYS_mmap, where, n, protection, flags, fd, at));
}
CHRONIK_SIM_EXPORT void* mmap64(void* where, size_t n, int protection, int flags, int fd, off64_t at) {
  return mmap(where, n, protection, flags, fd, at);
}

}  // extern "C"
